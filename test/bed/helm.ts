// Helm as a test runs it: the pinned program, with a home of its own, and optionally the cluster of a bed.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryDirectory, serverEnvironment } from './environment.ts';
import { obtain } from './obtain.ts';
import { streamProgress } from './progress.ts';
import { KUBERNETES_VERSIONS } from './recipes.ts';

/** The product's chart. */
export const CHART = join(repositoryDirectory(), 'deploy', 'chart');

export interface Helm {
  /** Standard output of Helm. @throws HelmFailure when it does not exit with 0. */
  readonly run: (args: readonly string[], input?: string) => Promise<string>;
  readonly close: () => void;
}

/** Helm's end with another code than 0. */
class HelmFailure extends Error {
  readonly stderr: string;
  constructor(args: readonly string[], code: number | null, stderr: string) {
    super(`helm ${args.join(' ')} ended with ${code}: ${stderr.trim()}`);
    this.stderr = stderr;
  }
}

/** Helm, built if it is missing. `kubeconfig` is the cluster that it installs in; without it only charts can be rendered. */
export async function openHelm(kubeconfig?: string): Promise<Helm> {
  const [newest] = KUBERNETES_VERSIONS;
  const program = (await obtain(['helm'], newest, streamProgress(process.stderr))).get('helm') ?? 'helm';
  const home = mkdtempSync(join(tmpdir(), 'helm-'));
  const env = { ...serverEnvironment(home), KUBECONFIG: kubeconfig ?? join(home, 'none') };
  const run = (args: readonly string[], input = ''): Promise<string> =>
    new Promise((resolve, reject) => {
      const child = spawn(program, args, { env, cwd: home, stdio: ['pipe', 'pipe', 'pipe'] });
      const texts = { stdout: '', stderr: '' };
      child.stdout.setEncoding('utf8').on('data', (text: string) => void (texts.stdout += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => void (texts.stderr += text));
      child.on('error', reject);
      child.on('close', (code) => (code === 0 ? resolve(texts.stdout) : reject(new HelmFailure(args, code, texts.stderr))));
      // Helm may end before it has read its input, when its arguments are wrong.
      child.stdin.on('error', () => {});
      child.stdin.end(input);
    });
  return { run, close: () => rmSync(home, { recursive: true, force: true }) };
}
