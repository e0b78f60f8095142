// Lengths of time as our schemas write them.

const PARTS = /^(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?$/;

/** Seconds of a text such as 1h30m; of what has passed the schema's pattern (anything else counts as 0s, and so does nothing). */
export function secondsOf(duration: string | undefined): number {
  const [, hours = '0', minutes = '0', seconds = '0'] = PARTS.exec(duration ?? '') ?? [];
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

/** Seconds as our schemas write them: 5400 as 1h30m, 0 as 0s. */
export function durationOf(seconds: number): string {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const text = [hours && `${hours}h`, minutes && `${minutes}m`, rest && `${rest}s`].filter((part) => part !== 0).join('');
  return text === '' ? '0s' : text;
}
