// The demonstration, step by step.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bed } from '../bed.ts';
import { repositoryDirectory } from '../environment.ts';
import type { Part } from '../parts.ts';
import { registerWebhook, startWebhook, untilInjecting } from '../webhook.ts';
import { denials, podsOf, readDeployment, uninjected } from './deployment.ts';
import { podDiff } from './pod-diff.ts';
import { declareVault, logInAs, roleInVault, VAULT_EXAMPLE } from './vault.ts';
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
export const DEMONSTRATION_PARTS: readonly Part[] = ['kube-controller-manager', 'openbao'];

export const STEPS: readonly Step[] = [
  { title: 'Our webhook, with fresh certificates', run: webhook },
  { title: 'Our config controller, and what OpenBao must hold', run: vault },
  { title: 'An annotated Deployment', run: annotatedDeployment },
  { title: 'A pod logs in with its own token', run: login },
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

async function vault({ bed, voice }: Demonstration): Promise<void> {
  voice.fact(`OpenBao at ${bed.openbao?.address}, with a secret in it and nothing else`);
  const objects = await declareVault(bed, NAMESPACE);
  voice.fact(`kubectl apply -f ${VAULT_EXAMPLE}`);
  voice.fact('kubectl get vaultendpoints,vaultauthbackends,vaultaclpolicies,vaultauthroles -A');
  voice.block(objects);
  voice.fact('The role as OpenBao has it:  bao read auth/kubernetes/role/web');
  voice.block(await roleInVault(bed));
}

async function login({ bed, voice }: Demonstration): Promise<void> {
  const [pod] = await podsOf(bed, NAMESPACE, readDeployment(EXAMPLE));
  if (!pod) throw new Error('there is no pod to log in as');
  const { audience, metadata, policies, secret } = await logInAs(bed, NAMESPACE, pod);
  voice.fact(`A token of ${pod.name} alone, good for the audience ${JSON.stringify(audience)} alone, at auth/kubernetes/login:`);
  voice.block([
    ...metadata.map(([name, value]) => `token_meta_${name.padEnd(27)}${value}`),
    `policies                              ${policies.join(', ')}`,
  ]);
  voice.fact(`and it reads secret/web/database: ${voice.paint('green', JSON.stringify(secret))}`);
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
    `kubectl get vaultauth -A                                           # endpoint, backend, policy, role`,
    `export BAO_ADDR=${bed.openbao?.address} BAO_TOKEN=${bed.openbao?.rootToken}`,
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
