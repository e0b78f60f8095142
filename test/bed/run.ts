// `make run`: the product on a local control plane, shown to a person. `--once` ends by itself.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Bed, startBed } from './bed.ts';
import { DEMONSTRATION_PARTS, EXAMPLE, STEPS } from './demo/steps.ts';
import { createVoice } from './demo/voice.ts';
import { repositoryDirectory } from './environment.ts';
import { interruption, untilAborted } from './interrupt.ts';
import { find } from './obtain.ts';
import { PARTS, withNeeds } from './parts.ts';
import { streamProgress } from './progress.ts';
import { recipeOf } from './recipes.ts';

const once = process.argv.includes('--once');
const voice = createVoice(process.stdout);
const progress = streamProgress(process.stderr);
const signal = interruption();

/** The same example without a cluster: something to see while the servers are built for the first time. */
async function showOffline(): Promise<void> {
  voice.heading('Injected offline, while the servers are built for the first time');
  voice.fact(`vault-auth-injector inject -f ${EXAMPLE} --diff`);
  const root = repositoryDirectory();
  const command = [join(root, 'dist', 'vault-auth-injector.js'), 'inject', '-f', join(root, EXAMPLE), '--diff'];
  const { stdout } = await promisify(execFile)(process.execPath, command, { signal });
  voice.diff(stdout.trimEnd().split('\n'));
}

async function everythingBuilt(): Promise<boolean> {
  const programs = [...withNeeds(DEMONSTRATION_PARTS).map((part) => PARTS[part].program), 'kubectl'] as const;
  const found = await Promise.all(programs.map((program) => find(program, recipeOf(program, '1.36'))));
  return found.every(({ path }) => path !== undefined);
}

async function controlPlane(): Promise<Bed> {
  voice.heading('A real control plane');
  const started = Date.now();
  const bed = await startBed({ parts: DEMONSTRATION_PARTS, progress, signal });
  const { gitVersion } = await bed.request<{ gitVersion: string }>('GET', '/version');
  voice.fact(
    `etcd, kube-apiserver and kube-controller-manager ${gitVersion} at ${bed.url}, ready after ${((Date.now() - started) / 1000).toFixed(1)} s`,
  );
  return bed;
}

async function demonstrate(): Promise<void> {
  if (!(await everythingBuilt())) await showOffline();
  const bed = await controlPlane();
  try {
    for (const step of STEPS) {
      signal.throwIfAborted();
      voice.heading(step.title);
      await step.run({ bed, voice });
    }
    if (once) {
      voice.fact('Everything is stopped and removed now. Without --once it stays up until Ctrl-C.');
    } else {
      voice.fact('Everything stays up until Ctrl-C, which leaves nothing.');
      await untilAborted(signal);
    }
  } catch (error) {
    await bed.stop(signal.aborted ? 'passed' : 'failed');
    throw error;
  }
  await bed.stop();
}

demonstrate().catch((error: unknown) => {
  if (signal.aborted) {
    process.exitCode = 130;
    return;
  }
  progress.line(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
