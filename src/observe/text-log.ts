// The log as text for people: time, level, message, then fields as key=value.
import type { Log, LogLevel, LogSink } from './log.ts';

/** A log that writes lines such as `2026-03-01T12:00:00.000Z [INFO]  review answered: namespace=shop decision=injected`. */
export const textLog = (level: LogLevel, sink: LogSink): Log => {
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

/** Values that could be read as two, or could break the line, are quoted as JSON. */
const printable = (value: unknown): string => {
  if (value instanceof Error) return JSON.stringify(value.stack ?? value.message);
  if (typeof value !== 'string') return JSON.stringify(value) ?? String(value);
  return PLAIN.test(value) ? value : JSON.stringify(value);
};

const PLAIN = /^[\w./:@*+-]+$/;
