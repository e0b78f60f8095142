// deploy/policies: ValidatingAdmissionPolicies that the API server evaluates without the webhook. CEL over the final state of a pod, over changes of
// running pods, and over workloads whose annotations are in the wrong place.
import { printYaml } from '../../src/yaml/documents.ts';
import { allNames, annotationName } from '../../src/annotations/names.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { TOKEN_VOLUME } from '../../src/pod/token.ts';
import { INJECT_LABEL } from '../../src/selection/decide.ts';
import { NAME, NO_MIRROR, NO_WINDOWS, OPEN_NAMESPACES } from './webhook-entries.ts';
import type { Document } from './markdown.ts';
import { tokenPolicy } from './token-policy.ts';
import { ASKING, EXPLICIT, implicit, LABEL, NAMESPACE_LABEL, SAYS_NOTHING } from './injection-requests.ts';

const CONFIG = annotationName('agentConfig');
/** Every annotation that an agent reads its configuration from, as a list of CEL. */
const CONFIGS = `[${(['agentConfig', 'agentInitConfig', 'agentPasswd', 'agentGroup'] as const).map((key) => `'${annotationName(key)}'`).join(', ')}]`;
/** What an injected pod has at least one of: the agent of either shape, or the token for apps that log in themselves. */
const CONTAINERS = "['vault-agent', 'vault-agent-init']";

interface Policy {
  readonly name: string;
  readonly words: string;
  readonly actions: readonly string[];
  readonly spec: JsonObject;
}

const podRules = (operations: readonly string[], resources: readonly string[]): readonly JsonObject[] => [
  { apiGroups: [''], apiVersions: ['v1'], operations, resources, scope: 'Namespaced' },
];

/** What makes a pod due, for pods that a rule of the selection chooses; and the warning that it gets. */
interface Due {
  readonly variables: readonly JsonObject[];
  readonly expression: string;
  /** CEL: completes "because …". */
  readonly because: string;
}

const verifying = (name: string, words: string, actions: readonly string[], due: Due): Policy => ({
  name,
  words,
  actions,
  spec: {
    failurePolicy: 'Fail',
    matchConstraints: {
      matchPolicy: 'Equivalent',
      namespaceSelector: { matchExpressions: OPEN_NAMESPACES },
      objectSelector: { matchExpressions: [{ key: INJECT_LABEL, operator: 'NotIn', values: ['disabled'] }] },
      resourceRules: podRules(['CREATE'], ['pods']),
    },
    matchConditions: [NO_MIRROR, NO_WINDOWS],
    variables: [
      ...due.variables,
      { name: 'due', expression: due.expression },
      {
        name: 'done',
        expression: `object.spec.containers.exists(c, c.name in ${CONTAINERS}) || (has(object.spec.initContainers) && object.spec.initContainers.exists(c, c.name in ${CONTAINERS})) || (has(object.spec.volumes) && object.spec.volumes.exists(v, v.name == '${TOKEN_VOLUME}' && has(v.projected)))`,
      },
    ],
    validations: [
      {
        expression: '!variables.due || variables.done',
        messageExpression: `'this pod has neither the Vault agent nor the Vault token, although ' + (${due.because}) + ': the webhook was not called, skipped the pod (see its log), or another webhook removed its changes'`,
        reason: 'Forbidden',
      },
    ],
  },
});

const verify = verifying(
  'verify',
  `After all mutating webhooks, a pod that requests injection has the agent container or the token volume. This policy detects pods for
which the webhook was not called, or whose changes were removed. It warns and audits; deploy/variants/verify-deny denies.`,
  ['Audit', 'Warn'],
  {
    variables: [LABEL, ASKING],
    expression: EXPLICIT,
    because: `variables.label == 'enabled' ? 'its label ${INJECT_LABEL} is enabled' : 'its annotations request injection'`,
  },
);

const verifySilent = verifying(
  'verify-silent',
  `The same for a pod without label and annotation, if its namespace or the whole cluster is injected. It never denies: the webhook may skip
such a pod for a good reason, for example a missing role. For cluster-wide injection the first variable must be true: see
deploy/variants/verify-cluster-wide.`,
  ['Audit', 'Warn'],
  {
    variables: [{ name: 'auto', expression: 'false' }, LABEL, SAYS_NOTHING, NAMESPACE_LABEL],
    expression: implicit('variables.auto'),
    because: `variables.namespaceLabel == 'enabled' ? 'its namespace ' + namespaceObject.metadata.name + ' has the label ${INJECT_LABEL}: enabled' : 'injection is enabled for the whole cluster'`,
  },
);

const freeze: Policy = {
  name: 'freeze-agent-config',
  words: `The configuration of a native agent is an annotation of its pod. Anyone who can update pods could change it, and the agent would send its
token to another address at its next start.`,
  actions: ['Deny'],
  spec: {
    failurePolicy: 'Fail',
    matchConstraints: {
      matchPolicy: 'Equivalent',
      resourceRules: podRules(['UPDATE'], ['pods', 'pods/status', 'pods/ephemeralcontainers', 'pods/resize']),
    },
    matchConditions: [
      {
        name: 'has-agent-config',
        expression: `has(oldObject.metadata.annotations) && ${CONFIGS}.exists(name, name in oldObject.metadata.annotations)`,
      },
    ],
    validations: [
      {
        expression: `${CONFIGS}.all(name, !(name in oldObject.metadata.annotations) || has(object.metadata.annotations) && name in object.metadata.annotations && object.metadata.annotations[name] == oldObject.metadata.annotations[name])`,
        message: `annotation ${CONFIG} is the configuration of a running agent and cannot be changed: change the pod template instead`,
        reason: 'Forbidden',
      },
    ],
  },
};

/** The same for kinds that keep their pod template at different places. */
const misplaced = (name: string, template: string, apiGroups: readonly string[], resources: readonly string[]): Policy => ({
  name,
  words: `Warns if an annotation that requests injection is on a workload itself, where it has no effect, instead of its pod template.`,
  actions: ['Warn'],
  spec: {
    failurePolicy: 'Ignore',
    matchConstraints: {
      matchPolicy: 'Equivalent',
      resourceRules: [{ apiGroups, apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources, scope: 'Namespaced' }],
    },
    matchConditions: [
      // Controllers copy annotations to the objects that they create; users cannot correct those.
      { name: 'without-owner', expression: '!has(object.metadata.ownerReferences)' },
      { name: 'has-annotations', expression: 'has(object.metadata.annotations)' },
    ],
    variables: [
      {
        name: 'names',
        expression: `[${[...allNames('agentInject'), INJECT_LABEL].map((word) => `'${word}'`).join(', ')}].filter(name, name in object.metadata.annotations)`,
      },
      {
        name: 'template',
        expression: `has(object.spec.${template}.metadata) && has(object.spec.${template}.metadata.annotations) ? object.spec.${template}.metadata.annotations : {}`,
      },
    ],
    validations: [
      {
        expression: 'variables.names.all(name, name in variables.template)',
        messageExpression: `'the annotation ' + variables.names[0] + ' has no effect on the ' + request.kind.kind + ' itself: move it to spec.${template}.metadata.annotations'`,
      },
    ],
  },
});

const POLICIES: readonly Policy[] = [
  verify,
  verifySilent,
  freeze,
  misplaced(
    'misplaced-annotation',
    'template',
    ['apps', 'batch'],
    ['deployments', 'statefulsets', 'daemonsets', 'replicasets', 'jobs'],
  ),
  misplaced('misplaced-annotation-cronjob', 'jobTemplate.spec.template', ['batch'], ['cronjobs']),
];

/** Such an object and its binding. */
const withBinding = (kind: string, name: string, spec: JsonObject, binding: JsonObject): readonly JsonObject[] => {
  const metadata = { name: `${NAME}-${name}`, labels: { 'app.kubernetes.io/name': NAME } };
  const apiVersion = 'admissionregistration.k8s.io/v1';
  return [
    { apiVersion, kind, metadata, spec },
    { apiVersion, kind: `${kind}Binding`, metadata, spec: { policyName: metadata.name, ...binding } },
  ];
};

const documentOf = (file: string, words: string, objects: readonly JsonObject[]): Document => ({
  file: `deploy/policies/${file}.yaml`,
  text: `${words.replaceAll(/^/gm, '# ')}\n${objects.map((object) => printYaml(object)).join('---\n')}`,
});

const TOKEN_MODE = `Mode token without the webhook (Kubernetes 1.36 or later): the API server itself adds the token and the variables for the login. The first
variable has the values of the webhook's flags. The policy supports the annotations mode, role, auth-path, namespace, token-audience,
token-expiration-seconds, skip-containers and init-containers of pods and namespaces. It skips pods with any others; the webhook handles
those. It cannot read annotations of service accounts.`;

const GENERATED = 'Printed from test/generated by `make generate`; a test compares. Change the table, not this file.';

/** The policies as the chart takes them: its values decide names, actions, and the namespaces that are left out. */
export function chartPolicies(): JsonObject {
  const named = POLICIES.map(({ name, words, spec, actions }) => [name, { words, spec, actions }] as const);
  return Object.fromEntries(named) as JsonObject;
}

/** One file per policy, with its binding. */
export function policyDocuments(): readonly Document[] {
  return [
    ...POLICIES.map(({ name, words, actions, spec }) =>
      documentOf(
        name,
        `${GENERATED}\n${words}`,
        withBinding('ValidatingAdmissionPolicy', name, spec, { validationActions: actions }),
      ),
    ),
    documentOf(
      'token-mode/policy',
      `${GENERATED}\n${TOKEN_MODE}`,
      withBinding('MutatingAdmissionPolicy', 'token-mode', tokenPolicy, {}),
    ),
  ];
}
