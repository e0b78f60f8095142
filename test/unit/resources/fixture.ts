// Objects of our kinds for tests, as an API server would store them.
import type { JsonObject } from '../../../src/json/json.ts';
import { API_VERSION, type KindName } from '../../../src/resources/kinds.ts';
import { readResource, type Resources } from '../../../src/resources/read-resource.ts';

const resource = <Name extends KindName>(kind: Name, name: string, spec: object, metadata: object = {}): Resources[Name] => {
  const object = { apiVersion: API_VERSION, kind, metadata: { name, uid: `uid-${name}`, ...metadata }, spec };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by tests
  const reading = readResource(kind, object as unknown as JsonObject);
  if (!reading.ok) throw new Error(reading.problems.join('; '));
  return reading.resource;
};

/** A backend of type kubernetes called "prod", mounted at k8s/prod, for every namespace. */
export function kubernetesBackend(spec: object = {}, kubernetes: object = {}): Resources['VaultAuthBackend'] {
  return resource('VaultAuthBackend', 'prod', {
    endpointRef: { name: 'main' },
    type: 'kubernetes',
    path: 'k8s/prod',
    clusterName: 'prod',
    kubernetes: { host: 'https://api:6443', ...kubernetes },
    tenancy: { namespaceSelector: {} },
    ...spec,
  });
}

/** A backend of type jwt called "keys", mounted at jwt/prod, for every namespace. */
export function jwtBackend(spec: object = {}, jwt: object = {}): Resources['VaultAuthBackend'] {
  return resource('VaultAuthBackend', 'keys', {
    endpointRef: { name: 'main' },
    type: 'jwt',
    path: 'jwt/prod',
    clusterName: 'prod',
    jwt,
    tenancy: { namespaceSelector: {} },
    ...spec,
  });
}

/** A role called "web" in the namespace "team". */
export function webRole(spec: object = {}, name = 'web', namespace = 'team'): Resources['VaultAuthRole'] {
  return resource('VaultAuthRole', name, spec, { namespace });
}

/** A policy called "own-secrets". */
export function aclPolicy(policy: string, spec: object = {}): Resources['VaultACLPolicy'] {
  return resource('VaultACLPolicy', 'own-secrets', { endpointRef: { name: 'main' }, policy, ...spec });
}
