import type { VaultAuthBackend } from '../../../src/resources/backend.ts';
import type { VaultACLPolicy } from '../../../src/resources/acl-policy.ts';
import type { VaultEndpoint } from '../../../src/resources/endpoint.ts';
import type { ControllerContext } from '../../../src/controller/runtime/context.ts';
import { observeRights } from '../../../src/controller/endpoint/check-server.ts';
import type { VaultCaller } from '../../../src/vault/client.ts';

/** The parts of objects that rights depend on. */
const endpoint = { metadata: { name: 'main' }, spec: { managementPolicy: 'Manage' } } as VaultEndpoint;
const backend = (name: string, changes: object = {}, isMounted = true): VaultAuthBackend =>
  ({
    metadata: { name },
    spec: {
      endpointRef: { name: 'main' },
      path: name,
      clusterName: 'prod',
      managementPolicy: 'Manage',
      deletionPolicy: 'Retain',
      mount: { create: true },
      tenancy: { roleNaming: 'Qualified' },
      ...changes,
    },
    ...(isMounted && { status: { mount: { path: name, type: 'kubernetes', accessor: 'a' } } }),
  }) as VaultAuthBackend;
const policy = {
  metadata: { name: 'p' },
  spec: { endpointRef: { name: 'main' }, managementPolicy: 'Manage', deletionPolicy: 'Retain' },
} as VaultACLPolicy;

const store = (objects: readonly object[]): never => ({ list: () => objects }) as never;

/** The message for a token without any right. */
const missing = async (
  backends: readonly VaultAuthBackend[],
  policies: readonly VaultACLPolicy[] = [],
  observeOnly = false,
): Promise<string> => {
  const nothing: VaultCaller = { request: async () => ({ status: 200, data: {}, auth: undefined, warnings: [], raw: {} }) };
  const context = { listers: { backends: store(backends), policies: store(policies) }, vault: { observeOnly } };
  return (await observeRights(context as unknown as ControllerContext, endpoint, nothing, new AbortController().signal)).message;
};

test('requires rights on the mount of a backend, and on a policy', async () => {
  expect(await missing([backend('k')], [policy])).toBe(
    'The token lacks rights on sys/auth (read), auth/k/config (read, update), sys/mounts/auth/k/tune (read, update), auth/k/role/prod.any (create, read, update, delete), sys/policies/acl/p (read, update): add them to its policy.',
  );
});

test('requires sudo to create or disable a mount', async () => {
  expect(await missing([backend('k', {}, false)])).toContain('sys/auth/k (update, sudo)');
  expect(await missing([backend('k', { deletionPolicy: 'Delete' })])).toContain('sys/auth/k (delete, sudo)');
  expect(await missing([backend('k', { mount: { create: false } }, false)])).not.toContain('sys/auth/k');
});

test('requires only read in observe mode', async () => {
  const reads = 'sys/auth (read), auth/k/config (read), sys/mounts/auth/k/tune (read): add';
  expect(await missing([backend('k', { managementPolicy: 'Observe' })])).toContain(reads);
  expect(await missing([backend('k')], [], true)).toContain(reads);
});

test('ignores objects of other endpoints, and shortens a long list', async () => {
  expect(await missing([backend('k', { endpointRef: { name: 'other' } })])).toBe(
    'The token lacks rights on sys/auth (read): add them to its policy.',
  );
  expect(await missing(['a', 'b', 'c'].map((name) => backend(name)))).toContain(' and 2 more: add');
});
