// `make run`: the product on a local control plane, shown to a person. `--once` ends by itself.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type Bed, startBed } from './bed.ts';
import { DEMONSTRATION_PARTS, EXAMPLE, STEPS } from './demo/steps.ts';
import { createVoice } from './demo/voice.ts';
import { repositoryDirectory } from './environment.ts';
import { interruption, untilAborted } from './interrupt.ts';
import { find, obtain } from './obtain.ts';
import { PARTS, withNeeds } from './parts.ts';
import { streamProgress } from './progress.ts';
import { KUBERNETES_VERSIONS, recipeOf } from './recipes.ts';
import { VAULT_ADDRESS } from './webhook.ts';

const KUBERNETES = KUBERNETES_VERSIONS[0];
const once = process.argv.includes('--once');
const voice = createVoice(process.stdout);
const progress = streamProgress(process.stderr);
const signal = interruption();

/** The same example without a cluster: something to see while the servers are built for the first time. */
function showOffline(): void {
  voice.heading('Injected offline, while the servers are built for the first time');
  voice.fact(`vault-auth-injector inject -f ${EXAMPLE} -vault-address=${VAULT_ADDRESS} --diff`);
  const root = repositoryDirectory();
  const command = [
    join(root, 'dist', 'vault-auth-injector.js'),
    'inject',
    '-f',
    EXAMPLE,
    `-vault-address=${VAULT_ADDRESS}`,
    '--diff',
  ];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`inject ended with ${status}: ${stderr}`);
  voice.diff(stdout.trimEnd().split('\n'));
}

const programs = [...withNeeds(DEMONSTRATION_PARTS).map((part) => PARTS[part].program), 'kubectl'] as const;

async function everythingBuilt(): Promise<boolean> {
  const found = await Promise.all(programs.map((program) => find(program, recipeOf(program, KUBERNETES))));
  return found.every(({ path }) => path !== undefined);
}

async function controlPlane(): Promise<Bed> {
  voice.heading('A real control plane');
  await obtain(programs, KUBERNETES, progress, signal);
  const started = Date.now();
  const bed = await startBed({ kubernetes: KUBERNETES, parts: DEMONSTRATION_PARTS, progress, signal });
  const { gitVersion } = await bed.request<{ gitVersion: string }>('GET', '/version');
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  voice.fact(`etcd, kube-apiserver and kube-controller-manager ${gitVersion} at ${bed.url}, ready after ${seconds} s`);
  return bed;
}

async function demonstrate(): Promise<void> {
  if (!(await everythingBuilt())) showOffline();
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
