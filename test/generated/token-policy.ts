// The MutatingAdmissionPolicy of mode token: what src/pod/token-mode.ts adds, in CEL, for pods whose annotations are plain. Whatever is
// not plain is left to the webhook: a name that the policy does not know, a value that could be a problem, a place that is taken.
import { flag } from '../../src/annotations/value-kinds.ts';
import { allNames, annotationName, PREFIXES } from '../../src/annotations/names.ts';
import type { Row } from '../../src/annotations/row.ts';
import { type OptionKey, table } from '../../src/annotations/table.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { APP_TOKEN_DIRECTORY as DIRECTORY, FILE_MODE, TOKEN_VOLUME as VOLUME } from '../../src/pod/token.ts';
import { INJECT_LABEL } from '../../src/selection/decide.ts';
import { settingsTable } from '../../src/settings/table.ts';
import { NO_MIRROR, NO_WINDOWS, OPEN_NAMESPACES } from './webhook-entries.ts';
import { implicit, LABEL, NAMESPACE_LABEL, SAYS_NOTHING } from './injection-requests.ts';

const list = (words: readonly string[]): string => `[${words.map((word) => `'${word}'`).join(', ')}]`;
const namesOf = (key: OptionKey): readonly string[] => {
  const { own }: Row<unknown> = table[key];
  return own ? [annotationName(key)] : allNames(key);
};

const YES_AND_NO = ['true', 'True', 'TRUE', 't', 'T', '1', 'false', 'False', 'FALSE', 'f', 'F', '0', ''];
/** Every spelling of yes, or of no. */
const words = (value: boolean): string => list(YES_AND_NO.filter((word) => flag.read(word) === value));

/**
 * CEL about a value `v` that the webhook is sure to read as the policy does: neither trimmed nor corrected nor denied. The policy leaves
 * a pod with another value to the webhook.
 */
const word = "v.matches('^[!-~]+$')";
const line = "v.matches('^[!-~](.*[!-~])?$')";
const roleName = "v.matches('^[A-Za-z0-9_]([-.A-Za-z0-9_]*[A-Za-z0-9_])?$')";
const mountPath = "v.matches('^auth(/[A-Za-z0-9_][-.A-Za-z0-9_]*)+$') && !v.endsWith('/login')";
const vaultNamespace = "v.matches('^[-.A-Za-z0-9_/]+$')";
const address = "v.matches('^https?://[-.a-z0-9]+(:[1-9][0-9]{0,3})?$')";
const nameList = "v.matches('^[-a-z0-9, ]+$')";
/** Options that the policy supports, with the values that it supports. */
const OF_BOTH: Partial<Record<OptionKey, string>> = {
  mode: "v in ['agent', 'token']",
  role: roleName,
  authPath: mountPath,
  namespace: vaultNamespace,
  tokenAudience: line,
  tokenExpirationSeconds: "v.matches('^[1-9][0-9]{2,4}$') && int(v) >= 600 && int(v) <= 86400",
  skipContainers: nameList,
  initContainers: nameList,
};
const OF_POD: Partial<Record<OptionKey, string>> = {
  ...OF_BOTH,
  agentInject: `v in ${words(true)} || v in ${words(false)}`,
  inject: "v in ['enabled', 'disabled']",
  agentInjectStatus: word,
};
/** A pod's own address is guarded, and who allows what is for the webhook to judge. */
const OF_NAMESPACE: Partial<Record<OptionKey, string>> = { ...OF_BOTH, service: address, allow: 'true' };

/** CEL: true if the annotations contain only these, each at most once and with a plain value. */
const plain = (annotations: string, known: Partial<Record<OptionKey, string>>): readonly [string, string, string] => {
  const entries = Object.entries(known) as [OptionKey, string][];
  const ours = PREFIXES.map((prefix) => `k.startsWith('${prefix}')`).join(' || ');
  const names = entries.flatMap(([key]) => namesOf(key));
  const once = entries
    .map(([key]) => namesOf(key))
    .filter(({ length }) => length > 1)
    .map((same) => `${list(same)}.filter(k, k in ${annotations}).size() <= 1`);
  const values = entries.map(
    ([key, sound]) => `${list(namesOf(key))}.all(k, !(k in ${annotations}) || [${annotations}[k]].all(v, ${sound}))`,
  );
  return [`${annotations}.all(k, !(${ours}) || k in ${list(names)})`, once.join(' && '), values.join(' && ')];
};

const INJECT = list(namesOf('agentInject'));
const ANNOTATIONS = 'object.metadata.annotations';
const NO_ANNOTATIONS = `!has(${ANNOTATIONS})`;

/** Costs of expressions are bounded, and a policy that exceeds them refuses the pod: what is larger than this is left alone. */
const MOST = { containers: 64, variablesAndMounts: 2000, annotations: 500 } as const;

/** CEL: variables and mounts of a list of containers. */
const itemsOf = (containers: string): string =>
  `${containers}.map(c, (has(c.env) ? c.env.size() : 0) + (has(c.volumeMounts) ? c.volumeMounts.size() : 0)).sum()`;
const HAS_INITS = 'has(object.spec.initContainers)';

const conditions: readonly JsonObject[] = [
  NO_MIRROR,
  NO_WINDOWS,
  { name: 'pending', expression: "!has(object.status) || !has(object.status.phase) || object.status.phase in ['', 'Pending']" },
  {
    name: 'of-common-size',
    expression: `object.spec.containers.size() + (${HAS_INITS} ? object.spec.initContainers.size() : 0) <= ${MOST.containers} && ${itemsOf('object.spec.containers')} + (${HAS_INITS} ? ${itemsOf('object.spec.initContainers')} : 0) <= ${MOST.variablesAndMounts}`,
  },
  ...plain(ANNOTATIONS, OF_POD).map((expression, index) => ({
    name: `annotations-${['known', 'once', 'readable'][index]}`,
    expression: `${NO_ANNOTATIONS} || (${ANNOTATIONS}.size() <= ${MOST.annotations} && ${expression})`,
  })),
  {
    name: 'one-request',
    expression: `${NO_ANNOTATIONS} || !('${annotationName('inject')}' in ${ANNOTATIONS}) || !${INJECT}.exists(k, k in ${ANNOTATIONS})`,
  },
];

/** CEL: the option as pod, namespace and settings have it, in this order. */
const option = (key: OptionKey, otherwise: string, ofPod = true): string => {
  const names = list(namesOf(key));
  const from = (layer: string): string => `${names}.filter(k, k in variables.${layer}).map(k, variables.${layer}[k])`;
  return `string((${[...(ofPod ? [from('annotations')] : []), from('ofNamespace'), `[${otherwise}]`].join(' + ')})[0])`;
};
const setting = (name: string): string => `variables.settings['${name}']`;

/** What the webhook has as flags; rendered, for a parameter object was seen to freeze when a policy is deleted and made again. */
const SETTINGS = {
  'auto-inject': settingsTable.autoInject.default,
  'vault-address': 'http://vault.vault.svc:8200',
  'vault-auth-path': settingsTable.vaultAuthPath.default,
  'vault-namespace': '',
  'token-audience': table.tokenAudience.default,
  'token-expiration-seconds': String(table.tokenExpirationSeconds.default),
} as const;

/** CEL: names of a list annotation. */
const named = (expression: string): string => `${expression}.split(',').map(n, n.trim())`;
/** Every init container; no annotation can name all of them. */
const ALL = '*';

const MOUNTED = `m.mountPath.matches('^${DIRECTORY}/*$')`;
const receiving = (containers: string, inits: boolean): string =>
  `${containers}.filter(c, !(c.name in variables.skipped)${inits ? ` && ('${ALL}' in variables.chosen || c.name in variables.chosen)` : ''})`;
const APPS = receiving('object.spec.containers', false);
const INITS = `(${HAS_INITS} ? ${receiving('object.spec.initContainers', true)} : [])`;

const PROJECTED = 'v.projected.sources[0].serviceAccountToken';
/** CEL: the volume is as we would make it. */
const SOUND = `has(v.projected) && has(v.projected.defaultMode) && v.projected.defaultMode == ${FILE_MODE} && v.projected.sources.size() == 1 && has(${PROJECTED}) && ${PROJECTED}.path == 'token' && has(${PROJECTED}.audience) && ${PROJECTED}.audience == variables.audience && has(${PROJECTED}.expirationSeconds) && ${PROJECTED}.expirationSeconds == variables.seconds`;

const variables: readonly JsonObject[] = [
  {
    name: 'settings',
    expression: `{${Object.entries(SETTINGS)
      .map(([name, value]) => `'${name}': '${value}'`)
      .join(', ')}}`,
  },
  { name: 'annotations', expression: `has(${ANNOTATIONS}) ? ${ANNOTATIONS} : {}` },
  {
    name: 'ofNamespace',
    expression: 'has(namespaceObject.metadata.annotations) ? namespaceObject.metadata.annotations : {}',
  },
  LABEL,
  SAYS_NOTHING,
  NAMESPACE_LABEL,
  {
    name: 'chosenPod',
    expression: `variables.label == 'enabled' || ${INJECT}.exists(k, k in variables.annotations && variables.annotations[k] in ${words(true)}) || ('${annotationName('inject')}' in variables.annotations && variables.annotations['${annotationName('inject')}'] == 'enabled') || (${implicit(`${setting('auto-inject')} == 'true'`)})`,
  },
  { name: 'tokenMode', expression: `${option('mode', `'${table.mode.default}'`)} == 'token'` },
  { name: 'plainNamespace', expression: plain('variables.ofNamespace', OF_NAMESPACE).join(' && ') },
  { name: 'address', expression: option('service', setting('vault-address'), false) },
  { name: 'role', expression: option('role', "''") },
  { name: 'audience', expression: option('tokenAudience', setting('token-audience')) },
  { name: 'seconds', expression: `int(${option('tokenExpirationSeconds', setting('token-expiration-seconds'))})` },
  { name: 'skipped', expression: named(option('skipContainers', "''")) },
  { name: 'chosen', expression: named(option('initContainers', `'${ALL}'`)) },
  {
    name: 'environment',
    expression: `{'VAULT_ADDR': variables.address, 'VAULT_NAMESPACE': ${option('namespace', setting('vault-namespace'))}, 'VAULT_AUTH_MOUNT': ${option('authPath', setting('vault-auth-path'))}, 'VAULT_ROLE': variables.role, 'VAULT_TOKEN_PATH': '${DIRECTORY}/token'}`,
  },
  {
    name: 'order',
    expression:
      "['VAULT_ADDR', 'VAULT_NAMESPACE', 'VAULT_AUTH_MOUNT', 'VAULT_ROLE', 'VAULT_TOKEN_PATH'].filter(n, variables.environment[n] != '')",
  },
  {
    name: 'free',
    expression: `(!has(object.spec.volumes) || object.spec.volumes.all(v, v.name != '${VOLUME}' || (${SOUND}))) && (${APPS}.all(c, !has(c.volumeMounts) || c.volumeMounts.all(m, !${MOUNTED} || m.name == '${VOLUME}'))) && ${INITS}.all(c, !has(c.volumeMounts) || c.volumeMounts.all(m, !${MOUNTED} || m.name == '${VOLUME}'))`,
  },
  {
    name: 'due',
    expression:
      "variables.chosenPod && variables.plainNamespace && variables.tokenMode && variables.address != '' && variables.role != '' && variables.free",
  },
  {
    name: 'status',
    expression: `(${list(namesOf('agentInjectStatus'))}.filter(k, k in variables.annotations) + ['${annotationName('agentInjectStatus')}'])[0]`,
  },
];

const SOURCE = 'Object.spec.volumes.projected.sources';
const volume = `Object.spec.volumes{name: '${VOLUME}', projected: Object.spec.volumes.projected{defaultMode: ${FILE_MODE}, sources: [${SOURCE}{serviceAccountToken: ${SOURCE}.serviceAccountToken{path: 'token', audience: variables.audience, expirationSeconds: variables.seconds}}]}}`;

const additions = (list: 'containers' | 'initContainers', receivers: string): string => {
  const type = `Object.spec.${list}`;
  const mount = `${type}.volumeMounts{name: '${VOLUME}', mountPath: '${DIRECTORY}', readOnly: true}`;
  return `${receivers}.map(c, ${type}{name: c.name, volumeMounts: has(c.volumeMounts) && c.volumeMounts.exists(m, ${MOUNTED}) ? [] : [${mount}], env: variables.order.filter(n, !has(c.env) || !c.env.exists(e, e.name == n)).map(n, ${type}.env{name: n, value: variables.environment[n].replace('$', '$$')})})`;
};

/** The policy, but for its name. */
export const tokenPolicy: JsonObject = {
  failurePolicy: 'Fail',
  reinvocationPolicy: 'IfNeeded',
  matchConstraints: {
    matchPolicy: 'Equivalent',
    namespaceSelector: { matchExpressions: OPEN_NAMESPACES },
    objectSelector: { matchExpressions: [{ key: INJECT_LABEL, operator: 'NotIn', values: ['disabled'] }] },
    resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: 'Namespaced' }],
  },
  matchConditions: conditions,
  variables,
  mutations: [
    {
      // The sources of a projected volume are one value for an applied configuration, which cannot set them.
      patchType: 'JSONPatch',
      jsonPatch: {
        expression: `!variables.due || (has(object.spec.volumes) && object.spec.volumes.exists(v, v.name == '${VOLUME}')) ? [] : (has(object.spec.volumes) ? [] : [JSONPatch{op: 'add', path: '/spec/volumes', value: []}]) + [JSONPatch{op: 'add', path: '/spec/volumes/-', value: ${volume}}]`,
      },
    },
    {
      patchType: 'ApplyConfiguration',
      applyConfiguration: {
        expression: `variables.due ? Object{metadata: Object.metadata{annotations: {variables.status: 'injected'}}, spec: Object.spec{containers: ${additions('containers', APPS)}, initContainers: ${additions('initContainers', INITS)}}} : Object{}`,
      },
    },
  ],
};
