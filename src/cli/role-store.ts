// Our objects in memory, as reviews ask for them: put in one by one by whoever follows an API server or reads files.
import type { RoleLister } from '../admission/roles/resolve.ts';
import type { JsonObject } from '../json/json.ts';
import { textOf, objectAt } from '../json/json.ts';
import type { KindName } from '../resources/kinds.ts';
import {
  cachedBackend,
  cachedEndpoint,
  cachedRole,
  type CachedBackend,
  type CachedEndpoint,
  type CachedRole,
} from '../resources/webhook-view.ts';

/** Kinds that a pod's login depends on; policies say what it may do after that. */
export const LINKED_KINDS = ['VaultEndpoint', 'VaultAuthBackend', 'VaultAuthRole'] as const satisfies readonly KindName[];
export type LinkedKind = (typeof LINKED_KINDS)[number];

/** What is kept of an object, undefined for one that counts as gone. */
export type Fact =
  | { readonly kind: 'VaultEndpoint'; readonly fact: CachedEndpoint }
  | { readonly kind: 'VaultAuthBackend'; readonly fact: CachedBackend }
  | { readonly kind: 'VaultAuthRole'; readonly fact: CachedRole };

export interface RoleStore extends RoleLister {
  readonly put: (fact: Fact) => void;
  readonly remove: (fact: Fact) => void;
}

/** `hasStatus` as of knownRole. */
export function factOf(kind: LinkedKind, object: JsonObject, hasStatus: boolean): Fact | undefined {
  if (textOf(objectAt(object, 'metadata'), 'name') === undefined) return undefined;
  switch (kind) {
    case 'VaultEndpoint':
      return { kind, fact: cachedEndpoint(object) };
    case 'VaultAuthBackend':
      return { kind, fact: cachedBackend(object) };
    case 'VaultAuthRole': {
      const fact = cachedRole(object, hasStatus);
      return fact && { kind, fact };
    }
  }
}

/** Empty at first. What is put in again and says the same stays the same object, so that what was made of it stays valid. */
export function roleStore(): RoleStore {
  const endpoints = new Map<string, CachedEndpoint>();
  const backends = new Map<string, CachedBackend>();
  const roles = new Map<string, Map<string, CachedRole>>();
  const lists = new Map<string, readonly CachedRole[]>();
  let defaults: readonly CachedBackend[] = [];
  const afterChange = (kind: LinkedKind, namespace: string): void => {
    if (kind === 'VaultAuthBackend') defaults = [...backends.values()].filter(({ isDefault }) => isDefault);
    if (kind === 'VaultAuthRole') lists.delete(namespace);
  };
  return {
    inUse: () => backends.size + roles.size > 0,
    role: (namespace, name) => roles.get(namespace)?.get(name),
    rolesIn: (namespace) => {
      const known = lists.get(namespace);
      if (known) return known;
      const inside = roles.get(namespace);
      if (!inside) return NONE;
      const sorted = [...inside.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
      lists.set(namespace, sorted);
      return sorted;
    },
    backend: (name) => backends.get(name),
    defaultBackend: () => (defaults.length === 1 ? defaults[0] : undefined),
    endpoint: (name) => endpoints.get(name),
    put: ({ kind, fact }) => {
      if (kind === 'VaultEndpoint') keep(endpoints, fact);
      else if (kind === 'VaultAuthBackend') keep(backends, fact);
      else {
        const inside = roles.get(fact.namespace) ?? new Map<string, CachedRole>();
        roles.set(fact.namespace, inside);
        keep(inside, fact);
      }
      afterChange(kind, kind === 'VaultAuthRole' ? fact.namespace : '');
    },
    remove: ({ kind, fact }) => {
      if (kind === 'VaultEndpoint') endpoints.delete(fact.name);
      else if (kind === 'VaultAuthBackend') backends.delete(fact.name);
      else {
        const inside = roles.get(fact.namespace);
        inside?.delete(fact.name);
        if (inside?.size === 0) roles.delete(fact.namespace);
      }
      afterChange(kind, kind === 'VaultAuthRole' ? fact.namespace : '');
    },
  };
}

const NONE: readonly CachedRole[] = [];

/** A status is written anew every few minutes, and mostly says what it said. */
const keep = <T extends { readonly name: string }>(into: Map<string, T>, fact: T): void => {
  const before = into.get(fact.name);
  if (before === undefined || JSON.stringify(before) !== JSON.stringify(fact)) into.set(fact.name, fact);
};
