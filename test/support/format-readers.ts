// The programs that read rendered secrets: real shells and Node, and grammars of the others, which recordings of the originals check.
import { execFileSync, spawnSync } from 'node:child_process';
import { dirname } from 'node:path';

/** What a reader gets from a file: keys and values, or undefined if it rejects the file. */
export type Reading = ReadonlyMap<string, string> | undefined;

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

/** The text of an escaped key or value; undefined if an escape is malformed. */
const unescaped = (text: string): string | undefined => {
  let isValid = true;
  const result = text.replaceAll(/\\(?:u([0-9a-fA-F]{4})|([\s\S]?))/g, (_, code: string | undefined, other: string) => {
    if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
    if (other === 'u') isValid = false;
    return ESCAPES[other] ?? other;
  });
  return isValid ? result : undefined;
};

/** The logical lines of a properties file: a backslash at the end of a line joins the next one without its leading blanks. */
const logicalLines = (text: string): string[] => {
  const lines: string[] = [];
  let [line, hasEscape, isStart, isJoined, isComment] = ['', false, true, false, false];
  const finish = (): void => {
    lines.push(hasEscape ? line.slice(0, -1) : line);
    [line, hasEscape, isStart, isJoined] = ['', false, true, false];
  };
  for (const [index, c] of text.split('').entries()) {
    const isEnd = c === '\n' || c === '\r';
    if (isComment) isComment = !isEnd;
    else if (isStart && (' \t\f'.includes(c) || (isEnd && !isJoined))) continue;
    else if (isJoined && c === '\n' && text[index - 1] === '\r') continue;
    else if (line === '' && (c === '#' || c === '!')) [isComment, isStart, isJoined] = [true, true, false];
    else if (!isEnd) {
      [isStart, isJoined] = [false, false];
      line += c;
      hasEscape = c === '\\' && !hasEscape;
    } else if (hasEscape) [line, hasEscape, isStart, isJoined] = [line.slice(0, -1), false, true, true];
    else if (line === '') [isStart, isJoined] = [true, false];
    else finish();
  }
  if (line !== '' || (isJoined && /\\[\n\r]$/.test(text))) finish();
  return lines;
};

/**
 * `java.util.Properties.load`, after the specification of its class: blank and comment lines are skipped; the key ends at an unescaped blank, `=`
 * or `:`.
 */
export function readProperties(file: Buffer, encoding: 'latin1' | 'utf8'): Reading {
  const read = new Map<string, string>();
  for (const line of logicalLines(file.toString(encoding))) {
    const [, rawKey = '', rawValue = ''] = /^((?:\\[\s\S]|[^\\ \t\f=:])*)[ \t\f]*[=:]?[ \t\f]*([\s\S]*)$/.exec(line) ?? [];
    const [key, value] = [unescaped(rawKey), unescaped(rawValue)];
    if (key === undefined || value === undefined) return undefined;
    read.set(key, value);
  }
  return read;
}

/** `docker run --env-file`: raw lines of up to 65,535 bytes. Lines without `=` take a variable of the caller, which has none here. */
export function readDockerEnvironment(file: Buffer): Reading {
  const read = new Map<string, string>();
  if (!Buffer.from(file.toString('utf8')).equals(file)) return undefined;
  for (const raw of file
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .replace(/\n$/, '')
    .split('\n')) {
    if (Buffer.byteLength(raw) > 65_535) return undefined;
    const line = raw.replace(/\r$/, '').replace(/^(?!\uFEFF)[\s\u0085]+/u, '');
    if (line === '' || line.startsWith('#')) continue;
    const at = line.indexOf('=');
    const key = at === -1 ? line : line.slice(0, at);
    if (key === '' || /[ \t]/.test(key)) return undefined;
    if (at !== -1) read.set(key, line.slice(at + 1));
  }
  return read;
}

/** States of systemd's parser of EnvironmentFile=. */
type State =
  | 'line'
  | 'comment'
  | 'comment-escape'
  | 'key'
  | 'before'
  | 'plain'
  | 'plain-escape'
  | 'single'
  | 'double'
  | 'double-escape';

/** Systemd's EnvironmentFile=, after systemd.exec(5) and its parser: quotes may follow each other, but not plain text. */
export function readSystemdEnvironment(file: Buffer): Reading {
  const read = new Map<string, string>();
  let [state, key, value, trailing]: [State, string, string, number] = ['line', '', '', -1];
  const finish = (): void => {
    const name = key.replace(/[ \t\n\r]+$/, '');
    // Other names are dropped.
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) read.set(name, trailing === -1 ? value : value.slice(0, trailing));
    [key, value, trailing] = ['', '', -1];
  };
  for (const c of file.toString('utf8')) {
    const isEnd = c === '\n' || c === '\r';
    const isBlank = c === ' ' || c === '\t' || isEnd;
    switch (state) {
      case 'line':
        if (c === '#' || c === ';') state = 'comment';
        else if (!isBlank) [state, key] = ['key', c];
        break;
      case 'comment':
        if (isEnd) state = 'line';
        else if (c === '\\') state = 'comment-escape';
        break;
      case 'comment-escape':
        state = 'comment';
        break;
      case 'key':
        if (isEnd) [state, key] = ['line', ''];
        else if (c === '=') state = 'before';
        else key += c;
        break;
      case 'before':
        if (isEnd) [state] = ['line', finish()];
        else if (c === "'") state = 'single';
        else if (c === '"') state = 'double';
        else if (c === '\\') state = 'plain-escape';
        else if (!isBlank) [state, value] = ['plain', value + c];
        break;
      case 'plain':
        if (isEnd) [state] = ['line', finish()];
        else if (c === '\\') [state, trailing] = ['plain-escape', -1];
        else {
          if (!isBlank) trailing = -1;
          else if (trailing === -1) trailing = value.length;
          value += c;
        }
        break;
      case 'plain-escape':
        if (!isEnd) value += c;
        state = 'plain';
        break;
      case 'single':
        if (c === "'") state = 'before';
        else value += c;
        break;
      case 'double':
        if (c === '"') state = 'before';
        else if (c === '\\') state = 'double-escape';
        else value += c;
        break;
      case 'double-escape':
        if ('"\\`$'.includes(c)) value += c;
        else if (c !== '\n') value += `\\${c}`;
        state = 'double';
        break;
    }
  }
  if (!['line', 'comment', 'key'].includes(state)) finish();
  // Text that is not Unicode, or no character in it, makes the unit fail.
  return /[\uFFFD\uFDD0-\uFDEF\uFFFE\uFFFF]|[\u{1FFFE}\u{1FFFF}\u{2FFFE}\u{2FFFF}\u{3FFFE}\u{3FFFF}\u{EFFFE}\u{EFFFF}\u{FFFFE}\u{FFFFF}\u{10FFFE}\u{10FFFF}]/u.test(
    [...read.values()].join(''),
  )
    ? undefined
    : read;
}

/** Lines of `key: value`, split at the first `: `. */
export function readLines(file: Buffer): ReadonlyMap<string, string> {
  const lines = file.toString('utf8').split('\n').slice(0, -1);
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]));
}

const MAX_OUTPUT = 64 * 1024 * 1024;

/** What a shell has in the named variables after `. FILE` in the file's directory. Throws if the shell fails or writes to stderr. */
export function sourced(shell: readonly string[], file: string, names: readonly string[]): ReadonlyMap<string, string> {
  const [program = '', ...flags] = shell;
  const script = `set -e; . "$1"; shift; for name; do eval "printf '%s\\0' \\"\\$$name\\""; done`;
  const { status, stdout, stderr } = spawnSync(program, [...flags, '-c', script, 'sh', file, ...names], {
    cwd: dirname(file),
    env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' },
    maxBuffer: MAX_OUTPUT,
    // Bash reads ~/.bashrc if its input is a socket.
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status !== 0 || stderr.length > 0) throw new Error(`${program} ends with ${status}: ${stderr.toString('utf8')}`);
  const values = stdout.toString('utf8').split('\0');
  return new Map(names.map((name, index) => [name, values[index] ?? '']));
}

/** What `node --env-file` gives to a program. */
export function readByNode(file: string): ReadonlyMap<string, string> {
  const print = 'process.stdout.write(JSON.stringify(process.env))';
  const out = execFileSync(process.execPath, [`--env-file=${file}`, '-e', print], { env: {}, maxBuffer: MAX_OUTPUT });
  return new Map(Object.entries(JSON.parse(out.toString('utf8')) as Record<string, string>));
}
