// A cluster with VaultAuthRoles: an endpoint and a backend "main", and roles in the namespace "shop".
import type { CachedCluster } from '../../src/cluster/admission-context.ts';
import { cachedObject, type LinkedKind, linkCache } from '../../src/cluster/link-cache.ts';
import type { JsonObject } from '../../src/json/json.ts';
import type { Surrounding } from './pods.ts';

export interface Declared {
  /** The spec, or an object with `spec` and `status`. */
  readonly endpoints?: Readonly<Record<string, JsonObject>>;
  readonly backends?: Readonly<Record<string, JsonObject>>;
  /** Of the namespace shop: spec and status. */
  readonly roles?: Readonly<Record<string, { readonly spec?: JsonObject; readonly status?: JsonObject }>>;
  readonly namespaceLabels?: Readonly<Record<string, string>>;
  readonly namespaceAnnotations?: Readonly<Record<string, string>>;
  readonly accountAnnotations?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
  /** The objects come from files. */
  readonly isOffline?: boolean;
}

const condition = (type: string, status: string, message = ''): JsonObject => ({ type, status, reason: 'Any', message });
/** The status of a role that is in Vault. */
export const READY = { conditions: [condition('Ready', 'True')], programmed: true };
/** The status of a role whose spec has changed since. */
export const CHANGED = { ...READY, observedGeneration: 1 };
export const SEALED = {
  conditions: [condition('Programmed', 'Unknown'), condition('Ready', 'Unknown', 'Vault is sealed.')],
  programmed: true,
};
export const NOT_ADMITTED = {
  conditions: [condition('Ready', 'False', 'VaultAuthBackend main does not select this namespace.')],
};
/** A role that the controller only observes has no `programmed`. */
export const OBSERVED_SEALED = {
  vault: { roleName: 'web' },
  conditions: [condition('Programmed', 'Unknown'), condition('Ready', 'Unknown', 'Vault is sealed.')],
};

/** The spec of the endpoint main. */
export const ENDPOINT: JsonObject = { address: 'https://bao.example:8200', namespace: 'teams' };
export function backendSpec(more: JsonObject = {}): JsonObject {
  return {
    endpointRef: { name: 'main' },
    type: 'kubernetes',
    path: 'k8s/prod',
    clusterName: 'prod',
    isDefault: true,
    kubernetes: {},
    tenancy: { namespaceSelector: {} },
    ...more,
  };
}

const textsOf = (texts: Readonly<Record<string, string>> = {}): ReadonlyMap<string, string> => new Map(Object.entries(texts));

/** A webhook with these objects in its cache. */
export function linked(declared: Declared = {}): Surrounding {
  const { endpoints = { main: ENDPOINT }, backends = { main: backendSpec() }, roles = {}, isOffline = false } = declared;
  const store = linkCache();
  const put = (kind: LinkedKind, name: string, rest: JsonObject): void => {
    const fact = cachedObject(kind, { metadata: { name, namespace: 'shop', generation: 2 }, ...rest }, !isOffline);
    if (fact) store.set(fact);
  };
  for (const [name, spec] of Object.entries(endpoints)) put('VaultEndpoint', name, spec['spec'] ? spec : { spec });
  for (const [name, spec] of Object.entries(backends)) put('VaultAuthBackend', name, { spec });
  for (const [name, { spec = {}, status }] of Object.entries(roles))
    put('VaultAuthRole', name, { spec, ...(status ? { status } : {}) });
  const cluster: CachedCluster = {
    namespace: () => ({ labels: textsOf(declared.namespaceLabels), annotations: textsOf(declared.namespaceAnnotations) }),
    serviceAccount: () => ({ labels: new Map(), annotations: textsOf(declared.accountAnnotations) }),
    links: store,
  };
  return { command: 'webhook', cluster, ...(declared.flags ? { flags: declared.flags } : {}) };
}
