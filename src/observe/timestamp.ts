// The time of a line in the log.

/** Now in UTC, to the millisecond (RFC 3339). Its first part is the same for a second, and forming it is half the price of a line. */
export function timestamp(): string {
  const now = Date.now();
  const second = Math.floor(now / 1000);
  if (second !== lastSecond) {
    lastSecond = second;
    lastText = new Date(now).toISOString().slice(0, 20);
  }
  return `${lastText}${String(now % 1000).padStart(3, '0')}Z`;
}

let lastSecond = 0;
let lastText = '';
