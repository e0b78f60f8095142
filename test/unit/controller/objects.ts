// Builders of objects for unit tests, with what the API server fills in and with what the test sets.
import type { VaultACLPolicy } from '../../../src/resources/acl-policy.ts';
import type { VaultAuthBackend } from '../../../src/resources/backend.ts';
import type { Condition } from '../../../src/resources/condition.ts';
import type { VaultEndpoint } from '../../../src/resources/endpoint.ts';
import { API_VERSION, type ObjectMeta } from '../../../src/resources/kinds.ts';
import type { VaultAuthRole } from '../../../src/resources/role.ts';

const metaOf = (key: string, more: Partial<ObjectMeta> = {}): ObjectMeta => {
  const [first = '', second] = key.split('/');
  const place = second === undefined ? { name: first } : { namespace: first, name: second };
  return { ...place, uid: `uid-${key}`, generation: 1, resourceVersion: '1', ...more };
};

export function ready(status: Condition['status'], reason = 'Ready'): readonly Condition[] {
  return [{ type: 'Ready', status, reason, message: '', observedGeneration: 1, lastTransitionTime: '2026-01-01T00:00:00Z' }];
}

interface Parts<Spec, Status> {
  readonly metadata?: Partial<ObjectMeta>;
  readonly spec?: Partial<Spec>;
  readonly status?: Partial<Status>;
}

// Of specs only it has all that the code under test reads.
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
const make = <T>(kind: string, key: string, spec: object, { metadata, spec: more, status }: Parts<unknown, unknown>): T =>
  ({
    apiVersion: API_VERSION,
    kind,
    metadata: metaOf(key, metadata),
    spec: { ...spec, ...(more as object) },
    ...(status === undefined ? {} : { status }),
  }) as T;

export function endpoint(key: string, parts: Parts<VaultEndpoint['spec'], VaultEndpoint['status']> = {}): VaultEndpoint {
  return make(
    'VaultEndpoint',
    key,
    {
      namespace: '',
      managementPolicy: 'Manage',
      limits: { requestsPerSecond: 10, burst: 20, maxInFlight: 4, timeoutSeconds: 15 },
    },
    parts,
  );
}

export function backend(key: string, parts: Parts<VaultAuthBackend['spec'], VaultAuthBackend['status']> = {}): VaultAuthBackend {
  return make(
    'VaultAuthBackend',
    key,
    {
      endpointRef: { name: 'main' },
      path: key,
      isDefault: false,
      managementPolicy: 'Manage',
      tenancy: { defaultPolicies: [] },
      autoRoles: { mode: 'Off' },
    },
    parts,
  );
}

export function policy(key: string, parts: Parts<VaultACLPolicy['spec'], VaultACLPolicy['status']> = {}): VaultACLPolicy {
  return make('VaultACLPolicy', key, { endpointRef: { name: 'main' }, policy: '' }, parts);
}

export function role(key: string, parts: Parts<VaultAuthRole['spec'], VaultAuthRole['status']> = {}): VaultAuthRole {
  return make('VaultAuthRole', key, { managementPolicy: 'Manage', deletionPolicy: 'Delete' }, parts);
}
