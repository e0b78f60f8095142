// The reviewer's objects and rights in Kubernetes: granted to admitted service accounts only, and kept while another backend uses them.
import { deleteReviewer, deleteUnneededObjects, ensureRights } from '../../../src/controller/backend/reviewer.ts';
import type { ReconcileInput } from '../../../src/controller/backend/step.ts';
import type { KubeRequest } from '../../../src/kube/client.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import type { VaultAuthBackend } from '../../../src/resources/backend.ts';
import { roleReasons, type VaultAuthRole } from '../../../src/resources/role.ts';
import { kubernetesBackend, webRole } from '../../support/objects.ts';

const ACCOUNT = '/api/v1/namespaces/vault-auth-injector/serviceaccounts/reviewer';
const SECRET = '/api/v1/namespaces/vault-auth-injector/secrets/reviewer-token';

/** An API server with service account and Secret of a reviewer, both managed; records what is applied and deleted. */
const inputOf = (backend: VaultAuthBackend, others: readonly VaultAuthBackend[], roles: readonly VaultAuthRole[] = []) => {
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
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it has all that the code under test reads
  return { input: { context, backend, signal: undefined } as unknown as ReconcileInput, applied, deleted };
};

const reviewed = (mode: string, uid: string): VaultAuthBackend => {
  const backend = kubernetesBackend({}, { reviewer: { mode, serviceAccountName: 'reviewer' } });
  return { ...backend, metadata: { ...backend.metadata, uid } };
};

test('deletes the objects of a reviewer when no backend uses them', async () => {
  const { input, deleted } = inputOf(reviewed('Rotated', 'uid-1'), []);
  await deleteUnneededObjects(input);
  expect(deleted).toEqual([SECRET]);
  await deleteReviewer(input);
  expect(deleted).toEqual([SECRET, SECRET, ACCOUNT]);
});

test('keeps objects that another backend uses', async () => {
  const { input, deleted } = inputOf(reviewed('Rotated', 'uid-1'), [reviewed('LongLivedSecret', 'uid-2')]);
  await deleteUnneededObjects(input);
  await deleteReviewer(input);
  expect(deleted).toEqual([]);
  const rotating = inputOf(reviewed('LongLivedSecret', 'uid-1'), [reviewed('Rotated', 'uid-2')]);
  await deleteReviewer(rotating.input);
  expect(rotating.deleted).toEqual([SECRET]);
});

test.each(roleReasons.Accepted.map((reason) => [reason]))(
  'a role in Vault with Accepted reason %s grants its service accounts the right, if it is admitted',
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
    const { input, applied } = inputOf(backend, [], [role]);
    await ensureRights(input, undefined);
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
