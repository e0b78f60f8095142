// The log: one line per event on standard output, written in batches so that no review waits for a slow reader.
// Callers pass chosen fields, never an object of a request.
import { destination, pino, stdTimeFunctions } from 'pino';

/** The part of a pino logger that the program uses. */
export interface Log {
  trace(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';
/** `json` is one JSON document per line, `standard` is text, the default of vault-k8s. */
export type LogFormat = 'json' | 'standard';

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Destination of the lines; standard output when absent. */
  readonly sink?: LogSink | undefined;
}

export interface LogSink {
  write(line: string): void;
  flushSync?(): void;
}

/** Call `flush` before the process ends itself, so that no line is lost. */
export type FlushableLog = Log & { flush(): void };

/** Opens the log. Lines reach standard output within 200 ms and when the process exits. */
export function createLog(options: LogOptions): FlushableLog {
  const sink = options.sink ?? standardOutput();
  const log = options.format === 'json' ? jsonLog(options.level, sink) : textLog(options.level, sink);
  return Object.assign(log, { flush: () => sink.flushSync?.() });
}

/** Standard output, written by a thread of the pool: a slow or full pipe never blocks the event loop. */
const standardOutput = (): LogSink => {
  const output = destination({ dest: 1, sync: false, minLength: BATCH_BYTES, maxLength: MAX_BUFFERED_BYTES });
  setInterval(() => output.flush(), FLUSH_INTERVAL_MS).unref();
  return output;
};

const BATCH_BYTES = 4096;
const FLUSH_INTERVAL_MS = 200;
/** Lines beyond this are dropped while the reader of the pipe is stuck, so that the log cannot take all memory. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

const jsonLog = (level: LogLevel, sink: LogSink): Log =>
  pino({ level, base: null, timestamp: stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } }, sink);

/** Lines such as `2026-03-01T12:00:00.000Z [INFO]  review answered: namespace=shop decision=injected`. */
const textLog = (level: LogLevel, sink: LogSink): Log => {
  const from = LEVELS.indexOf(level);
  const at = (name: LogLevel): ((fields: object, message: string) => void) => {
    if (LEVELS.indexOf(name) < from) return silent;
    const label = `[${name.toUpperCase()}]`.padEnd(7);
    return (fields, message) => {
      sink.write(`${new Date().toISOString()} ${label} ${message}${pairs(fields)}\n`);
    };
  };
  return { trace: at('trace'), debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
};

const LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error'];

const silent = (): void => {};

const pairs = (fields: object): string => {
  let text = '';
  for (const [key, value] of Object.entries(fields)) if (value !== undefined) text += ` ${key}=${printable(value)}`;
  return text === '' ? '' : `:${text}`;
};

/** A value that could be read as two, break the line or hide a character is quoted as JSON. */
const printable = (value: unknown): string => {
  if (value instanceof Error) return quoted(value.stack ?? value.message);
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'string') return quoted(value);
  return PLAIN.test(value) ? value : quoted(value);
};

/** JSON leaves characters raw that control terminals or change the direction of a line. */
const quoted = (value: unknown): string =>
  (JSON.stringify(value) ?? String(value)).replaceAll(
    INVISIBLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const PLAIN = /^[\w./:@*+-]+$/;
/** Control characters, line and paragraph separators, and characters without width such as direction marks; up to U+FFFF. */
const INVISIBLE = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
