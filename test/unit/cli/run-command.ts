// Runs a command with flags and input, and returns its exit code and output.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Run } from '../../../src/cli/terminal.ts';

export interface CommandResult {
  readonly code: number;
  readonly out: string;
  /** Lines of standard error. */
  readonly errors: readonly string[];
}

export interface TerminalInput {
  readonly stdin?: string;
  readonly stdinIsTerminal?: boolean;
  readonly colour?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs a command to its end. */
export async function runCommand(command: Run, words: readonly string[], input: TerminalInput = {}): Promise<CommandResult> {
  const out: string[] = [];
  const errors: string[] = [];
  const code = await command(words, {
    stdout: (text) => void out.push(text),
    stderr: (text) => void errors.push(text),
    stdin: () => Promise.resolve(input.stdin ?? ''),
    stdinIsTerminal: input.stdinIsTerminal ?? false,
    colour: input.colour ?? false,
    environment: input.environment ?? {},
  });
  return { code, out: out.join(''), errors: errors.join('').split('\n').slice(0, -1) };
}

/** A directory for the files of one test file; call `clear` at its end. */
export function temporaryFolder() {
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

/** Lines of annotations that request injection with the role web, indented by `margin`. */
export function requestLines(margin: number, more: readonly string[] = []): string {
  return ['agent-inject: "true"', 'role: web', ...more]
    .map((line) => `${' '.repeat(margin)}vault.hashicorp.com/${line}\n`)
    .join('');
}
