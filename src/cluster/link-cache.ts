// VaultAuthRoles, VaultAuthBackends and VaultEndpoints in the cache of the webhook, filled by informers or from files.
import { setTimeout as sleep } from 'node:timers/promises';
import type { LinkLister } from '../admission/roles/resolve.ts';
import { objectAt, objectsOf, textOf, type JsonObject } from '../json/json.ts';
import type { KubeClient } from '../kube/client.ts';
import { isKubeError, undefinedOn } from '../kube/errors.ts';
import { startInformer, type KubeObject, type Lister } from '../kube/informer.ts';
import { METADATA_ONLY } from '../kube/reflector.ts';
import { jittered } from '../net/backoff.ts';
import type { Log } from '../observe/log.ts';
import { API_VERSION, collectionPath, objectPath, type KindName } from '../resources/kinds.ts';
import {
  cachedBackend,
  cachedEndpoint,
  cachedRole,
  type CachedBackend,
  type CachedEndpoint,
  type CachedRole,
} from '../resources/webhook-view.ts';

/** The kinds that a pod's login depends on; VaultACLPolicies do not change it. */
export const LINKED_KINDS = ['VaultEndpoint', 'VaultAuthBackend', 'VaultAuthRole'] as const satisfies readonly KindName[];
export type LinkedKind = (typeof LINKED_KINDS)[number];

/** An object in the form in which it is cached. */
export type CachedObject =
  | { readonly kind: 'VaultEndpoint'; readonly value: CachedEndpoint }
  | { readonly kind: 'VaultAuthBackend'; readonly value: CachedBackend }
  | { readonly kind: 'VaultAuthRole'; readonly value: CachedRole };

/** What is cached of an object; undefined: it is being deleted. `hasStatus` as of cachedRole. */
export function cachedObject(kind: LinkedKind, object: JsonObject, hasStatus: boolean): CachedObject | undefined {
  if (textOf(objectAt(object, 'metadata'), 'name') === undefined) return undefined;
  switch (kind) {
    case 'VaultEndpoint':
      return { kind, value: cachedEndpoint(object) };
    case 'VaultAuthBackend':
      return { kind, value: cachedBackend(object) };
    case 'VaultAuthRole': {
      const value = cachedRole(object, hasStatus);
      return value && { kind, value };
    }
  }
}

export interface LinkCache extends LinkLister {
  readonly set: (object: CachedObject) => void;
  readonly delete: (object: CachedObject) => void;
}

/** An empty cache. Lists of roles are sorted by name. */
export function linkCache(): LinkCache {
  const endpoints = new Map<string, CachedEndpoint>();
  const backends = new Map<string, CachedBackend>();
  const roles = new Map<string, CachedRole>();
  const byAccount = roleIndex();
  const byVaultName = roleIndex();
  let defaults: readonly CachedBackend[] = [];
  const backendsChanged = (): void => {
    defaults = [...backends.values()].filter(({ isDefault }) => isDefault);
  };
  const removeRole = ({ namespace, name }: CachedRole): void => {
    const key = keyOf(namespace, name);
    const role = roles.get(key);
    if (!role) return;
    roles.delete(key);
    for (const account of role.serviceAccounts) byAccount.remove(keyOf(namespace, account), role);
    if (role.vaultRoleName !== undefined) byVaultName.remove(keyOf(namespace, role.vaultRoleName), role);
  };
  return {
    inUse: () => backends.size + roles.size > 0,
    role: (namespace, name) => roles.get(keyOf(namespace, name)),
    rolesBinding: (namespace, account) => byAccount.list(keyOf(namespace, account)),
    rolesNamed: (namespace, vaultRoleName) => byVaultName.list(keyOf(namespace, vaultRoleName)),
    backend: (name) => backends.get(name),
    defaultBackend: () => (defaults.length === 1 ? defaults[0] : undefined),
    endpoint: (name) => endpoints.get(name),
    set: ({ kind, value }) => {
      switch (kind) {
        case 'VaultEndpoint':
          return void endpoints.set(value.name, value);
        case 'VaultAuthBackend':
          backends.set(value.name, value);
          return backendsChanged();
        case 'VaultAuthRole': {
          removeRole(value);
          const { namespace } = value;
          roles.set(keyOf(namespace, value.name), value);
          for (const account of value.serviceAccounts) byAccount.add(keyOf(namespace, account), value);
          if (value.vaultRoleName !== undefined) byVaultName.add(keyOf(namespace, value.vaultRoleName), value);
        }
      }
    },
    delete: ({ kind, value }) => {
      switch (kind) {
        case 'VaultEndpoint':
          return void endpoints.delete(value.name);
        case 'VaultAuthBackend':
          backends.delete(value.name);
          return backendsChanged();
        case 'VaultAuthRole':
          return removeRole(value);
      }
    },
  };
}

/** Names of Kubernetes and Vault contain no space. */
const keyOf = (namespace: string, name: string): string => `${namespace} ${name}`;

interface RoleIndex {
  readonly list: (key: string) => readonly CachedRole[];
  readonly add: (key: string, role: CachedRole) => void;
  readonly remove: (key: string, role: CachedRole) => void;
}

/** Roles by a key, so that a review does not look at every role of a namespace. Lists are sorted by name, when they are read. */
const roleIndex = (): RoleIndex => {
  const byName = new Map<string, Map<string, CachedRole>>();
  const sorted = new Map<string, readonly CachedRole[]>();
  return {
    list: (key) => {
      const known = sorted.get(key);
      if (known) return known;
      const roles = byName.get(key);
      if (!roles) return NONE;
      const list = [...roles.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
      sorted.set(key, list);
      return list;
    },
    add: (key, role) => {
      byName.set(key, (byName.get(key) ?? new Map<string, CachedRole>()).set(role.name, role));
      sorted.delete(key);
    },
    remove: (key, role) => {
      const roles = byName.get(key);
      roles?.delete(role.name);
      if (roles?.size === 0) byName.delete(key);
      sorted.delete(key);
    },
  };
};

const NONE: readonly CachedRole[] = [];

export interface LinkInformers {
  readonly lister: LinkLister;
  /** All three kinds have been listed. */
  readonly synced: () => boolean;
  /** All three kinds have been listed, or are not installed, or cannot be read: there is nothing to wait for. */
  readonly syncedOrUnavailable: () => boolean;
  /**
   * Resolves once the role is in the cache, at once if it does not exist, and at the latest after `timeoutMs`. Only the watch fills the
   * cache: a role that is read here could have been deleted meanwhile. Throws KubeError.
   */
  readonly awaitRole: (namespace: string, name: string, timeoutMs: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface LinkInformersOptions {
  readonly client: KubeClient;
  readonly log: Log;
  /** Called with a reason once a watch fails, and with undefined once it works again. */
  readonly onProblem: (path: string, problem: string | undefined) => void;
  /** Between two discoveries while the CRDs are not installed. */
  readonly discoveryIntervalMs?: number;
}

/** One small request of each replica. */
const DISCOVERY_INTERVAL_MS = 30_000;
const DISCOVERY_TIMEOUT_MS = 5000;
/** A watch is some milliseconds behind. */
const WATCH_POLL_MS = 10;

/** Starts informers as soon as the CRDs are installed, so that installing them later needs no restart of the webhook. */
export function startLinkInformers({
  client,
  log,
  onProblem,
  discoveryIntervalMs = DISCOVERY_INTERVAL_MS,
}: LinkInformersOptions): LinkInformers {
  const cache = linkCache();
  const closing = new AbortController();
  const informers: Lister<CachedObject | undefined>[] = [];
  const failed = new Set<LinkedKind>();
  let isNotInstalled = false;
  const start = (kind: LinkedKind): Lister<CachedObject | undefined> => {
    const path = collectionPath(kind);
    return startInformer<KubeObject & JsonObject, CachedObject | undefined>({
      client,
      path,
      transform: (object) => cachedObject(kind, object, true),
      onChange: (_, before, after) => {
        if (after) cache.set(after);
        else if (before) cache.delete(before);
      },
      onProblem: (problem) => {
        if (problem === undefined) failed.delete(kind);
        else failed.add(kind);
        onProblem(path, problem);
      },
    });
  };
  const discover = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      const missing = await missingKinds(client, closing.signal).catch((error: unknown) => String(error));
      if (closing.signal.aborted) return;
      if (missing === undefined) {
        if (isNotInstalled) log.info({}, 'VaultAuthRole CRDs found, starting informers');
        for (const kind of LINKED_KINDS) informers.push(start(kind));
        return;
      }
      if (!isNotInstalled) log.info({ missing }, 'VaultAuthRole CRDs not found, using only annotations and settings');
      isNotInstalled = true;
      await sleep(jittered(discoveryIntervalMs), undefined, { signal: closing.signal }).catch(() => undefined);
    }
  };
  const discovery = discover();
  const synced = (): boolean => informers.length > 0 && informers.every((informer) => informer.synced());
  return {
    // An incomplete cache would report existing roles as missing.
    lister: { ...cache, inUse: () => synced() && cache.inUse() },
    synced,
    syncedOrUnavailable: () => isNotInstalled || synced() || failed.size > 0,
    awaitRole: async (namespace, name, timeoutMs) => {
      const deadline = performance.now() + timeoutMs;
      const path = objectPath('VaultAuthRole', { namespace, name });
      const accept = METADATA_ONLY.one;
      const found = await client.request({ method: 'GET', path, accept, timeoutMs }).catch(undefinedOn('NotFound'));
      if (found === undefined) return;
      while (!cache.role(namespace, name) && performance.now() < deadline) await sleep(WATCH_POLL_MS);
    },
    close: async () => {
      closing.abort();
      await discovery;
      await Promise.all(informers.map((informer) => informer.close()));
    },
  };
}

/** The kinds that are not installed, or why discovery failed; undefined: informers can start. */
const missingKinds = async (client: KubeClient, signal: AbortSignal): Promise<string | undefined> => {
  const path = `/apis/${API_VERSION}`;
  try {
    const found = await client.request<JsonObject>({ method: 'GET', path, timeoutMs: DISCOVERY_TIMEOUT_MS, signal });
    const kinds = new Set(objectsOf(found['resources']).map(({ kind }) => kind));
    const missing = LINKED_KINDS.filter((kind) => !kinds.has(kind));
    return missing.length === 0 ? undefined : `${missing.join(', ')} not installed`;
  } catch (error) {
    // Discovery may be forbidden where list and watch are allowed.
    if (isKubeError(error, 'Forbidden')) return undefined;
    return error instanceof Error ? error.message : String(error);
  }
};
