// How long the API server waits for us: it says so in the query of each call, `?timeout=5s`.

/**
 * Milliseconds of the `timeout` in a request target, written as a Go duration (`5s`, `1m30s`, `500ms`); undefined when
 * there is none, or none that can be read: then nothing is known about the client's patience.
 */
export function timeoutOf(url: string): number | undefined {
  if (url !== lastUrl) {
    const query = url.indexOf('?');
    const text = query < 0 ? undefined : new URLSearchParams(url.slice(query + 1)).get('timeout');
    lastTimeout = text ? durationMs(text) : undefined;
    lastUrl = url;
  }
  return lastTimeout;
}

/** The API server sends the same target again and again. */
let lastUrl = '';
let lastTimeout: number | undefined;

/** Milliseconds of a Go duration without sign, or undefined. */
const durationMs = (text: string): number | undefined => {
  if (!DURATION.test(text)) return undefined;
  let sum = 0;
  for (const [, number, unit] of text.matchAll(PART)) sum += Number(number) * (UNIT_MS[unit ?? ''] ?? 0);
  return sum;
};

const DURATION = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|μs|ms|s|m|h))+$/;
const PART = /(\d+(?:\.\d+)?)(ns|us|µs|μs|ms|s|m|h)/g;
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
