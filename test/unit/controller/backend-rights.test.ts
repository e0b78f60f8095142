// What a backend gives and takes in Kubernetes: rights only to whom a role admits, and nothing that another backend still needs.
import { dropReviewer, dropUnneeded } from '../../../src/controller/backend/reviewer.ts';
import { keepRights } from '../../../src/controller/backend/rights.ts';
import type { Work } from '../../../src/controller/backend/work.ts';
import type { KubeRequest } from '../../../src/kube/client.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import type { VaultAuthBackend } from '../../../src/resources/backend.ts';
import { roleReasons, type VaultAuthRole } from '../../../src/resources/role.ts';
import { kubernetesBackend, webRole } from '../resources/fixture.ts';

const ACCOUNT = '/api/v1/namespaces/vault-auth-injector/serviceaccounts/reviewer';
const SECRET = '/api/v1/namespaces/vault-auth-injector/secrets/reviewer-token';

/** An API server that has both objects of a reviewer, made by us; what is applied and what is deleted. */
const workOf = (backend: VaultAuthBackend, others: readonly VaultAuthBackend[], roles: readonly VaultAuthRole[] = []) => {
  const applied = new Map<string, JsonObject>();
  const deleted: string[] = [];
  const request = async ({ method, path, body }: KubeRequest): Promise<unknown> => {
    if (method === 'PATCH') applied.set(path, body as JsonObject);
    if (method === 'DELETE') deleted.push(path);
    if (method !== 'GET') return {};
    if (path !== ACCOUNT && path !== SECRET) throw new KubeError(404, 'NotFound', path);
    return { metadata: { uid: 'uid', labels: { 'app.kubernetes.io/managed-by': 'vault-auth-injector' } } };
  };
  const context = {
    kube: { client: { request }, namespace: 'vault-auth-injector', serviceAccount: 'controller' },
    listers: { backends: { list: () => [backend, ...others] }, roles: { list: () => roles } },
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the code under test reads is there
  return { work: { context, backend, signal: undefined } as unknown as Work, applied, deleted };
};

const reviewed = (mode: string, uid: string): VaultAuthBackend => {
  const backend = kubernetesBackend({}, { reviewer: { mode, serviceAccountName: 'reviewer' } });
  return { ...backend, metadata: { ...backend.metadata, uid } };
};

test('the objects of a reviewer go when nobody needs them', async () => {
  const { work, deleted } = workOf(reviewed('Rotated', 'uid-1'), []);
  await dropUnneeded(work);
  expect(deleted).toEqual([SECRET]);
  await dropReviewer(work);
  expect(deleted).toEqual([SECRET, SECRET, ACCOUNT]);
});

test('what another backend needs stays', async () => {
  const { work, deleted } = workOf(reviewed('Rotated', 'uid-1'), [reviewed('LongLivedSecret', 'uid-2')]);
  await dropUnneeded(work);
  await dropReviewer(work);
  expect(deleted).toEqual([]);
  const rotating = workOf(reviewed('LongLivedSecret', 'uid-1'), [reviewed('Rotated', 'uid-2')]);
  await dropReviewer(rotating.work);
  expect(rotating.deleted).toEqual([SECRET]);
});

test.each(roleReasons.Accepted.map((reason) => [reason]))(
  'with %s a role gives its service accounts the right to log in if it is in Vault',
  async (reason) => {
    const condition = {
      type: 'Accepted',
      status: 'False',
      reason,
      message: '',
      observedGeneration: 1,
      lastTransitionTime: '',
    } as const;
    const place = { endpoint: 'main', namespace: '', backend: 'prod', mountPath: '', roleName: '', loginPath: '' };
    const role: VaultAuthRole = { ...webRole(), status: { programmed: true, vault: place, conditions: [condition] } };
    const backend = kubernetesBackend(
      { rbac: { manageAuthDelegator: true }, probe: { enabled: false } },
      { reviewer: { mode: 'ClientJWT' } },
    );
    const { work, applied } = workOf(backend, [], [role]);
    await keepRights(work, undefined);
    const isIn = [
      'Accepted',
      'PolicyNotAllowed',
      'PolicyNotFound',
      'LimitExceeded',
      'RetainNotAllowed',
      'UnsupportedByProduct',
    ].includes(reason);
    expect([...applied.values()].map(({ subjects }) => subjects)).toEqual(
      isIn ? [[{ kind: 'ServiceAccount', namespace: 'team', name: 'web' }]] : [],
    );
  },
);
