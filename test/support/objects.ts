// Objects of the four kinds for tests, with the defaults that the API server fills in. A test gives only what it is about.
import type { JsonObject } from '../../src/json/json.ts';
import type { Condition } from '../../src/resources/condition.ts';
import { API_VERSION, type KindName, type ObjectMeta } from '../../src/resources/kinds.ts';
import { readResource, type Resources } from '../../src/resources/read-resource.ts';

/** The smallest valid spec of each kind. */
export const SMALLEST: Readonly<Record<KindName, JsonObject>> = {
  VaultEndpoint: { address: 'https://vault:8200', auth: { kubernetes: { role: 'controller' } } },
  VaultAuthBackend: {
    endpointRef: { name: 'main' },
    type: 'kubernetes',
    path: 'kubernetes',
    clusterName: 'prod',
    kubernetes: {},
  },
  VaultACLPolicy: { endpointRef: { name: 'main' }, policy: 'path "a" {}' },
  VaultAuthRole: {},
};

interface Parts<Name extends KindName> {
  readonly metadata?: Partial<ObjectMeta>;
  /** Merged into the smallest spec, field by field. */
  readonly spec?: object;
  readonly status?: Partial<Resources[Name]['status']>;
}

/** An object by its key, "name" or "namespace/name". @throws with the problems of its spec. */
function object<Name extends KindName>(kind: Name, key: string, { metadata, spec, status }: Parts<Name>): Resources[Name] {
  const [first = '', second] = key.split('/');
  const place = second === undefined ? { name: first } : { namespace: first, name: second };
  const manifest = { apiVersion: API_VERSION, kind, metadata: place, spec: { ...SMALLEST[kind], ...spec } };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by tests
  const reading = readResource(kind, manifest as unknown as JsonObject);
  if (!reading.ok) throw new Error(reading.problems.join('; '));
  const meta: ObjectMeta = { ...reading.resource.metadata, uid: `uid-${key}`, ...metadata };
  return { ...reading.resource, metadata: meta, ...(status === undefined ? {} : { status }) };
}

export function endpoint(key: string, parts: Parts<'VaultEndpoint'> = {}): Resources['VaultEndpoint'] {
  return object('VaultEndpoint', key, parts);
}

/** A backend at the mount of its own name. */
export function backend(key: string, parts: Parts<'VaultAuthBackend'> = {}): Resources['VaultAuthBackend'] {
  return object('VaultAuthBackend', key, { ...parts, spec: { path: key, ...parts.spec } });
}

export function policy(key: string, parts: Parts<'VaultACLPolicy'> = {}): Resources['VaultACLPolicy'] {
  return object('VaultACLPolicy', key, parts);
}

export function role(key: string, parts: Parts<'VaultAuthRole'> = {}): Resources['VaultAuthRole'] {
  return object('VaultAuthRole', key, parts);
}

/** The condition Ready of generation 1. */
export function ready(status: Condition['status'], reason = 'Ready'): readonly Condition[] {
  return [{ type: 'Ready', status, reason, message: '', observedGeneration: 1, lastTransitionTime: '2026-01-01T00:00:00Z' }];
}

/** A backend of type kubernetes called "prod", mounted at k8s/prod, for every namespace. */
export function kubernetesBackend(spec: object = {}, kubernetes: object = {}): Resources['VaultAuthBackend'] {
  const method = { host: 'https://api:6443', ...kubernetes };
  return backend('prod', { spec: { path: 'k8s/prod', kubernetes: method, tenancy: { namespaceSelector: {} }, ...spec } });
}

/** A backend of type jwt called "keys", mounted at jwt/prod, for every namespace. */
export function jwtBackend(spec: object = {}, jwt: object = {}): Resources['VaultAuthBackend'] {
  const method = { type: 'jwt', kubernetes: undefined, jwt };
  return backend('keys', { spec: { path: 'jwt/prod', ...method, tenancy: { namespaceSelector: {} }, ...spec } });
}

/** A role called "web" in the namespace "team". */
export function webRole(spec: object = {}, name = 'web', namespace = 'team'): Resources['VaultAuthRole'] {
  return role(`${namespace}/${name}`, { spec });
}

/** A policy called "own-secrets". */
export function aclPolicy(text: string, spec: object = {}): Resources['VaultACLPolicy'] {
  return policy('own-secrets', { spec: { policy: text, ...spec } });
}
