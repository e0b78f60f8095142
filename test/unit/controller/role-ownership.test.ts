// Ownership of roles in Vault, against other namespaces and against endpoints that lead elsewhere.
import type { ControllerContext } from '../../../src/controller/runtime/context.ts';
import { reconcileRole } from '../../../src/controller/role/reconcile.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { FINALIZER } from '../../../src/resources/kinds.ts';
import type { VaultAuthRole, VaultAuthRoleStatus } from '../../../src/resources/role.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import { aclPolicy, kubernetesBackend, webRole } from '../../support/objects.ts';
import { endpoint } from '../../support/objects.ts';

const MOUNT = 'k8s/prod';

/** A server, and a cluster with the roles of the test. */
const setUp = (backendSpec: object = {}, conditions: readonly object[] = []) => {
  const documents = new Map<string, JsonObject>();
  const roles = new Map<string, VaultAuthRole>();
  const namespaces = new Map<string, object>();
  const place = { namespace: '', auth: { kubernetes: { mount: MOUNT, role: 'controller' } } };
  const events: string[] = [];
  const backend = {
    ...kubernetesBackend(backendSpec),
    status: { conditions, mount: { path: MOUNT, type: 'kubernetes', accessor: 'accessor-1', owned: true } },
  };
  const request = async ({ method, path, body }: { method: string; path: string; body?: JsonObject }) => {
    const name = path.slice(`auth/${MOUNT}/role/`.length);
    const data = documents.get(name);
    if (method === 'POST') documents.set(name, { ...data, ...body });
    else if (method === 'DELETE') documents.delete(name);
    else if (!data) throw new VaultError('nothing', { status: 404, kind: 'NotFound', written: 'no' });
    return { status: 200, data, auth: undefined, warnings: [], raw: {} };
  };
  const list = (): readonly VaultAuthRole[] => [...roles.values()];
  const context = {
    kube: {
      writeStatus: async (_: string, object: VaultAuthRole, status: VaultAuthRoleStatus) => {
        roles.set(keyOf(object), { ...object, status });
      },
      addFinalizer: async () => undefined,
      removeFinalizer: async () => undefined,
    },
    vault: {
      observeOnly: false,
      registry: { get: () => ({ state: 'ready', session: { request }, clusterID: 'cluster-1', product: 'OpenBao' }) },
      fence: () => undefined,
    },
    clock: { resyncFactor: 1, deletionTimeoutMs: 1000, random: () => 0.5, now: () => 0 },
    report: {
      emitEvent: (_object: unknown, _type: string, reason: string) => void events.push(reason),
      log: { info: () => undefined, warn: () => undefined },
      metrics: { drift: () => undefined },
    },
    listers: {
      endpoints: { get: () => endpoint('main', { spec: place }), list: () => [endpoint('main', { spec: place })] },
      backends: { get: () => backend, list: () => [backend] },
      policies: { get: (name: string) => (name === 'own-secrets' ? aclPolicy('path "a" {}') : undefined) },
      roles: { list },
      rolesInNamespace: (namespace: string) => list().filter(({ metadata }) => metadata.namespace === namespace),
      rolesByVaultName: (name: string) => list().filter(({ spec, metadata }) => (spec.vaultRoleName ?? metadata.name) === name),
      namespaces: { get: (name: string) => namespaces.get(name) },
      serviceAccounts: { get: () => undefined },
    },
    vanishedRoles: new Map(),
  } as unknown as ControllerContext;
  return {
    backend,
    documents,
    events,
    namespaces,
    place,
    /** Writes a status as someone with the right to do so. */
    forge: (role: VaultAuthRole, status: VaultAuthRoleStatus) => void roles.set(keyOf(role), { ...role, status }),
    /** Deletes the object as a user does, and lets the controller work off its finalizer. */
    remove: async (role: VaultAuthRole) => {
      const object = roles.get(keyOf(role)) ?? role;
      const metadata = { ...object.metadata, finalizers: [FINALIZER], deletionTimestamp: '1970-01-01T00:00:00Z' };
      roles.delete(keyOf(role));
      await reconcileRole(context, keyOf(role), { ...object, metadata }, new AbortController().signal);
    },
    /** Writes the role, reconciles it, and returns its status. */
    apply: async (role: VaultAuthRole) => {
      const key = keyOf(role);
      const { status } = roles.get(key) ?? {};
      const object: VaultAuthRole = status === undefined ? role : { ...role, status };
      roles.set(key, object);
      if (!namespaces.has(role.metadata.namespace ?? '') && role.metadata.namespace !== 'unheard')
        namespaces.set(role.metadata.namespace ?? '', { labels: {}, deleting: false });
      await reconcileRole(context, key, object, new AbortController().signal);
      return roles.get(key)?.status;
    },
  };
};

const keyOf = ({ metadata }: VaultAuthRole): string => `${metadata.namespace}/${metadata.name}`;

const aged = (role: VaultAuthRole, creationTimestamp: string, uid: string): VaultAuthRole => ({
  ...role,
  metadata: { ...role.metadata, creationTimestamp, uid },
});
const reasonOf = (status: VaultAuthRoleStatus | undefined, type: string) =>
  status?.conditions?.find((condition) => condition.type === type)?.reason;

const BACKEND = { backendRef: { name: 'prod' } };

test('leaves a name to the role that has it, also if an older object requests it later', async () => {
  const { documents, apply } = setUp({ tenancy: { namespaceSelector: {}, roleNaming: 'Plain' } });
  const old = aged(webRole({ ...BACKEND }, 'other', 'mallory'), '2026-01-01T00:00:00Z', 'uid-1');
  const young = aged(webRole({ ...BACKEND }, 'shop', 'team'), '2026-02-01T00:00:00Z', 'uid-2');
  await apply(old);
  expect(reasonOf(await apply(young), 'Ready')).toBe('Ready');
  const greedy = { ...old, spec: { ...old.spec, vaultRoleName: 'shop' } };
  expect(reasonOf(await apply(greedy), 'Accepted')).toBe('NameTaken');
  expect(reasonOf(await apply(young), 'Ready')).toBe('Ready');
  expect(documents.get('shop')).toMatchObject({ bound_service_account_namespaces: ['team'] });
});

test('writes nothing before the labels of the namespace are cached', async () => {
  const selector = { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['untrusted'] }] };
  const { documents, namespaces, apply } = setUp({ tenancy: { namespaceSelector: selector } });
  const role = webRole({ ...BACKEND }, 'web', 'unheard');
  await expect(apply(role)).rejects.toThrow('namespace unheard');
  expect(documents.size).toBe(0);
  namespaces.set('unheard', { labels: { tier: 'untrusted' }, deleting: false });
  expect(reasonOf(await apply(role), 'Accepted')).toBe('NamespaceNotAllowed');
});

test('deletes nothing in another namespace of the server', async () => {
  const { documents, place, apply } = setUp();
  const role = webRole({ ...BACKEND });
  await apply(role);
  place.namespace = 'elsewhere';
  const another = { bound_service_account_namespaces: ['of-another-owner'] };
  documents.set('prod.team.web', another);
  expect(reasonOf(await apply(role), 'Programmed')).toBe('NotOwned');
  expect(documents.get('prod.team.web')).toBe(another);
});

test('revokes with Observe what a rule no longer allows', async () => {
  const policyRules = [{ policies: ['own-secrets'], namespaceSelector: {} }];
  const { backend, documents, apply } = setUp({ tenancy: { namespaceSelector: {}, policyRules } });
  const spec = { ...BACKEND, policies: ['own-secrets'] };
  const observed = webRole({ ...spec, managementPolicy: 'Observe' });
  await apply(webRole(spec));
  await apply(observed);
  expect(documents.get('prod.team.web')).toMatchObject({ token_policies: ['own-secrets'] });
  backend.spec = kubernetesBackend().spec;
  expect(reasonOf(await apply(observed), 'Accepted')).toBe('PolicyNotAllowed');
  expect(documents.get('prod.team.web')).toMatchObject({ token_policies: [] });
  backend.spec = kubernetesBackend({ tenancy: {} }).spec;
  expect(reasonOf(await apply(observed), 'Accepted')).toBe('NamespaceNotAllowed');
  expect(documents.size).toBe(0);
});

test('counts an owned role against the quota also with Observe', async () => {
  const { documents, apply } = setUp({ tenancy: { namespaceSelector: {}, limits: { maxRolesPerNamespace: 1 } } });
  const first = aged(webRole({ ...BACKEND }, 'first'), '2026-01-01T00:00:00Z', 'uid-1');
  await apply(first);
  await apply({ ...first, spec: { ...first.spec, managementPolicy: 'Observe' } });
  const second = aged(webRole({ ...BACKEND }, 'second'), '2026-02-01T00:00:00Z', 'uid-2');
  expect(reasonOf(await apply(second), 'Accepted')).toBe('QuotaExceeded');
  expect([...documents.keys()]).toEqual(['prod.team.first']);
});

test('deletes the previous role after a change of its name', async () => {
  const { documents, apply } = setUp();
  await apply(webRole({ ...BACKEND }));
  await apply(webRole({ ...BACKEND, managementPolicy: 'Observe', vaultRoleName: 'of-platform' }));
  expect([...documents.keys()]).toEqual([]);
});

test('writes nothing to a mount of another type', async () => {
  const { documents, apply } = setUp({}, [
    { type: 'Mounted', status: 'False', reason: 'TypeMismatch', message: 'it is an approle' },
  ]);
  const status = await apply(webRole({ ...BACKEND }));
  expect(reasonOf(status, 'Programmed')).toBe('BackendNotReady');
  expect(documents.size).toBe(0);
});

test('shortens the policies of an observed role to what the status holds', async () => {
  const { documents, apply } = setUp();
  const token_policies = Array.from({ length: 200 }, (_, index) => `${'p'.repeat(300)}${index}`);
  documents.set('of-platform', {
    bound_service_account_names: ['web'],
    bound_service_account_namespaces: ['team'],
    token_policies,
  });
  const status = await apply(webRole({ ...BACKEND, managementPolicy: 'Observe', vaultRoleName: 'of-platform' }));
  expect(reasonOf(status, 'Programmed')).toBe('Observed');
  expect(status?.effectivePolicies?.length).toBeLessThanOrEqual(96);
  expect(status?.effectivePolicies?.every((policy) => policy.length <= 256)).toBe(true);
});

describe('a claim that the controller did not write', () => {
  const VICTIM = { bound_service_account_namespaces: ['victim'], token_policies: ['victim-secrets'] };
  const CLAIM = {
    endpoint: 'main',
    clusterID: 'cluster-1',
    namespace: '',
    backend: 'prod',
    mountPath: MOUNT,
    loginPath: `auth/${MOUNT}/login`,
    owned: true,
  };
  const PLAIN = { tenancy: { namespaceSelector: {}, roleNaming: 'Plain' } };
  const mallory = webRole({ ...BACKEND }, 'mallory');

  it.each([
    ['a qualified name of another namespace', {}, 'prod.victim.web'],
    ['the role of the probe', {}, 'prod.probe'],
    ['a plain name', PLAIN, 'by-hand'],
  ])('deletes no role of another owner: %s', async (_, spec, roleName) => {
    const { documents, events, forge, remove, apply } = setUp(spec);
    documents.set(roleName, VICTIM);
    forge(mallory, { vault: { ...CLAIM, roleName } });
    await remove(mallory);
    expect(documents.get(roleName)).toBe(VICTIM);
    expect(events).toEqual(['LeftInVault']);
    // Nor while the object exists.
    forge(mallory, { vault: { ...CLAIM, roleName } });
    await apply(mallory);
    expect(documents.get(roleName)).toBe(VICTIM);
  });

  it('deletes nothing on another mount', async () => {
    const { documents, events, forge, remove } = setUp();
    documents.set('prod.team.mallory', { bound_service_account_namespaces: ['team'] });
    forge(mallory, { vault: { ...CLAIM, mountPath: 'k8s/other', roleName: 'prod.team.mallory' } });
    await remove(mallory);
    expect(documents.size).toBe(1);
    expect(events).toEqual(['LeftInVault']);
  });

  it('takes over no role of a plain name', async () => {
    const { documents, forge, apply } = setUp(PLAIN);
    const role = webRole({ ...BACKEND, vaultRoleName: 'by-hand' }, 'mallory');
    documents.set('by-hand', VICTIM);
    forge(role, { vault: { ...CLAIM, roleName: 'by-hand' } });
    expect(reasonOf(await apply(role), 'Programmed')).toBe('NotOwned');
    expect(documents.get('by-hand')).toBe(VICTIM);
  });

  it('D7: leaves the role by which the controller logs in', async () => {
    const { documents, forge, apply, remove } = setUp({ ...PLAIN, adoption: 'Always' });
    const role = webRole({ ...BACKEND, vaultRoleName: 'controller' }, 'mallory');
    const login = { bound_service_account_namespaces: ['team'] };
    documents.set('controller', login);
    expect(reasonOf(await apply(role), 'Accepted')).toBe('NameTaken');
    forge(role, { vault: { ...CLAIM, roleName: 'controller' } });
    await apply(role);
    forge(role, { vault: { ...CLAIM, roleName: 'controller' } });
    await remove(role);
    expect(documents.get('controller')).toBe(login);
  });

  it('deletes the own role of a plain name', async () => {
    const { documents, remove, apply } = setUp(PLAIN);
    const role = webRole({ ...BACKEND, vaultRoleName: 'ours' });
    await apply(role);
    expect([...documents.keys()]).toEqual(['ours']);
    await remove(role);
    expect(documents.size).toBe(0);
  });
});
