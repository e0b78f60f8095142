// The log as text for people: time, level, message, then fields as key=value.
import type { Log, LogLevel, LogSink } from './log.ts';
import { timestamp } from './timestamp.ts';

/** A log that writes lines such as `2026-03-01T12:00:00.000Z [INFO]  review answered: namespace=shop decision=injected`. */
export function textLog(level: LogLevel, sink: LogSink): Log {
  const from = LEVELS.indexOf(level);
  const at = (name: LogLevel): ((fields: object, message: string) => void) => {
    if (LEVELS.indexOf(name) < from) return silent;
    const label = `[${name.toUpperCase()}]`.padEnd(7);
    return (fields, message) => {
      sink.write(`${timestamp()} ${label} ${message}${pairs(fields)}\n`);
    };
  };
  return { trace: at('trace'), debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

const LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error'];

const silent = (): void => {};

const pairs = (fields: object): string => {
  let text = '';
  const known: Readonly<Record<string, unknown>> = { ...fields };
  for (const key in known) if (known[key] !== undefined) text += ` ${key}=${printable(known[key])}`;
  return text === '' ? '' : `:${text}`;
};

/** Values that could be read as two, break the line or deceive the eye are quoted as JSON. */
const printable = (value: unknown): string => {
  if (value instanceof Error) return quoted(value.stack ?? value.message);
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'string') return quoted(value);
  return PLAIN.test(value) ? value : quoted(value);
};

/** JSON leaves characters raw that terminals obey or that turn the direction of a line. */
const quoted = (value: unknown): string =>
  (JSON.stringify(value) ?? String(value)).replaceAll(
    INVISIBLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const PLAIN = /^[\w./:@*+-]+$/;
/** Controls, separators of lines and paragraphs, and what has no width, marks of direction among them; not beyond U+FFFF. */
const INVISIBLE = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
