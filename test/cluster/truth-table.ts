// The truth table of the selection: all combinations of the labels and annotations of a pod and its namespace.
import { admitPod, type AdmissionResult } from '../../src/admission/admit.ts';
import { admissionContext } from '../../src/cluster/admission-context.ts';
import { objectAt, type JsonObject } from '../../src/json/json.ts';
import { readSettings } from '../../src/settings/read.ts';
import type { Bed } from '../bed/bed.ts';

type Texts = Readonly<Record<string, string>>;
/** A pod, and the namespace in which it is created. */
export interface Row {
  readonly namespace: string;
  readonly namespaceLabels: Texts;
  readonly pod: JsonObject;
}

const INJECT = 'vaultauth.dev/inject';
const VAULT = 'vault.hashicorp.com/agent-inject';
const BAO = 'openbao.org/agent-inject';
const OURS = 'vaultauth.dev/agent-inject';

/** Namespaces that are excluded and that every cluster has. */
const SYSTEM = ['kube-system', 'kube-public', 'kube-node-lease'];

const word = (value: string | undefined): Texts => (value === undefined ? {} : { [INJECT]: value });
/** Every label of a namespace that counts, with every hard stop; and the excluded ones, which ask. */
const NAMESPACES: readonly (readonly [name: string, labels: Texts])[] = [
  ...[undefined, 'enabled', 'disabled', 'yes'].flatMap((inject) =>
    [undefined, 'disabled', 'off'].map((stop): readonly [string, Texts] => [
      `inject-${inject ?? 'unset'}-stop-${stop ?? 'unset'}`,
      { ...word(inject), ...(stop === undefined ? {} : { 'vaultauth.dev/admission': stop }) },
    ]),
  ),
  ...[...SYSTEM, 'vault-auth-injector'].map((name): readonly [string, Texts] => [name, word('enabled')]),
];
const LABELS: readonly Texts[] = [undefined, 'enabled', 'disabled', 'true'].map(word);
const ANNOTATIONS: readonly Texts[] = [
  {},
  { other: 'x' },
  ...['true', 'TRUE', '1', 'false', 'F', '0', '', 'fAlSe', 'maybe'].map((value) => ({ [VAULT]: value })),
  ...['true', 'false'].flatMap((value) => [{ [BAO]: value }, { [OURS]: value }]),
  ...['enabled', 'disabled', 'nope'].map(word),
  { [VAULT]: 'false', [BAO]: 'true' },
  { [VAULT]: 'false', [INJECT]: 'enabled' },
  { [VAULT]: 'false', [INJECT]: 'disabled' },
];
/** For the rarer kinds of pods: nothing, yes, no, a mess, and each of our own. */
const FEW = ANNOTATIONS.filter((_, index) => [0, 2, 5, 10, 15, 16, 19].includes(index));
/** A required node affinity with one expression about the operating system. */
const onNodes = (expression: JsonObject): JsonObject => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/os', ...expression }] }],
    },
  },
});
const KINDS: readonly { readonly annotations: Texts; readonly spec: JsonObject; readonly few?: true }[] = [
  { annotations: {}, spec: {} },
  // What a kubelet makes of a manifest on its node.
  {
    annotations: { 'kubernetes.io/config.mirror': 'x' },
    spec: { nodeName: 'node', automountServiceAccountToken: false, enableServiceLinks: false },
    few: true,
  },
  { annotations: {}, spec: { os: { name: 'windows' } }, few: true },
  { annotations: {}, spec: { nodeSelector: { 'kubernetes.io/os': 'windows' } }, few: true },
  { annotations: {}, spec: { affinity: onNodes({ operator: 'In', values: ['windows'] }) }, few: true },
  { annotations: {}, spec: { affinity: onNodes({ operator: 'NotIn', values: ['linux'] }) }, few: true },
  { annotations: {}, spec: { securityContext: { windowsOptions: { runAsUserName: 'ContainerUser' } } }, few: true },
  // A Linux pod whose chart sets an option of Windows for all systems.
  {
    annotations: {},
    spec: {
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      securityContext: { windowsOptions: { runAsUserName: 'ContainerUser' } },
    },
    few: true,
  },
];

/** The rows. */
export const ROWS: readonly Row[] = NAMESPACES.flatMap(([namespace, namespaceLabels]) =>
  LABELS.flatMap((labels) =>
    KINDS.flatMap(({ annotations, spec, few }) =>
      (few ? FEW : ANNOTATIONS).map((own) => ({
        namespace,
        namespaceLabels,
        pod: {
          metadata: { name: 'web', labels, annotations: { ...own, ...annotations } },
          spec: { containers: [{ name: 'web', image: 'nginx' }], ...spec },
        },
      })),
    ),
  ),
);

/** How often a row asks or refuses by annotations. */
export function requestsIn({ pod }: Row): number {
  return Object.keys(objectAt(objectAt(pod, 'metadata'), 'annotations') ?? {}).filter((name) =>
    [VAULT, BAO, OURS, INJECT].includes(name),
  ).length;
}

/** The row with further annotations. */
export function withAnnotations(row: Row, more: Texts): Row {
  const metadata = objectAt(row.pod, 'metadata');
  const annotations = { ...objectAt(metadata, 'annotations'), ...more };
  return { ...row, pod: { ...row.pod, metadata: { ...metadata, annotations } } };
}

/** Makes the namespaces, or labels those that are there, with further labels. Each has a service account for pods. */
export async function createNamespaces(bed: Bed, more: Texts = {}): Promise<void> {
  for (const [name, own] of NAMESPACES) {
    const labels = { ...own, ...more };
    if (SYSTEM.includes(name)) {
      const path = `/api/v1/namespaces/${name}`;
      await bed.request('PATCH', path, { metadata: { labels } }, 'application/merge-patch+json');
      await bed.request('POST', `${path}/serviceaccounts`, { metadata: { name: 'default' } });
    } else await bed.createNamespace({ name, labels });
  }
}

/** The program's own answer to a row. */
export function outcomeOf({ namespace, namespaceLabels, pod }: Row, flags: readonly string[]): AdmissionResult {
  const reading = readSettings('webhook', flags, {});
  if (!reading.ok) throw new Error(reading.problems.join());
  const metadata = { labels: new Map(Object.entries(namespaceLabels)), annotations: new Map<string, string>() };
  const cluster = { namespace: () => metadata, serviceAccount: () => undefined };
  return admitPod(pod, namespace, admissionContext('webhook', reading.value, cluster));
}
