// Lengths of time as our schemas write them.

const PARTS = /^(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?$/;

/** Seconds of a text such as 1h30m; of what has passed the schema's pattern (anything else counts as 0s, and so does nothing). */
export const secondsOf = (duration: string | undefined): number => {
  const [, hours = '0', minutes = '0', seconds = '0'] = PARTS.exec(duration ?? '') ?? [];
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
};
