// A person at a terminal: gives flags and input to a command, and keeps what it says.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Run } from '../../../src/cli/terminal.ts';

export interface Said {
  readonly code: number;
  readonly out: string;
  /** Lines of standard error. */
  readonly errors: readonly string[];
}

export interface Person {
  readonly stdin?: string;
  readonly stdinIsTerminal?: boolean;
  readonly colour?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs a command to its end. */
export async function ask(command: Run, words: readonly string[], person: Person = {}): Promise<Said> {
  const out: string[] = [];
  const errors: string[] = [];
  const code = await command(words, {
    stdout: (text) => void out.push(text),
    stderr: (text) => void errors.push(text),
    stdin: () => Promise.resolve(person.stdin ?? ''),
    stdinIsTerminal: person.stdinIsTerminal ?? false,
    colour: person.colour ?? false,
    environment: person.environment ?? {},
  });
  return { code, out: out.join(''), errors: errors.join('').split('\n').slice(0, -1) };
}

/** A directory for the files of one test file; call `clear` when it is over. */
export function folder() {
  const path = mkdtempSync(join(tmpdir(), 'offline-'));
  return {
    path,
    write: (name: string, text: string | Buffer): string => {
      writeFileSync(join(path, name), text);
      return join(path, name);
    },
    clear: () => rmSync(path, { recursive: true, force: true }),
  };
}

export const ADDRESS = ['-vault-address', 'https://vault.example:8200'];

/** Annotations that a pod asks with, as lines with a margin. */
export function asking(margin: number, more: readonly string[] = []): string {
  return ['agent-inject: "true"', 'role: web', ...more]
    .map((line) => `${' '.repeat(margin)}vault.hashicorp.com/${line}\n`)
    .join('');
}
