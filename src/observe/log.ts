// The log: one line per event on standard output, written in batches so that no review waits for a slow reader.
// Callers pass chosen fields, never an object that came from outside.
import { pino } from 'pino';
import { standardOutput } from './standard-output.ts';
import { textLog } from './text-log.ts';
import { timestamp } from './timestamp.ts';

/** What the rest of the program may do with the log; a pino logger is one. */
export interface Log {
  trace(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';
/** `json` is one JSON document per line, `standard` is text for people as vault-k8s prints it by default. */
export type LogFormat = 'json' | 'standard';

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Where finished lines go; standard output when absent. */
  readonly sink?: LogSink | undefined;
}

export interface LogSink {
  write(line: string): void;
  flushSync?(): void;
}

/** A log that also can be emptied: call `flush` before a process that must not lose lines ends itself. */
export type FlushableLog = Log & { flush(): void };

/** Opens the log. Lines reach standard output within 200 ms and when the process exits. */
export function createLog(options: LogOptions): FlushableLog {
  const sink = options.sink ?? standardOutput();
  const log = options.format === 'json' ? jsonLog(options.level, sink) : textLog(options.level, sink);
  return Object.assign(log, { flush: () => sink.flushSync?.() });
}

/** The level that a person named as vault-k8s accepts it (trimmed, any case, `notice` and `err` too), or undefined. */
export function logLevelOf(text: string): LogLevel | undefined {
  return LEVEL_NAMES.get(text.trim().toLowerCase());
}

const LEVEL_NAMES: ReadonlyMap<string, LogLevel> = new Map([
  ['trace', 'trace'],
  ['debug', 'debug'],
  ['notice', 'info'],
  ['info', 'info'],
  ['warn', 'warn'],
  ['warning', 'warn'],
  ['err', 'error'],
  ['error', 'error'],
]);

const jsonLog = (level: LogLevel, sink: LogSink): Log =>
  pino(
    { level, base: null, timestamp: () => `,"time":"${timestamp()}"`, formatters: { level: (label) => ({ level: label }) } },
    sink,
  );
