// A cluster with very many roles: what each of them is made of, and how they get there in reasonable time.
import { type JsonObject, objectAt, textOf } from '../../src/json/json.ts';
import { API_VERSION, collectionPath, type KindName, objectPath } from '../../src/resources/kinds.ts';
import type { Bed } from '../bed/bed.ts';
import { CONTROLLER_NAMESPACE } from '../bed/controller.ts';

export interface Plan {
  readonly roles: number;
  readonly namespaces: number;
  /** Of the endpoint. */
  readonly requestsPerSecond: number;
  /** Of the backend. */
  readonly resyncSeconds: number;
}

export interface RoleName {
  readonly namespace: string;
  readonly name: string;
}

/** Every role of the plan, by namespace in turns. */
export function roleNames({ roles, namespaces }: Plan): readonly RoleName[] {
  return Array.from({ length: roles }, (_, index) => ({
    namespace: `team-${index % namespaces}`,
    name: `app-${Math.floor(index / namespaces)}`,
  }));
}

/** Creates the namespaces, and in each its roles with a service account for each role. */
export async function createMany(bed: Bed, plan: Plan): Promise<void> {
  const namespaces = Array.from({ length: plan.namespaces }, (_, index) => `team-${index}`);
  await inParallel(namespaces, (name) => bed.request('POST', '/api/v1/namespaces', { metadata: { name, labels: LABELS } }));
  await inParallel(roleNames(plan), async ({ namespace, name }) => {
    await bed.request('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
    await create(bed, 'VaultAuthRole', { namespace, name }, roleSpec(name));
  });
}

/** Creates the endpoint, the backend that all roles belong to, and the policy that all have; the first two are called "main". */
export async function createBackend(bed: Bed, plan: Plan): Promise<void> {
  const { address = '', rootToken = '' } = bed.openbao ?? {};
  const secret = { metadata: { name: 'main-token' }, stringData: { token: rootToken } };
  await bed.request('POST', `/api/v1/namespaces/${CONTROLLER_NAMESPACE}/secrets`, secret);
  await create(
    bed,
    'VaultEndpoint',
    { name: 'main' },
    {
      address,
      allowPlainHTTP: true,
      auth: { token: { secretRef: { name: 'main-token' } } },
      limits: { requestsPerSecond: plan.requestsPerSecond, burst: plan.requestsPerSecond, maxInFlight: 16 },
    },
  );
  await create(
    bed,
    'VaultAuthBackend',
    { name: 'main' },
    {
      endpointRef: { name: 'main' },
      path: 'main',
      clusterName: 'bench',
      isDefault: true,
      resyncSeconds: plan.resyncSeconds,
      probe: { enabled: false },
      type: 'kubernetes',
      kubernetes: { host: bed.url, reviewer: { mode: 'ClientJWT' } },
      tenancy: { namespaceSelector: { matchLabels: LABELS }, policyRules: [{ policies: [POLICY], namespaceSelector: {} }] },
    },
  );
  const path = `secret/data/{{identity.entity.aliases.\${auth.main.accessor}.metadata.service_account_namespace}}/*`;
  const policy = `path "${path}" {\n  capabilities = ["read"]\n}\n`;
  await create(bed, 'VaultACLPolicy', { name: POLICY }, { endpointRef: { name: 'main' }, policy });
}

/** Milliseconds from the answer to a change of a role until Vault has it. `round` makes each change another. */
export async function changeSeen(bed: Bed, role: RoleName, round: number): Promise<number> {
  const path = objectPath('VaultAuthRole', role);
  const maxTTL = 3600 + round;
  const patch = { spec: { token: { maxTTL: `${maxTTL}s` } } };
  const { vault } = objectAt(await bed.request<JsonObject>('PATCH', path, patch, 'application/merge-patch+json'), 'status') ?? {};
  const began = performance.now();
  const status = vault as JsonObject | undefined;
  const url = `${bed.openbao?.address}/v1/auth/${textOf(status, 'mountPath')}/role/${textOf(status, 'roleName')}`;
  while (performance.now() - began < LONGEST_MS) {
    const answer = await fetch(url, { headers: { 'X-Vault-Token': bed.openbao?.rootToken ?? '' } });
    const { data } = (await answer.json()) as { readonly data?: JsonObject };
    if (data?.['token_max_ttl'] === maxTTL) return performance.now() - began;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`a change of ${role.namespace}/${role.name} was not in Vault after ${LONGEST_MS / 1000} s`);
}

const LONGEST_MS = 60_000;
const POLL_MS = 10;
const POLICY = 'own-secrets';
const LABELS = { roles: 'yes' };

/** As a typical application has it. */
const roleSpec = (name: string): JsonObject => ({
  serviceAccounts: [name],
  policies: [POLICY],
  token: { ttl: '20m', maxTTL: '1h' },
});

const create = (bed: Bed, kind: KindName, { namespace, name }: Partial<RoleName> & { readonly name: string }, spec: JsonObject) =>
  bed.request('POST', collectionPath(kind, namespace), { apiVersion: API_VERSION, kind, metadata: { name }, spec });

/** So many requests at a time, over as many kept connections. */
const AT_ONCE = 16;

const inParallel = async <T>(items: readonly T[], run: (item: T) => Promise<unknown>): Promise<void> => {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const item of rest) await run(item);
    }),
  );
};
