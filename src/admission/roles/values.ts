// What role, backend and endpoint say about a login, as options of the pod.
import type { Origin } from '../../annotations/parse.ts';
import type { OptionKey } from '../../annotations/table.ts';
import type { CachedRole } from '../../resources/webhook-view.ts';
import { nameInVault } from '../../resources/role-name.ts';
import type { Place } from './find.ts';

/** The options that our objects can give. */
export type LinkedKey = Extract<
  OptionKey,
  'role' | 'authType' | 'authPath' | 'service' | 'namespace' | 'tlsServerName' | 'tokenAudience' | 'tokenExpirationSeconds'
>;

export interface LinkedValue {
  readonly key: LinkedKey;
  readonly value: string | number;
  readonly origin: Origin & { readonly object: string };
}

/** Of one place; the same object as long as nothing of it has changed. */
export interface LinkValues {
  readonly place: Place;
  readonly values: readonly LinkedValue[];
}

/** What a place gives, made once for all pods of its role. */
export function valuesOf(place: Place): LinkValues {
  const before = latest.get(place.role);
  if (before && before.place.backend === place.backend && before.place.endpoint === place.endpoint) return before;
  const made = { place, values: listOf(place) };
  latest.set(place.role, made);
  return made;
}

const latest = new WeakMap<CachedRole, LinkValues>();

const listOf = ({ role, backend, endpoint }: Place): readonly LinkedValue[] => {
  const ofRole = { layer: 'VaultAuthRole', object: `${role.namespace}/${role.name}` } as const;
  const ofBackend = { layer: 'VaultAuthBackend', object: backend.name } as const;
  const ofEndpoint = { layer: 'VaultEndpoint', object: endpoint.name } as const;
  // The controller refuses the audience of a role whose tokens must have the API server's.
  const ownAudience = backend.isClientJWT ? undefined : role.audience;
  const seconds = role.tokenExpirationSeconds ?? backend.tokenExpirationSeconds;
  return [
    { key: 'role', value: nameInVault(backend, role), origin: ofRole },
    { key: 'authType', value: backend.type, origin: ofBackend },
    { key: 'authPath', value: `auth/${backend.path}`, origin: ofBackend },
    {
      key: 'tokenAudience',
      value: ownAudience ?? backend.audience,
      origin: ownAudience === undefined ? ofBackend : ofRole,
    },
    {
      key: 'tokenExpirationSeconds',
      value: Math.max(seconds, backend.minTokenExpirationSeconds),
      origin: role.tokenExpirationSeconds === undefined ? ofBackend : ofRole,
    },
    { key: 'service', value: endpoint.address, origin: ofEndpoint },
    { key: 'namespace', value: endpoint.namespace, origin: ofEndpoint },
    ...(endpoint.serverName === undefined
      ? []
      : [{ key: 'tlsServerName', value: endpoint.serverName, origin: ofEndpoint } as const]),
  ];
};
