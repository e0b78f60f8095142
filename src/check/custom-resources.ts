// Checks of the four kinds: that they are installed as this program knows them, and what the controller reports about each object.
import { isObject, type JsonObject, objectAt, objectsOf, textOf } from '../json/json.ts';
import { crdOf } from '../resources/crd.ts';
import { collectionPath, GROUP, type KindName, kinds, VERSION } from '../resources/kinds.ts';
import { attempt, type ClusterReader, nameIn, namespaceIn } from './cluster-reader.ts';
import { type CheckName, fail, hasFailed, type Line, ok, skip, warn } from './catalogue.ts';

const INSTALL = 'helm upgrade, or kubectl apply --server-side --force-conflicts -k deploy/crds';
const KINDS = Object.keys(kinds) as readonly KindName[];

/** The CustomResourceDefinitions against those of this program. `expected`: a controller is installed. Throws KubeError. */
export async function checkDefinitions(reader: ClusterReader, expected: boolean): Promise<readonly Line[]> {
  return attempt('crds', async () => {
    const found = await Promise.all(
      KINDS.map((kind) => reader.get(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${kinds[kind].plural}.${GROUP}`)),
    );
    const missing = KINDS.filter((_, index) => !found[index]);
    if (missing.length === KINDS.length && !expected) return [skip('crds', 'not installed: only the controller needs them')];
    if (missing.length > 0) return [fail('crds', `${missing.join(', ')} not installed`, INSTALL)];
    const lacking = KINDS.flatMap((kind, index) => {
      const present = new Set(fieldsOf(schemaOf(found[index])));
      const absent = fieldsOf(schemaOf(crdOf(kind))).filter((field) => !present.has(field));
      return absent.length === 0 ? [] : [`${kind} (${absent.slice(0, 3).join(', ')}${absent.length > 3 ? ', …' : ''})`];
    });
    return lacking.length === 0
      ? [ok('crds', `${KINDS.length} kinds`)]
      : [fail('crds', `definitions of another version lack fields: ${lacking.join('; ')}`, INSTALL)];
  });
}

const schemaOf = (definition: JsonObject | undefined): JsonObject | undefined => {
  const version = objectsOf(objectAt(definition, 'spec')?.['versions']).find((each) => textOf(each, 'name') === VERSION);
  return objectAt(objectAt(version, 'schema'), 'openAPIV3Schema');
};

/** Paths of all fields of a schema, such as `.spec.tls.ca`. */
const fieldsOf = (schema: JsonObject | undefined, path = ''): readonly string[] =>
  Object.entries(objectAt(schema, 'properties') ?? {})
    .flatMap(([name, member]) => (isObject(member) ? [`${path}.${name}`, ...fieldsOf(member, `${path}.${name}`)] : []))
    .concat(isObject(schema?.['items']) ? fieldsOf(schema['items'], `${path}[]`) : []);

interface Observed {
  readonly kind: KindName;
  readonly check: CheckName;
  readonly one: string;
  readonly many: string;
  /** The object whose failure explains that of this one: its kind and name. */
  readonly cause: (object: JsonObject) => { readonly kind: KindName; readonly name: string | undefined };
}

const refOf = (object: JsonObject, field: string): string | undefined =>
  textOf(objectAt(objectAt(object, 'spec'), field), 'name');

const OBSERVED: readonly Observed[] = [
  {
    kind: 'VaultEndpoint',
    check: 'endpoint',
    one: 'endpoint',
    many: 'endpoints',
    cause: () => ({ kind: 'VaultEndpoint', name: undefined }),
  },
  {
    kind: 'VaultAuthBackend',
    check: 'backend',
    one: 'backend',
    many: 'backends',
    cause: (object) => ({ kind: 'VaultEndpoint', name: refOf(object, 'endpointRef') }),
  },
  {
    kind: 'VaultACLPolicy',
    check: 'policy',
    one: 'policy',
    many: 'policies',
    cause: (object) => ({ kind: 'VaultEndpoint', name: refOf(object, 'endpointRef') }),
  },
  {
    kind: 'VaultAuthRole',
    check: 'role',
    one: 'role',
    many: 'roles',
    cause: (object) => ({
      kind: 'VaultAuthBackend',
      name: refOf(object, 'backendRef') ?? textOf(objectAt(objectAt(object, 'status'), 'vault'), 'backend'),
    }),
  },
];

/** Lines for more objects than these of one kind are summarized. */
const MAX_LINES = 20;

/**
 * What the controller reports. An object whose failure has its cause in another one that failed is counted, not listed, and all are
 * skipped if nothing reconciles them. Throws KubeError.
 */
export async function checkResources(reader: ClusterReader, isReconciled: boolean): Promise<readonly Line[]> {
  const lists = await Promise.all(
    OBSERVED.map(async ({ kind, check }) => {
      let items: readonly JsonObject[] = [];
      const denied = await attempt(check, async () => {
        items = await reader.list(collectionPath(kind));
        return [];
      });
      return { items, denied };
    }),
  );
  const denied = lists.flatMap((list) => list.denied);
  if (lists.every(({ items }) => items.length === 0))
    return denied.length > 0 ? denied : [skip('endpoint', 'no VaultEndpoint exists')];
  if (!isReconciled) return [skip('endpoint', 'no controller reconciles the objects, so their status may be outdated')];
  const failed: Record<KindName, Set<string>> = {
    VaultEndpoint: new Set(),
    VaultAuthBackend: new Set(),
    VaultACLPolicy: new Set(),
    VaultAuthRole: new Set(),
  };
  const lines: Line[] = [...denied];
  const backends = lists[1]?.items ?? [];
  const byDefault = defaults(backends);
  for (const [index, observed] of OBSERVED.entries()) {
    const items = lists[index]?.items ?? [];
    if (items.length > 0) lines.push(...linesOf(observed, items, { failed, hasNoDefault: hasFailed(byDefault) }));
  }
  return [...lines, ...byDefault, ...pending(backends)];
}

interface Causes {
  /** Names of the objects that are not ready. */
  readonly failed: Readonly<Record<KindName, Set<string>>>;
  /** Several backends are the default, so that no role without backendRef has a backend. */
  readonly hasNoDefault: boolean;
}

const linesOf = (
  { kind, check, one, many, cause }: Observed,
  items: readonly JsonObject[],
  { failed, hasNoDefault }: Causes,
): readonly Line[] => {
  const unready = items.flatMap((object) => {
    const found = problemOf(object);
    return found ? [{ object, found }] : [];
  });
  for (const { object } of unready) failed[kind].add(nameIn(object));
  const isConsequence = (object: JsonObject, reason: string): boolean => {
    const { kind: other, name } = cause(object);
    if (kind === 'VaultEndpoint') return false;
    if (reason === 'BackendNotFound') return hasNoDefault && refOf(object, 'backendRef') === undefined;
    return name === undefined ? failed[other].size > 0 : failed[other].has(name);
  };
  const own = unready.filter(({ object, found }) => !isConsequence(object, found.reason));
  const consequences = unready.length - own.length;
  const lines = own.slice(0, MAX_LINES).map(({ object, found }) => {
    const named = `${kind} ${[namespaceIn(object), nameIn(object)].filter((part) => part !== '').join('/')}`;
    return (found.isFailure ? fail : warn)(
      check,
      `${named}: ${found.reason}: ${found.message}`,
      remedyOf(kind, object, found.reason),
    );
  });
  const more =
    own.length > MAX_LINES
      ? [warn(check, `${own.length - MAX_LINES} more are not ready`, `kubectl get ${kinds[kind].plural} -A`)]
      : [];
  const skipped = consequences === 0 ? [] : [skip(check, `${consequences} not ready because of the failure above`)];
  const readyCount = items.length - unready.length;
  const isAllReady = own.length === 0 && consequences === 0;
  return [
    ...(isAllReady ? [ok(check, `${readyCount} ${readyCount === 1 ? one : many} ready`)] : []),
    ...lines,
    ...more,
    ...skipped,
  ];
};

interface Found {
  readonly reason: string;
  readonly message: string;
  readonly isFailure: boolean;
}

/** Conditions that do not count for Ready. */
const NOT_COUNTED: ReadonlySet<string> = new Set(['Ready', 'Deletable', 'ServiceAccountsExist']);

/** Undefined: everything is as declared. */
const problemOf = (object: JsonObject): Found | undefined => {
  const metadata = objectAt(object, 'metadata');
  const conditions = objectsOf(objectAt(object, 'status')?.['conditions']);
  const ready = conditions.find((condition) => textOf(condition, 'type') === 'Ready');
  if (!ready) return { reason: 'NotReconciled', message: 'the controller has not reconciled it yet', isFailure: false };
  const isCurrent = ready['observedGeneration'] === metadata?.['generation'];
  const counted = conditions.filter((condition) => !NOT_COUNTED.has(textOf(condition, 'type') ?? ''));
  const broken =
    counted.find((condition) => condition['status'] === 'False') ?? (textOf(ready, 'status') === 'True' ? undefined : ready);
  if (broken) {
    const message = (textOf(broken, 'message') ?? '').replace(/\.$/, '');
    return { reason: textOf(broken, 'reason') ?? '', message, isFailure: broken['status'] === 'False' };
  }
  if (isCurrent) return undefined;
  return {
    reason: 'Outdated',
    message: 'the status describes an earlier generation of the spec',
    isFailure: false,
  };
};

/** What repairs a reason, where the message of the condition alone does not say it. */
const REMEDIES: Readonly<Record<string, string>> = {
  Sealed: 'vault operator unseal',
  Uninitialized: 'vault operator init',
  ConnectionFailed: 'start the server, correct spec.address, or let the network of the controller reach it',
  DNSFailed: 'correct spec.address, or the DNS of the cluster',
  Timeout: 'start the server, correct spec.address, or let the network of the controller reach it',
  TLSFailed: 'put the CA of the server into spec.tls.ca, or correct spec.tls.serverName',
  CAMissing: 'create the Secret or ConfigMap that the message names, or correct the reference',
  CredentialMissing: 'create the Secret that the message names, with the key',
  LoginDenied: 'correct what the message names; for a token: write a valid one into the Secret',
  RightsMissing: 'vault-auth-injector policy -f MANIFESTS | vault policy write vault-auth-injector -',
  NamespaceMissing: 'vault namespace create, or correct spec.namespace',
  Missing: 'set spec.mount.create: true, or enable the auth method in Vault',
  ProbeDenied:
    'let the reviewer create tokenreviews (ClusterRoleBinding to system:auth-delegator), and correct spec.kubernetes.host and ca',
  BindingMissing: 'kubectl apply -k deploy/variants/auth-delegator, or bind the reviewer to system:auth-delegator yourself',
  NamespaceNotAllowed: 'label the namespace as spec.tenancy.namespaceSelector of the backend requires, or change the selector',
  BackendNotFound: 'correct spec.backendRef, label the namespace, or make one VaultAuthBackend the default',
  PolicyNotAllowed: 'add the policy to spec.tenancy.policyRules of the backend, or remove it from the role',
  PolicyNotFound: 'create the VaultACLPolicy, or correct its name',
  NotReconciled: 'wait a moment; otherwise see the log of the controller',
  Outdated: 'wait a moment; otherwise see the log of the controller',
};

const remedyOf = (kind: KindName, object: JsonObject, reason: string): string => {
  const namespace = namespaceIn(object);
  const describe = `kubectl describe ${kinds[kind].singular} ${namespace === '' ? '' : `-n ${namespace} `}${nameIn(object)}`;
  return REMEDIES[reason] ?? `correct what the message names; ${describe} has all conditions`;
};

const defaults = (backends: readonly JsonObject[]): readonly Line[] => {
  const names = backends.filter((backend) => objectAt(backend, 'spec')?.['isDefault'] === true).map(nameIn);
  if (names.length < 2) return names.length === 1 ? [ok('default-backend', names[0] ?? '')] : [];
  return [
    fail(
      'default-backend',
      `${names.join(', ')} all have isDefault: none of them is the default`,
      'set spec.isDefault: false on all but one',
    ),
  ];
};

const pending = (backends: readonly JsonObject[]): readonly Line[] => {
  const left = backends.flatMap((backend) => {
    const roles = objectsOf(objectAt(backend, 'status')?.['pendingDeletions']);
    return roles.length === 0 ? [] : [`${roles.length} of VaultAuthBackend ${nameIn(backend)} (${textOf(roles[0], 'roleName')})`];
  });
  if (backends.length === 0) return [];
  return left.length === 0
    ? [ok('pending-deletions', 'none')]
    : [
        warn(
          'pending-deletions',
          `roles are still in Vault after the deletion of their VaultAuthRole: ${left.join(', ')}`,
          'see status.pendingDeletions for the reason; the controller tries again once the server accepts it',
        ),
      ];
};
