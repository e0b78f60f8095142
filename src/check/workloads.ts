// Checks of the Deployments of the product: replicas, the Lease, and the rights of their service accounts.
import { type JsonObject, objectAt, objectsOf, textOf } from '../json/json.ts';
import { GROUP } from '../resources/kinds.ts';
import { readSettings, type Settings } from '../settings/read.ts';
import { wordsOf } from './cluster-checks.ts';
import {
  attempt,
  type ClusterReader,
  labelsOf,
  nameIn,
  namespaceIn,
  type Right,
  rightsText,
  userOfAccount,
} from './cluster-reader.ts';
import { type CheckName, fail, type Line, ok, skip, warn } from './catalogue.ts';

/** A Deployment that runs the webhook or the controller. */
export interface Workload {
  readonly component: 'webhook' | 'controller';
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
  /** The release, by the label of the chart; empty without it. */
  readonly instance: string;
  /** From flags and environment of its container; undefined if they are of another version or invalid. */
  readonly settings: Settings | undefined;
  readonly replicas: number;
  readonly ready: number;
}

const COMPONENTS: Readonly<Record<string, Workload['component']>> = {
  webhook: 'webhook',
  'agent-inject': 'webhook',
  controller: 'controller',
};

/** The Deployments of the product in all namespaces, by the labels of deploy/. Throws KubeError. */
export async function readWorkloads(reader: ClusterReader): Promise<readonly Workload[]> {
  const deployments = await reader.list('/apis/apps/v1/deployments', {
    labelSelector: 'app.kubernetes.io/component in (webhook,controller)',
  });
  return deployments.flatMap((deployment) => workloadOf(deployment) ?? []);
}

const workloadOf = (deployment: JsonObject): Workload | undefined => {
  const spec = objectAt(deployment, 'spec');
  const pod = objectAt(objectAt(spec, 'template'), 'spec');
  for (const container of objectsOf(pod?.['containers'])) {
    const words = wordsOf(container);
    const at = words.findIndex((word) => COMPONENTS[word] !== undefined);
    const command = commandOf(words[at] ?? '');
    const component = command && COMPONENTS[command];
    // Other products have such a word on their command line, too.
    const isOurs = JSON.stringify([container['image'], deployment['metadata']]).includes('vault-auth-injector');
    if (!command || !component || !isOurs) continue;
    const reading = readSettings(command, words.slice(at + 1), environmentOf(container));
    return {
      component,
      namespace: namespaceIn(deployment),
      name: nameIn(deployment),
      serviceAccount: textOf(pod, 'serviceAccountName') ?? 'default',
      instance: labelsOf(deployment)['app.kubernetes.io/instance'] ?? '',
      settings: reading.ok ? reading.value.settings : undefined,
      replicas: numberOf(spec?.['replicas'], 1),
      ready: numberOf(objectAt(deployment, 'status')?.['readyReplicas'], 0),
    };
  }
  return undefined;
};

const numberOf = (value: unknown, standard: number): number => (typeof value === 'number' ? value : standard);

const commandOf = (word: string): 'webhook' | 'agent-inject' | 'controller' | undefined =>
  word === 'webhook' || word === 'agent-inject' || word === 'controller' ? word : undefined;

/** Variables with a literal value; none of our settings is read from another object. */
const environmentOf = ({ env }: JsonObject): Readonly<Record<string, string>> =>
  Object.fromEntries(
    objectsOf(env).flatMap((variable) => {
      const [name, value] = [textOf(variable, 'name'), textOf(variable, 'value')];
      return name === undefined || value === undefined ? [] : [[name, value] as const];
    }),
  );

/** Whether an outage of one node stops the webhook. */
export function checkReplicas({ namespace, name, replicas }: Workload): readonly Line[] {
  return replicas > 1
    ? [ok('replicas', `${replicas}`)]
    : [
        warn(
          'replicas',
          `the Deployment ${namespace}/${name} has ${replicas === 1 ? 'one replica' : 'no replicas'}: when its node fails, pods that request injection are rejected`,
          `kubectl -n ${namespace} scale deployment/${name} --replicas=2`,
        ),
      ];
}

const right = (verbs: string, group: string, resource: string, place: Pick<Right, 'namespace' | 'name'> = {}): readonly Right[] =>
  verbs.split(',').map((verb) => ({ verb, group, resource, ...place }));

/** As in deploy/manifests/rbac.yaml. */
const webhookRights = (workload: Workload): readonly Right[] => {
  const { namespace, settings } = workload;
  const { tlsAuto: configuration = '', tlsSecretName: secret = '' } = settings ?? {};
  return [
    ...(configuration === ''
      ? []
      : [
          ...right('get,watch,patch', 'admissionregistration.k8s.io', 'mutatingwebhookconfigurations', { name: configuration }),
          ...right('get,update', '', 'secrets', { namespace, name: secret }),
          ...right('create', '', 'secrets', { namespace }),
        ]),
    ...['namespaces', 'serviceaccounts', 'limitranges'].flatMap((resource) => right('get,list,watch', '', resource)),
    ...['vaultendpoints', 'vaultauthbackends', 'vaultauthroles'].flatMap((resource) => right('get,list,watch', GROUP, resource)),
  ];
};

/** As in deploy/controller/rbac.yaml, without what only some modes of reviewers need. */
const controllerRights = (workload: Workload): readonly Right[] => {
  const { namespace } = workload;
  const kinds = ['vaultendpoints', 'vaultauthbackends', 'vaultaclpolicies', 'vaultauthroles'];
  return [
    ...right('get,list,watch', '', 'secrets', { namespace }),
    ...right('get,list,watch', '', 'configmaps', { namespace }),
    ...right('create', '', 'serviceaccounts/token', { namespace }),
    ...right('get,update', 'coordination.k8s.io', 'leases', { namespace, name: leaseName(workload) }),
    ...kinds.flatMap((resource) => right('get,list,watch,patch', GROUP, resource)),
    ...kinds.flatMap((resource) => right('patch', GROUP, `${resource}/status`)),
    ...right('create,delete', GROUP, 'vaultauthroles'),
    ...right('get,list,watch', '', 'namespaces'),
    ...right('get,list,watch', '', 'serviceaccounts'),
    ...right('create,patch', 'events.k8s.io', 'events'),
    ...right('create', 'authorization.k8s.io', 'subjectaccessreviews'),
  ];
};

const leaseName = ({ settings, name }: Workload): string => settings?.leaseName ?? name;

/** Whether the service account of a Deployment has the rights that deploy/ gives it. Throws KubeError. */
export async function checkRights(reader: ClusterReader, workload: Workload): Promise<readonly Line[]> {
  const isWebhook = workload.component === 'webhook';
  const name: CheckName = isWebhook ? 'webhook-rights' : 'controller-rights';
  return attempt(name, async () => {
    const { namespace, serviceAccount } = workload;
    const rights = isWebhook ? webhookRights(workload) : controllerRights(workload);
    const lacking = await reader.lacking(rights, userOfAccount(namespace, serviceAccount));
    return lacking.length === 0
      ? [ok(name, `${namespace}/${serviceAccount} has its ${rights.length} rights`)]
      : [
          fail(
            name,
            `the service account ${namespace}/${serviceAccount} may not ${rightsText(lacking)}`,
            `helm upgrade, or kubectl apply -f ${isWebhook ? 'deploy/manifests/rbac.yaml' : 'deploy/controller/rbac.yaml'}`,
          ),
        ];
  });
}

/** The Deployment, the Lease and the rights of the controller. Throws KubeError. */
export async function checkController(reader: ClusterReader, workload: Workload, now: number): Promise<readonly Line[]> {
  const { namespace, name, ready, replicas } = workload;
  const rights = checkRights(reader, workload);
  const first =
    ready > 0
      ? ok('controller-ready', `${ready} of ${replicas}`)
      : fail(
          'controller-ready',
          `no replica of the Deployment ${namespace}/${name} is ready: nothing is reconciled`,
          `kubectl -n ${namespace} get pods, and the log of those that are not ready`,
        );
  const leader = ready > 0 ? attempt('leader', () => checkLease(reader, workload, now)) : [skip('leader', 'no replica is ready')];
  return [first, ...(await leader), ...(await rights)];
}

/** A process that stops releases its Lease; one that was killed leaves it until it expires. */
const checkLease = async (reader: ClusterReader, workload: Workload, now: number): Promise<readonly Line[]> => {
  const { namespace, name } = workload;
  const path = `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases/${encodeURIComponent(leaseName(workload))}`;
  const spec = objectAt(await reader.get(path), 'spec');
  const logs = `kubectl -n ${namespace} logs deployment/${name}`;
  const holder = textOf(spec, 'holderIdentity') ?? '';
  if (holder === '')
    return [fail('leader', `no replica holds the Lease ${namespace}/${leaseName(workload)}: nothing is reconciled`, logs)];
  const renewed = Date.parse(textOf(spec, 'renewTime') ?? '');
  const duration = numberOf(spec?.['leaseDurationSeconds'], 0) * 1000;
  const age = now - renewed;
  if (age > 2 * duration + TOLERANCE_MS)
    return [
      fail(
        'leader',
        `${holder} has not renewed the Lease ${namespace}/${leaseName(workload)} since ${new Date(renewed).toISOString()}: nothing is reconciled`,
        `${logs}; kubectl -n ${namespace} rollout restart deployment/${name}`,
      ),
    ];
  return [ok('leader', holder)];
};

/** For clocks that differ. */
const TOLERANCE_MS = 5000;
