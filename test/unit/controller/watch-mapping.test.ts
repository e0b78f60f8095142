// What has to be looked at again when something has changed: enough, and not everything.
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
import { backend, endpoint, policy, ready, role } from './objects.ts';

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
  ...more,
});
const items = (mapped: readonly MappedItem[]): readonly string[] => mapped.map(({ kind, key }) => `${kind}/${key}`).toSorted();

describe('an object itself', () => {
  it.each([
    ['is new', undefined, role('a/web'), true],
    ['is gone', role('a/web'), undefined, true],
    ['has another spec', role('a/web'), role('a/web', { metadata: { generation: 2 } }), true],
    ['is made anew', role('a/web'), role('a/web', { metadata: { uid: 'other' } }), true],
    ['is being deleted', role('a/web'), role('a/web', { metadata: { deletionTimestamp: 'now' } }), true],
    ['is confirmed', role('a/web'), role('a/web', { metadata: { annotations: { confirm: 'yes' } } }), true],
    ['has our finalizer', role('a/web'), role('a/web', { metadata: { finalizers: ['ours'], resourceVersion: '2' } }), false],
    ['has our status', role('a/web'), role('a/web', { status: { conditions: ready('True') } }), false],
    ['lost our status', role('a/web', { status: {} }), role('a/web'), true],
  ])('that %s', (_, before, after, expected) => expect(isChanged(before, after)).toBe(expected));
});

describe('an endpoint', () => {
  const before = endpoint('main', { status: { conditions: ready('False', 'Sealed') } });
  it('that becomes ready has its backends, their pending deletions and its policies looked at', () => {
    const after = endpoint('main', { status: { conditions: ready('True') } });
    const buried = listers({ backends: ours(backend('one', { status: { pendingDeletions: [{} as never] } })) });
    expect(items(mapEndpoint(buried, before, after))).toEqual([
      'PendingDeletions/one',
      'VaultACLPolicy/app',
      'VaultACLPolicy/base',
      'VaultAuthBackend/one',
    ]);
  });
  it('that answered again concerns nobody', () =>
    expect(mapEndpoint(listers(), before, { ...before, status: { ...before.status, lastContactTime: 'later' } })).toEqual([]));
});

describe('a backend', () => {
  it('whose mount is new has the policies with its accessor and its roles looked at', () => {
    const [before, after] = ['x', 'y'].map((accessor) =>
      backend('one', { status: { mount: { path: 'one', owned: true, accessor } } }),
    );
    const mapped = mapBackend(listers(), before, after);
    // A role that names no backend may belong to it by its namespace.
    expect(items(mapped)).toEqual(['VaultACLPolicy/app', 'VaultAuthRole/a/web', 'VaultAuthRole/b/web']);
    expect(mapped.filter(({ kind }) => kind === 'VaultAuthRole').every(({ when }) => when === 'spread')).toBe(true);
  });
  it('that counts its roles concerns nobody', () => {
    const before = backend('one', { status: { conditions: ready('True') } });
    const after = { ...before, status: { ...before.status, roles: { total: 2, ready: 1 } } };
    expect(mapBackend(listers(), before, after)).toEqual([]);
  });
  it('that goes sets its endpoint and its policies free, and its roles look for another', () => {
    const leaving = listers({ policies: ours(policy('app', { metadata: { deletionTimestamp: 'now' } })) });
    expect(items(mapBackend(leaving, backend('two', { spec: { endpointRef: { name: 'other' } } }), undefined))).toEqual([
      'VaultACLPolicy/app',
      'VaultAuthRole/a/job',
      'VaultAuthRole/b/old',
      'VaultAuthRole/b/web',
      'VaultEndpoint/other',
    ]);
  });
  it('that goes leaves its mount to others that want it', () => {
    const waiting = ours(
      backend('late', { spec: { path: 'one' }, status: { conditions: ready('False', 'NotOwned') } }),
      backend('two', { status: { conditions: ready('False') } }),
    );
    const mapped = items(mapBackend(listers({ backends: waiting, roles: ours() }), backend('one'), undefined));
    expect(mapped.filter((item) => item.startsWith('VaultAuthBackend'))).toEqual(['VaultAuthBackend/late']);
  });
  it('that remembers one more role has its pending deletions reconciled', () => {
    const after = backend('one', { status: { pendingDeletions: [{} as never] } });
    expect(items(mapBackend(listers(), backend('one', { status: {} }), after))).toEqual(['PendingDeletions/one']);
    expect(items(mapBackend(listers(), after, backend('one', { status: {} })))).toEqual([]);
  });
});

describe('a policy', () => {
  it('that appears has looked at who asks for it', () =>
    expect(items(mapPolicy(listers(), undefined, policy('app')))).toEqual(['VaultAuthRole/a/web', 'VaultEndpoint/main']));
  it('that all roles of a backend get has all of them looked at', () =>
    expect(items(mapPolicy(listers(), undefined, policy('base')))).toEqual([
      'VaultAuthBackend/one',
      'VaultAuthRole/a/web',
      'VaultEndpoint/main',
    ]));
  it('with another text concerns nobody', () =>
    expect(mapPolicy(listers(), policy('app'), policy('app', { metadata: { generation: 2 }, spec: { policy: 'y' } }))).toEqual(
      [],
    ));
});

describe('a role', () => {
  it('is counted by its backend, some time later', () =>
    expect(mapRole(listers(), undefined, ROLES[0])).toEqual([{ kind: 'VaultAuthBackend', key: 'one', when: 'later' }]));
  it('that goes makes room, and gives its name free', () =>
    expect(items(mapRole(listers(), role('b/web'), undefined))).toEqual([
      'VaultAuthRole/a/web',
      'VaultAuthRole/b/old',
      'VaultAuthRole/b/web',
      'VaultAuthRole/b/web',
    ]));
  it('that lets go of a policy lets the policy go', () => {
    const leaving = listers({ policies: ours(policy('app', { metadata: { deletionTimestamp: 'now' } })) });
    const after = role('a/web', { metadata: { generation: 2 }, spec: { backendRef: { name: 'one' } } });
    expect(items(mapRole(leaving, ROLES[0], after))).toEqual(['VaultACLPolicy/app', 'VaultAuthBackend/one']);
  });
});

const namespace = (labels: Record<string, string>, deleting = false) => ({ name: 'a', labels, annotations: {}, deleting });
const account = (uid: string) => ({ namespace: 'a', name: 'web', uid, annotations: {} });

describe('the cluster', () => {
  it('labels of a namespace decide about its roles', () => {
    expect(items(mapNamespace(listers(), namespace({}), namespace({ team: 'x' })))).toEqual([
      'VaultAuthRole/a/job',
      'VaultAuthRole/a/web',
    ]);
    expect(mapNamespace(listers(), namespace({}), namespace({}))).toEqual([]);
    expect(mapNamespace(listers(), namespace({}), undefined)).toEqual([]);
  });
  it('a service account that comes, goes or is another one concerns the roles that bind it', () => {
    expect(items(mapServiceAccount(listers(), undefined, account('1')))).toEqual(['VaultAuthRole/a/job', 'VaultAuthRole/a/web']);
    expect(items(mapServiceAccount(listers(), account('1'), account('2')))).toHaveLength(2);
    expect(mapServiceAccount(listers(), account('1'), { ...account('1'), annotations: { x: 'y' } })).toEqual([]);
  });
  it('service accounts themselves are looked at where a backend makes roles for them', () => {
    const auto = listers({ backends: ours(backend('one', { spec: { autoRoles: { mode: 'All' } as never } })) });
    expect(items(mapServiceAccount(auto, account('1'), { ...account('1'), annotations: { x: 'y' } }))).toEqual([
      'ServiceAccount/a/web',
    ]);
  });
  it('a Secret concerns whoever names it', () => {
    expect(items(mapCredential(listers(), 'token'))).toEqual(['VaultEndpoint/main']);
    expect(mapCredential(listers(), 'none')).toEqual([]);
  });
});
