// promtool of Prometheus as a test runs it: the pinned program, in a folder of its own.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverEnvironment } from './environment.ts';
import { obtain } from './obtain.ts';
import { streamProgress } from './progress.ts';
import { KUBERNETES_VERSIONS } from './recipes.ts';

export interface Promtool {
  /** Writes the files into the folder and runs promtool there. Exit code, and standard output and error as one text. */
  readonly run: (
    args: readonly string[],
    files: Readonly<Record<string, string>>,
  ) => Promise<{ readonly code: number | null; readonly output: string }>;
  readonly close: () => void;
}

/** promtool, built if it is missing. */
export async function openPromtool(): Promise<Promtool> {
  const [newest] = KUBERNETES_VERSIONS;
  const program = (await obtain(['promtool'], newest, streamProgress(process.stderr))).get('promtool') ?? 'promtool';
  const folder = mkdtempSync(join(tmpdir(), 'promtool-'));
  const env = serverEnvironment(folder);
  return {
    run: (args, files) =>
      new Promise((resolve, reject) => {
        for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
        const child = spawn(program, args, { env, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
        let output = '';
        for (const stream of [child.stdout, child.stderr])
          stream.setEncoding('utf8').on('data', (text: string) => void (output += text));
        child.on('error', reject);
        child.on('close', (code) => resolve({ code, output }));
      }),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
