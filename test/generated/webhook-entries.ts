// The four entries of the MutatingWebhookConfiguration: together they call for the pods that src/selection chooses, and each pod
// matches one of them at the most. Selectors see labels, conditions see annotations; namespaces can be seen by selectors alone.
import { flag } from '../../src/annotations/value-kinds.ts';
import { allNames, OWN_PREFIX } from '../../src/annotations/names.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { ADMISSION_LABEL, INJECT_LABEL } from '../../src/selection/decide.ts';
import { settingsTable } from '../../src/settings/table.ts';

export const NAME = 'vault-auth-injector';

export type EntryName = 'label' | 'annotation' | 'namespace' | 'auto' | 'workloads';

/** What each entry is for. */
export const WORDS: Readonly<Record<EntryName, string>> = {
  label: 'Pods with the label vaultauth.dev/inject: enabled.',
  annotation: `Pods without that label whose annotations request injection, under any of the three prefixes. Every value that is not a clear no matches,
so that the webhook reports a misspelt value.`,
  namespace: 'Pods without label and annotation, in namespaces with the label vaultauth.dev/inject: enabled.',
  auto: `Pods without label and annotation, in namespaces without the label. The webhook never denies them, and they start without an agent when
no replica answers.`,
  workloads:
    'Workloads whose pods request injection: kubectl apply prints warnings about these pods. No workload is denied or changed.',
};

/** Names the installation that serves a namespace. Only selectors read it: the program gets the pods of its own namespaces. */
const REVISION_LABEL = `${OWN_PREFIX}revision`;

/** Namespaces whose pods are never sent: those that the program excludes, and its own. */
export const EXCLUDED: readonly string[] = [...settingsTable.excludedNamespaces.default.split(','), NAME];

const expression = (key: string, operator: 'In' | 'NotIn', values: readonly string[]): JsonObject => ({ key, operator, values });
const list = (words: readonly string[]): string => `[${words.map((word) => `'${word}'`).join(', ')}]`;

/** Every text that counts as a clear no. The grammar has no more words than these to choose from. */
const NO = ['false', 'False', 'FALSE', 'f', 'F', '0', ''].filter((word) => flag.read(word) === false);
const ASKING = list(allNames('agentInject'));
const ANNOTATIONS = 'object.metadata.annotations';
const HAS = `has(${ANNOTATIONS})`;

/** CEL: the pod's annotations ask, under any prefix, or have a value that is neither yes nor no and needs a message. */
export const ASKS = `${HAS} && (${ASKING}.exists(name, name in ${ANNOTATIONS} && !(${ANNOTATIONS}[name] in ${list(NO)})) || ('${INJECT_LABEL}' in ${ANNOTATIONS} && ${ANNOTATIONS}['${INJECT_LABEL}'] != 'disabled'))`;
/** CEL: the pod's annotations neither ask nor refuse. */
export const SILENT = `!${HAS} || !${list([...allNames('agentInject'), INJECT_LABEL])}.exists(name, name in ${ANNOTATIONS})`;
/** Static pods of a kubelet, which cannot be changed through the API. */
export const NO_MIRROR: JsonObject = {
  name: 'no-mirror-pod',
  expression: `!(${HAS} && 'kubernetes.io/config.mirror' in ${ANNOTATIONS})`,
};
/** CEL: all alternatives of the required node affinity name Windows nodes. */
const AFFINITY =
  'object.spec.?affinity.?nodeAffinity.?requiredDuringSchedulingIgnoredDuringExecution.?nodeSelectorTerms.orValue([])';
const ofTerms = (system: string, other: string): string =>
  `(${AFFINITY}.size() > 0 && ${AFFINITY}.all(t, t.?matchExpressions.orValue([]).exists(e, e.key in ['kubernetes.io/os', 'beta.kubernetes.io/os'] && ((e.operator == 'In' && e.?values.orValue([]).size() > 0 && e.?values.orValue([]).all(v, v == '${system}')) || (e.operator == 'NotIn' && '${other}' in e.?values.orValue([]))))))`;
/** CEL: security contexts of pod or container with an option that only Windows has. */
const hasOptions = (one: string): string =>
  ['hostProcess', 'runAsUserName', 'gmsaCredentialSpecName', 'gmsaCredentialSpec']
    .map((name) => `${one}.?securityContext.?windowsOptions.?${name}.hasValue()`)
    .join(' || ');
const OPTIONS = `${hasOptions('object.spec')} || object.spec.containers.exists(c, ${hasOptions('c')}) || object.spec.?initContainers.orValue([]).exists(c, ${hasOptions('c')})`;

/**
 * Windows pods that ask get a warning with the reason; the others are not sent. The signs and their order are those of
 * src/pod/operating-system.ts.
 */
export const NO_WINDOWS: JsonObject = {
  name: 'no-windows-pod',
  expression: `object.spec.?os.?name.or(object.spec.?nodeSelector[?'kubernetes.io/os']).or(object.spec.?nodeSelector[?'beta.kubernetes.io/os']).orValue(${ofTerms('windows', 'linux')} ? 'windows' : ${ofTerms('linux', 'windows')} ? 'linux' : ${OPTIONS} ? 'windows' : '') != 'windows'`,
};
/** CEL: the annotations and labels of the pod template of a Deployment or CronJob, for example. */
const TEMPLATE = 'object.spec.?template.or(object.spec.?jobTemplate.?spec.?template).?metadata';
const TEMPLATE_ANNOTATIONS = `${TEMPLATE}.?annotations.orValue({})`;
/** CEL: the pods of a workload request injection by themselves. A condition cannot see the labels of a namespace. */
const TEMPLATE_ASKS = `${list([...allNames('agentInject'), INJECT_LABEL])}.exists(name, name in ${TEMPLATE_ANNOTATIONS}) || ${TEMPLATE}.?labels[?'${INJECT_LABEL}'].orValue('') == 'enabled'`;

/** Kinds with a pod template at these two places. An API server without the kind of another project ignores its rule. */
const WORKLOAD_RULES: readonly JsonObject[] = (
  [
    ['apps', ['deployments', 'statefulsets', 'daemonsets', 'replicasets']],
    ['batch', ['jobs', 'cronjobs']],
    ['argoproj.io', ['rollouts']],
  ] as const
).map(([group, resources]) => ({
  apiGroups: [group],
  apiVersions: ['*'],
  operations: ['CREATE', 'UPDATE'],
  resources: [...resources],
  scope: 'Namespaced',
}));

/** The pod's label decides nothing. */
const NO_LABEL = expression(INJECT_LABEL, 'NotIn', ['enabled', 'disabled']);

const NOT_STOPPED = expression(ADMISSION_LABEL, 'NotIn', ['disabled']);

/** Namespaces that are not excluded and not stopped, and belong to no other installation. */
export const OPEN_NAMESPACES: readonly JsonObject[] = [
  expression('kubernetes.io/metadata.name', 'NotIn', EXCLUDED),
  { key: REVISION_LABEL, operator: 'DoesNotExist' },
  NOT_STOPPED,
];

interface Selecting {
  readonly namespaces: readonly JsonObject[];
  /** Undefined: the entry is not for pods. */
  readonly pods: JsonObject | undefined;
  readonly conditions: readonly JsonObject[];
}

const SELECTING: Readonly<Record<EntryName, Selecting>> = {
  label: { namespaces: [], pods: expression(INJECT_LABEL, 'In', ['enabled']), conditions: [NO_MIRROR] },
  annotation: { namespaces: [], pods: NO_LABEL, conditions: [NO_MIRROR, { name: 'annotation-requests', expression: ASKS }] },
  namespace: {
    namespaces: [expression(INJECT_LABEL, 'In', ['enabled'])],
    pods: NO_LABEL,
    conditions: [NO_MIRROR, NO_WINDOWS, { name: 'no-annotation', expression: SILENT }],
  },
  auto: {
    namespaces: [expression(INJECT_LABEL, 'NotIn', ['enabled', 'disabled'])],
    pods: NO_LABEL,
    conditions: [NO_MIRROR, NO_WINDOWS, { name: 'no-annotation', expression: SILENT }],
  },
  workloads: { namespaces: [], pods: undefined, conditions: [{ name: 'pods-request', expression: TEMPLATE_ASKS }] },
};

/** Rules for the namespaces of an entry, besides those of all: names, and the revision. */
export function namespacesOf(name: EntryName): readonly JsonObject[] {
  return [NOT_STOPPED, ...SELECTING[name].namespaces];
}

/** One entry, without the caBundle that the webhook itself publishes. */
export function entryOf(name: EntryName): JsonObject {
  const { namespaces, pods, conditions } = SELECTING[name];
  // Nothing that did not ask may wait for the webhook, or be denied without it.
  const isOptional = name === 'auto' || name === 'workloads';
  return {
    name: `${name}.vaultauth.dev`,
    // The same for all, so that the API server keeps one pool of connections.
    clientConfig: { service: { name: NAME, namespace: NAME, path: pods ? '/mutate' : '/validate', port: 443 } },
    ...(pods ? {} : { rules: WORKLOAD_RULES }),
    // Without rules: a replica adds them once it is ready (src/tls/open-entries.ts). So a first installation rejects no pod.
    matchPolicy: 'Equivalent',
    sideEffects: 'None',
    reinvocationPolicy: pods ? 'IfNeeded' : 'Never',
    admissionReviewVersions: ['v1'],
    // A pod that asks, or whose namespace asks, must not start without its secrets; the others did not ask.
    failurePolicy: isOptional ? 'Ignore' : 'Fail',
    timeoutSeconds: isOptional ? 3 : 5,
    namespaceSelector: { matchExpressions: [...OPEN_NAMESPACES, ...namespaces] },
    ...(pods ? { objectSelector: { matchExpressions: [pods] } } : {}),
    matchConditions: conditions,
  };
}
