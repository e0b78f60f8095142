// How added parts are written: block style with the indentation of the file around them, or flow style inside flow style (JSON).
import { stringify } from 'yaml';
import type { Json } from '../../json/json.ts';

/** The habits of one text. */
export interface Habits {
  readonly newline: '\n' | '\r\n';
  /** Blanks per level in block style. */
  readonly step: number;
  /** Lists in block style stand further in than the key that they belong to. */
  readonly indentedLists: boolean;
  /** What one level of flow style is indented by; empty when everything is in one line. */
  readonly flowStep: string;
  /** There is a blank after the colons and commas of flow style. */
  readonly airy: boolean;
}

const DEFAULT_STEP = 2;

/** Reads off how a text is written. */
export function habitsOf(text: string): Habits {
  const isFlow = /^\s*[{[]/.test(text);
  const nested = /^( *)(?:- )?[^\s#-][^\n]*:[ \t]*\r?\n(?:[ \t]*(?:#[^\n]*)?\r?\n)*\1( +)[^\s#-]/m.exec(text);
  const list = /^( *)(?:- )?[^\s#-][^\n]*:[ \t]*\r?\n(?:[ \t]*(?:#[^\n]*)?\r?\n)*( *)- /m.exec(text);
  return {
    newline: text.includes('\r\n') ? '\r\n' : '\n',
    step: nested?.[2]?.length ?? DEFAULT_STEP,
    indentedLists: list ? (list[2] ?? '').length > (list[1] ?? '').length : true,
    flowStep: isFlow ? (/[{[]\r?\n([ \t]+)/.exec(text)?.[1] ?? '') : ' '.repeat(DEFAULT_STEP),
    airy: !isFlow || /": |,\s/.test(text),
  };
}

/** Lines of a value in block style, without margin. Words that only YAML 1.1 takes for something else are quoted: kubectl reads 1.1. */
const blockLines = (value: Json, { step, indentedLists }: Habits): string[] =>
  stringify(value, { version: '1.1', lineWidth: 0, indent: step, indentSeq: indentedLists, aliasDuplicateObjects: false })
    .replace(/\n$/, '')
    .split('\n');

/** An item of a list in block style. */
export function itemLines(value: Json, habits: Habits): string[] {
  return blockLines(value, { ...habits, step: DEFAULT_STEP }).map((line, index) =>
    index === 0 ? `- ${line}` : line === '' ? '' : `  ${line}`,
  );
}

/** A member of a map in block style. */
export function memberLines(key: string, value: Json, habits: Habits): string[] {
  return blockLines({ [key]: value }, habits);
}

/** A value in flow style, as JSON; `margin` is the indentation of the line that it begins on, undefined for all in one line. */
export function flowText(value: Json, margin: string | undefined, habits: Habits): string {
  if (margin !== undefined && habits.flowStep !== '')
    return JSON.stringify(value, undefined, habits.flowStep).replaceAll('\n', `${habits.newline}${margin}`);
  // Texts in JSON have no line breaks, so that each one here stands between two members.
  return habits.airy ? JSON.stringify(value, undefined, 1).replaceAll(/\n */g, ' ') : JSON.stringify(value);
}

/** Lines with a margin, each ended; empty lines stay empty. */
export function withMargin(lines: readonly string[], margin: number, { newline }: Habits): string {
  return lines.map((line) => `${line === '' ? '' : ' '.repeat(margin)}${line}${newline}`).join('');
}
