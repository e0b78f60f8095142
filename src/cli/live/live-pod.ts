// A pod of a cluster, evaluated as a new pod like it would be: with the settings of the installed webhook, and the namespace,
// service account, LimitRanges and objects of our kinds that the cluster has now.
import { admissionContext } from '../../cluster/admission-context.ts';
import { clusterObjects, fileCluster, type FileCluster } from '../../cluster/cluster-state.ts';
import { isObject, objectAt, objectsOf, textOf, type JsonObject } from '../../json/json.ts';
import { kubeClient, type KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import type { SelectionReason } from '../../selection/decide.ts';
import { excludingNamespace, readSettings, type ReadSettings } from '../../settings/read.ts';
import type { Command } from '../../settings/table.ts';
import { readDocuments } from '../../yaml/documents.ts';
import { readUntrustedYaml } from '../../yaml/untrusted.ts';
import type { CommandLine } from '../offline/command-line.ts';
import { evaluatePod, type Evaluation } from '../offline/evaluate.ts';
import type { LivePod } from '../offline/explanation.ts';
import type { Terminal } from '../terminal.ts';
import { VERSION } from '../version.ts';
import { connectToCluster, ignored, type Read, readLinks } from './cluster-connection.ts';
import { originalPod } from './original-pod.ts';
import { runningVersions } from './running-versions.ts';
import { webhookSettings } from './webhook-settings.ts';

export interface PodReference {
  /** Undefined: the namespace of the kubeconfig's context. */
  readonly namespace: string | undefined;
  readonly name: string;
}

export interface LiveEvaluation extends Evaluation {
  readonly live: LivePod;
}

/** File name in messages. */
const SOURCE = 'the cluster';
const DEFAULT_NAMESPACE = 'default';

/**
 * Reads and evaluates one pod. What else cannot be read, such as its namespace, becomes a warning.
 * @throws a sentence when there is no cluster or the pod cannot be read.
 */
export async function evaluateLivePod(
  reference: PodReference,
  commandLine: CommandLine,
  terminal: Terminal,
): Promise<LiveEvaluation> {
  const { settings, extra } = commandLine.settings;
  const connection = await connectToCluster(settings.kubeconfig, extra.get('context'), terminal);
  const client = kubeClient({ connection, userAgent: `vault-auth-injector/${VERSION}` });
  try {
    const isGiven = settings.namespace !== DEFAULT_NAMESPACE;
    const namespace = reference.namespace ?? (isGiven ? settings.namespace : (connection.namespace ?? DEFAULT_NAMESPACE));
    return await evaluate(client, namespace, reference.name, commandLine, terminal);
  } finally {
    client.close();
  }
}

const evaluate = async (
  client: KubeClient,
  namespace: string,
  name: string,
  commandLine: CommandLine,
  terminal: Terminal,
): Promise<LiveEvaluation> => {
  const warnings: string[] = [];
  const pod = await get(client, `${core(namespace)}/pods/${encodeURIComponent(name)}`);
  const { command, settings, entries } = await clusterSettings(client, commandLine, terminal, warnings);
  const account = textOf(objectAt(pod, 'spec'), 'serviceAccountName') ?? DEFAULT_NAMESPACE;
  const cluster = await clusterAround(client, namespace, account, warnings);
  const context = admissionContext(command, settings, cluster, readUntrustedYaml);
  // Its phase alone would decide about a running pod.
  const { status, ...newPod } = pod;
  const [document] = readDocuments({ file: SOURCE, text: JSON.stringify(newPod) }).documents;
  if (!document) throw new Error(`the API server's answer for pod ${namespace}/${name} cannot be read`);
  const workload = { kind: 'Pod', namespace, name, objectPath: [], path: [], part: '', pod: newPod, misplaced: [] };
  const evaluated = evaluatePod(document, workload, context, cluster);
  const missing = missingEntry(evaluated.result.reason, entries);
  if (missing !== undefined)
    warnings.push(
      `the cluster has no webhook entry ${missing}: pods that request injection only this way do not reach the webhook`,
    );
  const versions = await runningVersions(client, newPod);
  const phase = textOf(isObject(status) ? status : undefined, 'phase') ?? '';
  return { settings, context, warnings, pods: [evaluated], live: { phase, ...originalPod(newPod), versions } };
};

const get = (client: KubeClient, path: string): Promise<JsonObject> => client.request<JsonObject>({ method: 'GET', path });

const core = (namespace: string): string => `/api/v1/namespaces/${encodeURIComponent(namespace)}`;

/** Settings of the installed webhook, overridden by the flags of this call; without a webhook, those of this call alone. */
const clusterSettings = async (
  client: KubeClient,
  { settings: given, words: flags, ownFlags }: CommandLine,
  terminal: Terminal,
  warnings: string[],
): Promise<{ readonly command: Command; readonly settings: ReadSettings; readonly entries?: readonly string[] }> => {
  try {
    const { command, words, environment, entries, namespace } = await webhookSettings(client);
    const reading = readSettings(command, [...words, ...flags], { ...environment, ...terminal.environment }, ownFlags);
    if (!reading.ok) throw new Error(reading.problems.join('; '));
    const own = command === 'webhook' ? namespace : undefined;
    return { command, settings: excludingNamespace(reading.value, own), entries };
  } catch (error) {
    warnings.push(`cannot read the settings of the cluster's webhook, using the flags of this command: ${messageOf(error)}`);
    return { command: 'explain', settings: given };
  }
};

/** The entry of the webhook configuration that selects pods for this reason. */
const ENTRY_OF: Readonly<Partial<Record<SelectionReason, string>>> = {
  'pod-label': 'label.vaultauth.dev',
  'pod-annotation': 'annotation.vaultauth.dev',
  'pod-annotation-invalid': 'annotation.vaultauth.dev',
  'namespace-label': 'namespace.vaultauth.dev',
  'cluster-default': 'auto.vaultauth.dev',
};

/** Undefined also if the entries are unknown, or if the one entry of vault-k8s selects all pods. */
const missingEntry = (reason: SelectionReason, entries: readonly string[] | undefined): string | undefined => {
  const entry = ENTRY_OF[reason];
  const isOwn = entries?.some((name) => name.endsWith('.vaultauth.dev'));
  return entry !== undefined && isOwn && !entries?.includes(entry) ? entry : undefined;
};

/** Namespace, service account, LimitRanges and roles of a pod, and what the version of the cluster supports. */
const clusterAround = async (
  client: KubeClient,
  namespace: string,
  account: string,
  warnings: string[],
): Promise<FileCluster> => {
  // Warnings are collected in the order of the requests, not of the answers: equal clusters give equal output.
  const read = (path: string): Promise<Read<JsonObject>> =>
    get(client, path).then(
      (value) => ({ value }),
      (error: unknown) => (isKubeError(error, 'NotFound') ? {} : { warning: ignored(error) }),
    );
  const reads = await Promise.all([
    read(core(namespace)),
    read(`${core(namespace)}/serviceaccounts/${encodeURIComponent(account)}`),
    read(`${core(namespace)}/limitranges`),
    read('/version'),
    readLinks(client, namespace),
  ]);
  warnings.push(...reads.flatMap(({ warning }) => warning ?? []));
  const [{ value: own }, { value: serviceAccount }, { value: limits }, { value: version }, { value: links }] = reads;
  const ranges = objectsOf(limits?.['items']).map((range) => ({ apiVersion: 'v1', kind: 'LimitRange', ...range }));
  const items = [own, serviceAccount, ...ranges].filter((object) => object !== undefined);
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const [major = '', minor = '', gitVersion = ''] = ['major', 'minor', 'gitVersion'].map((field) => textOf(version, field));
  return {
    ...fileCluster([clusterObjects({ file: SOURCE, text }).objects]),
    ...(version ? { version: { major, minor, gitVersion } } : {}),
    ...(links ? { links } : {}),
  };
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
