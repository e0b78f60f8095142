// Real OpenBao and Vault for contract tests, with our own client for each, and a real API server that reviews tokens.
import { createSign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Bed, startBed } from '../bed/bed.ts';
import type { Part } from '../bed/parts.ts';
import { MAY_REVIEW, type Right, untilMay, userOf } from '../bed/rights.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { enableMount } from '../../src/vault/mounts.ts';
import { type VaultCaller, type VaultClient, vaultClient, type VaultTLS } from '../../src/vault/client.ts';
import { VaultError } from '../../src/vault/errors.ts';
import { type VaultSession, vaultSession } from '../../src/vault/session.ts';

export const PRODUCTS = ['openbao', 'vault'] as const;
export type ProductName = (typeof PRODUCTS)[number];

export interface ContractServer {
  readonly bed: Bed;
  readonly address: string;
  /** With the root token. */
  readonly root: VaultSession;
  /** Without a token. */
  readonly client: VaultClient;
  /** Mounts an auth method at a path of its own, and returns the path. */
  readonly mount: (type: string) => Promise<string>;
}

const LIMITS = { requestsPerSecond: 1000, burst: 1000, maxInFlight: 8, timeoutMs: 30_000 };

/** A client with limits that no test reaches. */
export function contractClient(address: string, namespace = '', tls: VaultTLS = {}): VaultClient {
  return vaultClient({ address, namespace, tls, limits: LIMITS, userAgent: 'contract' });
}

/** Declares the tests for each product; the tests of a file share one bed with both. `prepare` runs before the first test. */
export function onEachServer(
  parts: readonly Part[],
  prepare: (bed: Bed) => Promise<void>,
  declare: (product: ProductName, server: () => ContractServer) => void,
): void {
  let bed: Bed | undefined;
  beforeAll(async () => {
    bed = await startBed({ parts: ['openbao', 'vault', ...parts] });
    await prepare(bed);
  }, 600_000);
  afterAll(() => bed?.stop());

  describe.each(PRODUCTS)('%s', (product) => {
    let server: ContractServer | undefined;
    beforeAll(() => {
      if (bed) server = contractServer(bed, product);
    });
    afterAll(() => server?.client.close());
    declare(product, () => {
      if (!server) throw new Error('the servers did not start');
      return server;
    });
  });
}

const contractServer = (bed: Bed, product: ProductName): ContractServer => {
  const { address = '', rootToken = '' } = bed[product] ?? {};
  const client = contractClient(address);
  const root = vaultSession({ client, login: { method: 'token', token: () => Promise.resolve(rootToken) } });
  let mounts = 0;
  return {
    bed,
    address,
    root,
    client,
    mount: async (type) => {
      mounts += 1;
      await enableMount(root, `${type}-${mounts}`, { type });
      return `${type}-${mounts}`;
    },
  };
};

/** The data at a path, read with the root token. */
export async function read(caller: VaultCaller, path: string): Promise<JsonObject> {
  return (await caller.request({ method: 'GET', path })).data ?? {};
}

/** The result of a write: the status and warnings, or the status and messages of the error. */
export function write(
  caller: VaultCaller,
  path: string,
  body: JsonObject,
  method: 'POST' | 'PUT' | 'DELETE' = 'POST',
): Promise<string> {
  return outcomeOf(caller.request({ method, path, body }));
}

/** The same for any request. */
export function outcomeOf(answer: Promise<{ readonly status: number; readonly warnings: readonly string[] }>): Promise<string> {
  return answer.then(
    ({ status, warnings }) => [status, ...warnings].join(' '),
    (error: unknown) => {
      if (!(error instanceof VaultError)) throw error;
      return [error.status, ...error.errors].join(' ');
    },
  );
}

export interface TokenOptions {
  readonly audience?: string;
  readonly expirationSeconds?: number;
}

/** Creates a service account and its namespace unless they exist. */
export async function serviceAccount(
  bed: Bed,
  namespace: string,
  name: string,
  annotations: Readonly<Record<string, string>> = {},
): Promise<void> {
  await bed.exchange('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
  await bed.exchange('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name, annotations } });
}

/** A token of a service account by TokenRequest. */
export async function tokenOf(
  bed: Bed,
  namespace: string,
  name: string,
  { audience, expirationSeconds = 600 }: TokenOptions = {},
): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const spec = { expirationSeconds, ...(audience !== undefined && { audiences: [audience] }) };
  return (await bed.request<{ status: { token: string } }>('POST', path, { spec })).status.token;
}

/** Binds a service account to a cluster role, and waits until the right is effective. */
export async function bind(
  bed: Bed,
  namespace: string,
  name: string,
  role = 'system:auth-delegator',
  right: Right = MAY_REVIEW,
): Promise<void> {
  await bed.request('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: `${namespace}-${name}-${role.replaceAll(':', '-')}` },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'ServiceAccount', name, namespace }],
  });
  await untilMay(bed, userOf(namespace, name), right);
}

/** A token with other claims, signed with the API server's key; undefined removes a claim. */
export function forged(bed: Bed, token: string, claims: JsonObject, key?: string): string {
  const [header = '', payload = ''] = token.split('.');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the payload of a token is an object
  const old = JSON.parse(Buffer.from(payload, 'base64url').toString()) as JsonObject;
  const unsigned = `${header}.${Buffer.from(JSON.stringify({ ...old, ...claims })).toString('base64url')}`;
  const signingKey = key ?? readFileSync(`${bed.directory}/pki/service-accounts.key`, 'utf8');
  return `${unsigned}.${createSign('RSA-SHA256').update(unsigned).sign(signingKey).toString('base64url')}`;
}

/** Seconds since 1970, this long from now. */
export function secondsFromNow(seconds: number): number {
  return Math.floor(Date.now() / 1000) + seconds;
}
