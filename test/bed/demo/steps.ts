// The demonstration, step by step. What joins it later (OpenBao, the controller) becomes one more step and one more part.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bed } from '../bed.ts';
import { repositoryDirectory } from '../environment.ts';
import type { Part } from '../parts.ts';
import { registerWebhook, startWebhook, untilInjecting } from '../webhook.ts';
import { denials, podsOf, readDeployment, uninjected } from './deployment.ts';
import { podDiff } from './pod-diff.ts';
import type { Voice } from './voice.ts';

interface Demonstration {
  readonly bed: Bed;
  readonly voice: Voice;
}

export interface Step {
  readonly title: string;
  readonly run: (demonstration: Demonstration) => Promise<void>;
}

/** What runs before the first step. */
export const DEMONSTRATION_PARTS: readonly Part[] = ['kube-controller-manager'];

export const STEPS: readonly Step[] = [
  { title: 'Our webhook, with fresh certificates', run: webhook },
  { title: 'An annotated Deployment', run: annotatedDeployment },
  { title: 'A Deployment with mistakes', run: brokenDeployment },
  { title: 'Try more', run: more },
];

/** Examples, relative to the repository. */
export const EXAMPLE = 'deploy/examples/deployment.yaml';
const BROKEN_EXAMPLE = 'deploy/examples/broken-deployment.yaml';

const NAMESPACE = 'demo';

async function webhook({ bed, voice }: Demonstration): Promise<void> {
  const started = await startWebhook(bed);
  voice.fact(`node dist/vault-auth-injector.js webhook, process ${started.server.pid}, at ${started.url}`);
  await registerWebhook(bed, { name: 'vault-auth-injector', ...started });
  await bed.createNamespace({ name: NAMESPACE });
  const waited = await untilInjecting(bed, NAMESPACE);
  voice.fact(`registered as MutatingWebhookConfiguration vault-auth-injector; in effect after ${waited} ms`);
}

async function annotatedDeployment({ bed, voice }: Demonstration): Promise<void> {
  const deployment = readDeployment(EXAMPLE);
  await apply(bed, voice, EXAMPLE);
  const pods = await podsOf(bed, NAMESPACE, deployment);
  const plain = await uninjected(bed, NAMESPACE, deployment);
  let shown = '';
  for (const { name, pod } of pods) {
    const lines = podDiff({ template: deployment.template, injected: pod, plain });
    if (lines.length === 0) throw new Error(`pod ${name} came up without anything injected: its log and events say why`);
    if (lines.join('\n') === shown) {
      voice.fact(`Pod ${voice.paint('bold', name)}: the same.`);
    } else {
      voice.fact(`Pod ${voice.paint('bold', name)}, made by the ReplicaSet controller. Against the Deployment's template:`);
      voice.diff(lines);
      shown = lines.join('\n');
    }
  }
}

async function brokenDeployment({ bed, voice }: Demonstration): Promise<void> {
  const deployment = readDeployment(BROKEN_EXAMPLE);
  await apply(bed, voice, BROKEN_EXAMPLE);
  const [message = ''] = await denials(bed, NAMESPACE, deployment);
  // Several problems are numbered in one sentence: each gets its line.
  voice.fact('No pod comes up. The events of its ReplicaSet say why, all at once:');
  voice.block(message.split(/(?:: |; )(?=\(\d+\) )/), 'yellow');
}

async function more({ bed, voice }: Demonstration): Promise<void> {
  voice.block([
    `export KUBECONFIG=${bed.kubeconfig}`,
    `kubectl -n ${NAMESPACE} get pods -o yaml`,
    `kubectl -n ${NAMESPACE} get events --field-selector reason=FailedCreate`,
    `kubectl -n ${NAMESPACE} create deployment plain --image nginx      # nothing asked, nothing added`,
  ]);
  voice.fact(`Logs, the webhook's too: ${join(bed.directory, 'log')}`);
  await Promise.resolve();
}

async function apply(bed: Bed, voice: Voice, file: string): Promise<void> {
  const manifest = readFileSync(join(repositoryDirectory(), file), 'utf8');
  await bed.kubectl(['-n', NAMESPACE, 'apply', '-f', '-'], manifest);
  voice.fact(`kubectl -n ${NAMESPACE} apply -f ${file}`);
}
