// The watch mapping: which items a change enqueues.
import type { Listers } from '../../../src/controller/runtime/context.ts';
import {
  isChanged,
  mapBackend,
  mapCredential,
  mapEndpoint,
  mapNamespace,
  mapPolicy,
  mapRole,
  mapServiceAccount,
  type MappedItem,
} from '../../../src/controller/runtime/watch-mapping.ts';
import { keyOf, type Lister, type KubeObject } from '../../../src/kube/informer.ts';
import { backend, endpoint, policy, ready, role } from '../../support/objects.ts';

const store = <T>(objects: readonly T[], key: (object: T) => string): Lister<T> => ({
  get: (name) => objects.find((object) => key(object) === name),
  list: () => objects,
  keys: () => objects.map(key),
  synced: () => true,
  lastActivity: () => 0,
  close: () => Promise.resolve(),
});
const ours = <T extends KubeObject>(...objects: readonly T[]): Lister<T> => store(objects, keyOf);

const ROLES = [
  role('a/web', { spec: { backendRef: { name: 'one' }, policies: ['app'] } }),
  role('a/job', { spec: { backendRef: { name: 'two' }, serviceAccounts: ['web', 'job'] } }),
  role('b/web'),
  role('b/old', { status: { vault: { backend: 'two' } as never } }),
];
const listers = (more: Partial<Listers> = {}): Listers => ({
  endpoints: ours(
    endpoint('main', { spec: { auth: { token: { secretRef: { name: 'token', key: 'token' } } } } }),
    endpoint('other'),
  ),
  backends: ours(
    backend('one', { spec: { tenancy: { defaultPolicies: ['base'] } as never } }),
    backend('two', { spec: { endpointRef: { name: 'other' } } }),
  ),
  policies: ours(
    policy('app', { spec: { policy: 'path "x/${auth.one.accessor}"' } }),
    policy('far', { spec: { endpointRef: { name: 'other' } } }),
    policy('base'),
  ),
  roles: ours(...ROLES),
  namespaces: store([], () => ''),
  serviceAccounts: store([], () => ''),
  rolesInNamespace: (namespace) => ROLES.filter(({ metadata }) => metadata.namespace === namespace),
  rolesByVaultName: (name) => ROLES.filter(({ metadata }) => metadata.name === name),
  rolloutPods: { ofWorkload: () => [], ofSecret: () => [], workloads: () => [], secrets: () => [] },
  ...more,
});
const items = (mapped: readonly MappedItem[]): readonly string[] => mapped.map(({ kind, key }) => `${kind}/${key}`).toSorted();

describe('a changed object', () => {
  it.each([
    ['is created', undefined, role('a/web'), true],
    ['is deleted', role('a/web'), undefined, true],
    ['has another spec', role('a/web'), role('a/web', { metadata: { generation: 2 } }), true],
    ['is replaced', role('a/web'), role('a/web', { metadata: { uid: 'other' } }), true],
    ['is being deleted', role('a/web'), role('a/web', { metadata: { deletionTimestamp: 'now' } }), true],
    ['gets an annotation', role('a/web'), role('a/web', { metadata: { annotations: { confirm: 'yes' } } }), true],
    ['gets a finalizer', role('a/web'), role('a/web', { metadata: { finalizers: ['ours'], resourceVersion: '2' } }), false],
    ['gets a status', role('a/web'), role('a/web', { status: { conditions: ready('True') } }), false],
    ['loses its status', role('a/web', { status: {} }), role('a/web'), true],
  ])('that %s', (_, before, after, expected) => expect(isChanged(before, after)).toBe(expected));
});

describe('an endpoint', () => {
  const before = endpoint('main', { status: { conditions: ready('False', 'Sealed') } });
  it('enqueues backends, their pending deletions and policies when it becomes ready', () => {
    const after = endpoint('main', { status: { conditions: ready('True') } });
    const buried = listers({ backends: ours(backend('one', { status: { pendingDeletions: [{} as never] } })) });
    expect(items(mapEndpoint(buried, before, after))).toEqual([
      'PendingDeletions/one',
      'VaultACLPolicy/app',
      'VaultACLPolicy/base',
      'VaultAuthBackend/one',
    ]);
  });
  it('enqueues nothing for a new contact time', () =>
    expect(mapEndpoint(listers(), before, { ...before, status: { ...before.status, lastContactTime: 'later' } })).toEqual([]));
});

describe('a backend', () => {
  it('enqueues roles and policies with its accessor after the mount changed', () => {
    const [before, after] = ['x', 'y'].map((accessor) =>
      backend('one', { status: { mount: { path: 'one', owned: true, accessor } } }),
    );
    const mapped = mapBackend(listers(), before, after);
    // A role without a backendRef may belong to it by its namespace.
    expect(items(mapped)).toEqual(['VaultACLPolicy/app', 'VaultAuthRole/a/web', 'VaultAuthRole/b/web']);
    expect(mapped.filter(({ kind }) => kind === 'VaultAuthRole').every(({ when }) => when === 'spread')).toBe(true);
  });
  it('enqueues nothing for a new count of roles', () => {
    const before = backend('one', { status: { conditions: ready('True') } });
    const after = { ...before, status: { ...before.status, roles: { total: 2, ready: 1 } } };
    expect(mapBackend(listers(), before, after)).toEqual([]);
  });
  it('enqueues endpoint, policies and roles when it is deleted', () => {
    const leaving = listers({ policies: ours(policy('app', { metadata: { deletionTimestamp: 'now' } })) });
    expect(items(mapBackend(leaving, backend('two', { spec: { endpointRef: { name: 'other' } } }), undefined))).toEqual([
      'VaultACLPolicy/app',
      'VaultAuthRole/a/job',
      'VaultAuthRole/b/old',
      'VaultAuthRole/b/web',
      'VaultEndpoint/other',
    ]);
  });
  it('enqueues other backends of its path when it is deleted', () => {
    const waiting = ours(
      backend('late', { spec: { path: 'one' }, status: { conditions: ready('False', 'NotOwned') } }),
      backend('two', { status: { conditions: ready('False') } }),
    );
    const mapped = items(mapBackend(listers({ backends: waiting, roles: ours() }), backend('one'), undefined));
    expect(mapped.filter((item) => item.startsWith('VaultAuthBackend'))).toEqual(['VaultAuthBackend/late']);
  });
  it('enqueues its pending deletions when there is one more', () => {
    const after = backend('one', { status: { pendingDeletions: [{} as never] } });
    expect(items(mapBackend(listers(), backend('one', { status: {} }), after))).toEqual(['PendingDeletions/one']);
    expect(items(mapBackend(listers(), after, backend('one', { status: {} })))).toEqual([]);
  });
});

describe('a policy', () => {
  it('enqueues roles that request it when it is created', () =>
    expect(items(mapPolicy(listers(), undefined, policy('app')))).toEqual(['VaultAuthRole/a/web', 'VaultEndpoint/main']));
  it('enqueues all roles of a backend that gives it to all', () =>
    expect(items(mapPolicy(listers(), undefined, policy('base')))).toEqual([
      'VaultAuthBackend/one',
      'VaultAuthRole/a/web',
      'VaultEndpoint/main',
    ]));
  it('enqueues nothing for another text', () =>
    expect(mapPolicy(listers(), policy('app'), policy('app', { metadata: { generation: 2 }, spec: { policy: 'y' } }))).toEqual(
      [],
    ));
});

describe('a role', () => {
  it('enqueues its backend later', () =>
    expect(mapRole(listers(), undefined, ROLES[0])).toEqual([{ kind: 'VaultAuthBackend', key: 'one', when: 'later' }]));
  it('enqueues roles that wait for room or for its name when it is deleted', () =>
    expect(items(mapRole(listers(), role('b/web'), undefined))).toEqual([
      'VaultAuthRole/a/web',
      'VaultAuthRole/b/old',
      'VaultAuthRole/b/web',
    ]));
  it('enqueues none of them when a role without room is deleted', () => {
    const refused = { conditions: [{ type: 'Accepted', status: 'False' }] } as never;
    expect(mapRole(listers(), role('b/web', { status: refused }), undefined)).toEqual([]);
  });
  it('enqueues the oldest of many', () => {
    const aged = Array.from({ length: 200 }, (_, index) =>
      role(`b/${index}`, { metadata: { creationTimestamp: `2026-01-01T00:00:00.${String(999 - index)}Z` } }),
    );
    const found = items(mapRole(listers({ rolesInNamespace: () => aged }), role('b/gone'), undefined));
    expect(found).toHaveLength(50);
    expect(found).toContain('VaultAuthRole/b/199');
    expect(found).not.toContain('VaultAuthRole/b/0');
  });
  it('enqueues a policy in deletion when it stops using it', () => {
    const leaving = listers({ policies: ours(policy('app', { metadata: { deletionTimestamp: 'now' } })) });
    const after = role('a/web', { metadata: { generation: 2 }, spec: { backendRef: { name: 'one' } } });
    expect(items(mapRole(leaving, ROLES[0], after))).toEqual(['VaultACLPolicy/app', 'VaultAuthBackend/one']);
  });
});

const namespace = (labels: Record<string, string>, deleting = false) => ({ name: 'a', labels, annotations: {}, deleting });
const account = (uid: string) => ({ namespace: 'a', name: 'web', uid, annotations: {} });

describe('the cluster', () => {
  it('enqueues roles for changed labels of their namespace', () => {
    expect(items(mapNamespace(listers(), namespace({}), namespace({ team: 'x' })))).toEqual([
      'VaultAuthRole/a/job',
      'VaultAuthRole/a/web',
    ]);
    expect(mapNamespace(listers(), namespace({}), namespace({}))).toEqual([]);
    expect(mapNamespace(listers(), namespace({}), undefined)).toEqual([]);
  });
  it('enqueues roles of a service account that is created, deleted or replaced', () => {
    expect(items(mapServiceAccount(listers(), undefined, account('1')))).toEqual(['VaultAuthRole/a/job', 'VaultAuthRole/a/web']);
    expect(items(mapServiceAccount(listers(), account('1'), account('2')))).toHaveLength(2);
    expect(mapServiceAccount(listers(), account('1'), { ...account('1'), annotations: { x: 'y' } })).toEqual([]);
  });
  it('enqueues service accounts if a backend creates roles for them', () => {
    const auto = listers({ backends: ours(backend('one', { spec: { autoRoles: { mode: 'All' } as never } })) });
    expect(items(mapServiceAccount(auto, account('1'), { ...account('1'), annotations: { x: 'y' } }))).toEqual([
      'ServiceAccount/a/web',
    ]);
  });
  it('enqueues endpoints and backends that refer to a Secret', () => {
    expect(items(mapCredential(listers(), 'token'))).toEqual(['VaultEndpoint/main']);
    expect(mapCredential(listers(), 'none')).toEqual([]);
  });
});
