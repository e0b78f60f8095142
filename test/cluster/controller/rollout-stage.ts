// A cluster without nodes, an OpenBao or Vault, and a controller with the rights of deploy/variants/rollouts and no more. The test
// stands in for the kubelet: it writes the readiness of pods.
import { endpointManifest } from '../../support/endpoint-manifest.ts';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type JsonObject, objectAt, objectsOf, textOf } from '../../../src/json/json.ts';
import { ON_CHANGE_LABEL, ON_CHANGE_SECRETS_ANNOTATION } from '../../../src/resources/kinds.ts';
import { type Bed, startBed } from '../../bed/bed.ts';
import {
  applyYAML,
  CONTROLLER_ACCOUNT,
  CONTROLLER_NAMESPACE,
  type ControllerProcess,
  installController,
  runController,
  untilCondition,
} from '../../bed/controller.ts';
import { repositoryDirectory } from '../../bed/environment.ts';
import { untilMay, userOf } from '../../bed/rights.ts';
import { eventually } from '../../support/eventually.ts';
import { type ProductName, type VaultView, view } from '../seeds/stage.ts';

export type Workloads = 'deployments' | 'statefulsets' | 'daemonsets';

export interface RolloutStage {
  readonly bed: Bed;
  readonly vault: VaultView;
  readonly controller: ControllerProcess;
  /** Writes a new version of the secret `secret/data/NAME`. */
  readonly write: (name: string) => Promise<void>;
  /** Creates a Deployment or StatefulSet whose pods use these secrets, and waits until its pods are ready. */
  readonly create: (kind: Workloads, of: WorkloadOptions) => Promise<void>;
  readonly read: (kind: Workloads, namespace: string, name: string) => Promise<JsonObject>;
  readonly patch: (kind: Workloads, namespace: string, name: string, patch: JsonObject) => Promise<unknown>;
  readonly pods: (namespace: string, name: string) => Promise<readonly JsonObject[]>;
  /** Pods for which this returns false do not become ready from now on. */
  readonly becomesReady: (judge: (pod: JsonObject) => boolean) => void;
  /** Notes of the Events of this reason on the workload. */
  readonly events: (namespace: string, name: string, reason: string) => Promise<readonly string[]>;
  readonly log: () => string;
  readonly metrics: () => Promise<string>;
  readonly stop: (outcome?: 'passed' | 'failed') => Promise<void>;
}

export interface WorkloadOptions {
  readonly namespace: string;
  readonly name: string;
  readonly secrets: readonly string[];
  readonly replicas?: number;
  readonly spec?: JsonObject;
}

const FLAGS = ['-rollouts', '-rollout-interval=1s', '-rollout-timeout=4s', '-resync-factor=0.1'];
const POLICY = 'vault-auth-injector';

/** Starts everything. */
export async function openRolloutStage(product: ProductName, flags: readonly string[] = []): Promise<RolloutStage> {
  const bed = await startBed({ parts: ['kube-controller-manager', product] });
  const kubelet = startKubelet(bed);
  const stop = async (outcome: 'passed' | 'failed' = 'passed'): Promise<void> => {
    await kubelet.stop();
    await bed.stop(outcome);
  };
  try {
    const server = bed[product];
    if (!server) throw new Error(`${product} did not start`);
    const vault = view(server.address, server.rootToken);
    await installController(bed);
    await bed.kubectl(['apply', '-k', join(repositoryDirectory(), 'deploy', 'namespace')]);
    await bed.kubectl(['apply', '-k', join(repositoryDirectory(), 'deploy', 'variants', 'rollouts')]);
    const user = userOf(CONTROLLER_NAMESPACE, CONTROLLER_ACCOUNT);
    await untilMay(bed, user, { verb: 'patch', group: 'apps', resource: 'statefulsets' });
    await untilMay(bed, user, { verb: 'watch', group: 'vaultauth.dev', resource: 'vaultauthroles' });
    // Its pods could not start here, and the controller runs beside the servers.
    await bed.kubectl(['-n', CONTROLLER_NAMESPACE, 'delete', 'deployment', 'vault-auth-injector-controller']);
    await applyYAML(bed, endpointManifest(server.address, await leastToken(vault), 'endpoint-token'));
    const kubeconfig = join(bed.directory, 'rollouts.conf');
    writeFileSync(kubeconfig, JSON.stringify(await kubeconfigOf(bed)), { mode: 0o600 });
    const controller = await runController(bed, { flags: [...FLAGS, ...flags], kubeconfig });
    await untilCondition(bed, 'VaultEndpoint', { name: 'main' }, 'Ready=True');
    const pathOf = (kind: Workloads, namespace: string): string => `/apis/apps/v1/namespaces/${namespace}/${kind}`;
    const pods = async (namespace: string, name: string): Promise<readonly JsonObject[]> =>
      objectsOf(
        (await bed.request<JsonObject>('GET', `/api/v1/namespaces/${namespace}/pods?labelSelector=app%3D${name}`))['items'],
      );
    return {
      bed,
      vault,
      controller,
      write: async (name) => {
        const { status } = await vault.ask('POST', `secret/data/${name}`, { data: { password: CANARY } });
        if (status >= 300) throw new Error(`${name} was not written: ${status}`);
      },
      create: async (kind, of) => {
        const { namespace, name, replicas = 3 } = of;
        await bed.request('POST', pathOf(kind, namespace), workloadOf(kind, of));
        await eventually(`${name} is ready`, async () => (await pods(namespace, name)).filter(isReady).length === replicas, {
          everyMs: 200,
        });
      },
      read: (kind, namespace, name) => bed.request<JsonObject>('GET', `${pathOf(kind, namespace)}/${name}`),
      patch: (kind, namespace, name, patch) =>
        bed.request('PATCH', `${pathOf(kind, namespace)}/${name}`, patch, 'application/merge-patch+json'),
      pods,
      becomesReady: kubelet.becomesReady,
      events: async (namespace, name, reason) => {
        const list = await bed.request<JsonObject>('GET', `/apis/events.k8s.io/v1/namespaces/${namespace}/events`);
        return objectsOf(list['items'])
          .filter((event) => event['reason'] === reason && objectAt(event, 'regarding')?.['name'] === name)
          .map((event) => textOf(event, 'note') ?? '');
      },
      log: () => readFileSync(controller.server.logFile, 'utf8'),
      metrics: async () => (await fetch(`${controller.operations}/metrics`)).text(),
      stop,
    };
  } catch (error) {
    await stop('failed');
    throw error;
  }
}

/** The value of every secret: it must not appear anywhere but in Vault. */
export const CANARY = 'canary-5f2b7d';

/** The annotations of a pod template that the controller writes, and its image, which it must not change. */
export function templateOf(workload: JsonObject): { readonly annotations: JsonObject; readonly spec: unknown } {
  const template = objectAt(objectAt(workload, 'spec'), 'template');
  return { annotations: objectAt(objectAt(template, 'metadata'), 'annotations') ?? {}, spec: template?.['spec'] };
}

/** The Ready condition of a pod is True. */
export function isReady(pod: JsonObject): boolean {
  const conditions = objectsOf(objectAt(pod, 'status')?.['conditions']);
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

const KINDS: Readonly<Record<Workloads, string>> = {
  deployments: 'Deployment',
  statefulsets: 'StatefulSet',
  daemonsets: 'DaemonSet',
};

const workloadOf = (kind: Workloads, { namespace, name, secrets, replicas = 3, spec = {} }: WorkloadOptions): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: KINDS[kind],
  metadata: { name, namespace },
  spec: {
    ...(kind === 'daemonsets' ? {} : { replicas }),
    selector: { matchLabels: { app: name } },
    ...(kind === 'statefulsets' ? { serviceName: name } : {}),
    template: {
      metadata: {
        labels: { app: name, [ON_CHANGE_LABEL]: 'rollout' },
        // As the webhook writes it.
        annotations: {
          [ON_CHANGE_SECRETS_ANNOTATION]: JSON.stringify({
            endpoint: 'main',
            paths: secrets.map((each) => `secret/data/${each}`),
          }),
        },
      },
      spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'web', image: 'registry.example/web:1' }] },
    },
    ...spec,
  },
});

/** Marks pods as ready that are not, all the time. */
const startKubelet = (bed: Bed) => {
  let judge: ((pod: JsonObject) => boolean) | undefined;
  const stopped = new AbortController();
  const look = async (): Promise<void> => {
    const { items } = await bed.request<JsonObject>('GET', `/api/v1/pods?labelSelector=${encodeURIComponent(ON_CHANGE_LABEL)}`);
    for (const pod of objectsOf(items).filter((each) => !isReady(each) && (judge?.(each) ?? true))) {
      const metadata = objectAt(pod, 'metadata');
      const time = new Date().toISOString();
      await bed
        .exchange(
          'PATCH',
          `/api/v1/namespaces/${textOf(metadata, 'namespace')}/pods/${textOf(metadata, 'name')}/status`,
          { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: time }] } },
          'application/merge-patch+json',
        )
        .catch(() => undefined);
    }
  };
  const work = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      await look().catch(() => undefined);
      await sleep(100);
    }
  };
  const working = work();
  return {
    becomesReady: (next: (pod: JsonObject) => boolean) => {
      judge = next;
    },
    stop: () => {
      stopped.abort();
      return working;
    },
  };
};

/** A token with what `vault-auth-injector policy -metadata secret/metadata/*` grants, and no more. */
const leastToken = async ({ ask }: VaultView): Promise<string> => {
  const program = join(repositoryDirectory(), 'dist', 'vault-auth-injector.js');
  const words = ['policy', '-f', '-', '-metadata', 'secret/metadata/*'];
  const policy = execFileSync(process.execPath, [program, ...words], {
    input: endpointManifest('http://vault', '', 'endpoint-token'),
    encoding: 'utf8',
  });
  const { status } = await ask('POST', `sys/policies/acl/${POLICY}`, { policy });
  if (status >= 300) throw new Error(`the policy was not written: ${status}`);
  const { json } = await ask('POST', 'auth/token/create-orphan', { policies: [POLICY], no_default_policy: true, period: '1h' });
  return textOf(objectAt(json, 'auth'), 'client_token') ?? '';
};

const kubeconfigOf = async (bed: Bed): Promise<object> => {
  const path = `/api/v1/namespaces/${CONTROLLER_NAMESPACE}/serviceaccounts/${CONTROLLER_ACCOUNT}/token`;
  const { status } = await bed.request<{ status: { token: string } }>('POST', path, { spec: { expirationSeconds: 3600 } });
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'installed',
    clusters: [
      { name: 'installed', cluster: { server: bed.url, 'certificate-authority-data': Buffer.from(bed.ca).toString('base64') } },
    ],
    users: [{ name: 'installed', user: { token: status.token } }],
    contexts: [{ name: 'installed', context: { cluster: 'installed', user: 'installed' } }],
  };
};
