// One pod of a cluster, judged as the webhook there would judge it now: its settings, namespace and service account are read too.
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import { isObject, objectAt, objectsOf, textOf, type JsonObject } from '../../json/json.ts';
import type { SelectionReason } from '../../selection/decide.ts';
import { readSettings, surroundings, type ReadSettings } from '../../settings/read.ts';
import type { Command } from '../../settings/table.ts';
import { admissionContext } from '../../cluster/admission-context.ts';
import { fileCluster, clusterObjects, type FileCluster } from '../../cluster/cluster-state.ts';
import { readDocuments } from '../../yaml/document.ts';
import { judge } from '../offline/judge.ts';
import type { Called, Explained } from '../offline/prepare.ts';
import { hasNativeSidecars } from '../../cluster/server-version.ts';
import type { Terminal } from '../terminal.ts';
import { readUntrustedYaml } from '../../yaml/untrusted.ts';
import { personalAccess } from './access.ts';
import { presentIn } from './present.ts';
import type { PodReference } from './reference.ts';
import { rolesAround } from './roles.ts';
import { webhookSettings } from './webhook-settings.ts';

/** What people call the source of what is said. */
const SOURCE = 'the cluster';
const DEFAULT_NAMESPACE = 'default';

/** @throws a sentence for a person when the cluster or the pod cannot be read; what else cannot be is told as an oddity. */
export async function prepareLive(reference: PodReference, called: Called, terminal: Terminal): Promise<Explained> {
  const { kubeconfig, namespace: wanted } = called.settings.settings;
  const around = surroundings(terminal.environment);
  const { client, namespace: own } = await personalAccess(kubeconfig, called.settings.extra.get('context'), around);
  try {
    const namespace = reference.namespace ?? (wanted === DEFAULT_NAMESPACE ? (own ?? wanted) : wanted);
    return await explained(client, namespace, reference.name, called, terminal);
  } finally {
    client.close();
  }
}

const explained = async (
  client: KubeClient,
  namespace: string,
  name: string,
  called: Called,
  terminal: Terminal,
): Promise<Explained> => {
  const oddities: string[] = [];
  const pod = await client.request<JsonObject>({ method: 'GET', path: `${core(namespace)}/pods/${encodeURIComponent(name)}` });
  const { command, settings, entries } = await settingsIn(client, called, terminal, oddities);
  const account = textOf(objectAt(pod, 'spec'), 'serviceAccountName') ?? DEFAULT_NAMESPACE;
  const cluster = await clusterAround(client, namespace, account, oddities);
  const context = admissionContext(command, settings, cluster, readUntrustedYaml);
  // A running pod would only be told that it runs; what is asked for is what becomes of one like it.
  const { status, ...asNew } = pod;
  const [document] = readDocuments({ file: SOURCE, text: JSON.stringify(asNew) }).documents;
  if (!document) throw new Error(`the API server's answer for pod ${namespace}/${name} cannot be read`);
  const workload = { kind: 'Pod', namespace, name, place: [], path: [], pod: asNew, misplaced: [] };
  const phase = textOf(isObject(status) ? status : undefined, 'phase') ?? '';
  const judged = judge(document, workload, context, cluster);
  const missing = missingEntry(judged.outcome.reason, entries);
  if (missing !== undefined)
    oddities.push(
      `no entry ${missing} is registered in the cluster: pods that ask in this way alone are not sent to the webhook there`,
    );
  return { settings, context, oddities, judged: [judged], live: { phase, ...presentIn(asNew) } };
};

const core = (namespace: string): string => `/api/v1/namespaces/${encodeURIComponent(namespace)}`;

/** Settings of the cluster's webhook under the flags of this call. Without it, those of this call alone. */
const settingsIn = async (
  client: KubeClient,
  called: Called,
  terminal: Terminal,
  oddities: string[],
): Promise<{ readonly command: Command; readonly settings: ReadSettings; readonly entries?: readonly string[] }> => {
  try {
    const { command, words, environment, entries } = await webhookSettings(client);
    const both = { ...environment, ...terminal.environment };
    const reading = readSettings(command, [...words, ...called.words], both, called.foreign);
    if (!reading.ok) throw new Error(reading.problems.join('; '));
    return { command, settings: reading.value, entries };
  } catch (error) {
    oddities.push(`the settings of the webhook in the cluster are not known, those of this call count: ${textOfError(error)}`);
    return { command: 'explain', settings: called.settings };
  }
};

/** Which entry of the webhook configuration is for pods that are chosen so. */
const ENTRY_OF: Readonly<Partial<Record<SelectionReason, string>>> = {
  'pod-label': 'label.vaultauth.dev',
  'pod-annotation': 'annotation.vaultauth.dev',
  'pod-annotation-invalid': 'annotation.vaultauth.dev',
  'namespace-label': 'namespace.vaultauth.dev',
  'cluster-default': 'auto.vaultauth.dev',
};

/** Undefined where all is well, where nothing is known, and where the one entry of vault-k8s is for all pods. */
const missingEntry = (reason: SelectionReason, entries: readonly string[] | undefined): string | undefined => {
  const entry = ENTRY_OF[reason];
  const isOwn = entries?.some((name) => name.endsWith('.vaultauth.dev'));
  return entry !== undefined && isOwn && !entries?.includes(entry) ? entry : undefined;
};

/** Namespace, service account and LimitRanges of a pod, and what the cluster can do. */
const clusterAround = async (
  client: KubeClient,
  namespace: string,
  account: string,
  oddities: string[],
): Promise<FileCluster> => {
  const read = (path: string): Promise<JsonObject | undefined> =>
    client.request<JsonObject>({ method: 'GET', path }).catch((error: unknown) => {
      if (!isKubeError(error, 'NotFound')) oddities.push(`not known, and not counted in: ${textOfError(error)}`);
      return undefined;
    });
  const [own, serviceAccount, limits, version, roles] = await Promise.all([
    read(core(namespace)),
    read(`${core(namespace)}/serviceaccounts/${encodeURIComponent(account)}`),
    read(`${core(namespace)}/limitranges`),
    read('/version'),
    rolesAround(client, namespace, oddities),
  ]);
  const ranges = objectsOf(limits?.['items']).map((range) => ({ apiVersion: 'v1', kind: 'LimitRange', ...range }));
  const items = [own, serviceAccount, ...ranges].filter((object) => object !== undefined);
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const nativeSidecars = hasNativeSidecars({ major: textOf(version, 'major') ?? '', minor: textOf(version, 'minor') ?? '' });
  return {
    ...fileCluster([clusterObjects({ file: SOURCE, text }).objects]),
    nativeSidecars,
    ...(roles ? { roles } : {}),
  };
};

const textOfError = (error: unknown): string => (error instanceof Error ? error.message : String(error));
