// The Go toolchain that builds the test servers: is it there, and new enough?
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { goEnvironment } from './environment.ts';

/** The newest `go` line among test/bed/modules. */
const MINOR = 26;

/** @throws one line with what to install when `go` is missing from PATH or too old. */
export async function requireGo(): Promise<void> {
  const found = await goVersion();
  const minor = /^go1\.(\d+)/.exec(found)?.[1];
  if (minor !== undefined && Number(minor) >= MINOR) return;
  const problem = found === '' ? 'no go command in PATH' : `the go command in PATH is ${found}`;
  throw new Error(
    `the test servers are built with Go 1.${MINOR} or newer, but ${problem}: install it (https://go.dev/dl), ` +
      'or name ready programs by environment variables (see test/bed/README.md)',
  );
}

async function goVersion(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('go', ['env', 'GOVERSION'], { env: goEnvironment(), cwd: tmpdir() });
    return stdout.trim();
  } catch {
    return '';
  }
}
