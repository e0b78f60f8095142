// OpenBao and Vault as a test's secret server: the Kubernetes auth method with the bed's API server, a role and secrets.
import type { Bed } from '../bed/bed.ts';
import { MAY_REVIEW, untilMay, userOf } from '../bed/rights.ts';

export const PRODUCTS = ['openbao', 'vault'] as const;
export type Product = (typeof PRODUCTS)[number];

const REVIEWERS = 'secret-servers';

export interface SecretServer {
  /** Address for pods. */
  readonly address: string;
  /** Sends a request with the root token and gives the answer, or undefined when it has no body. @throws when it is not 2xx. */
  readonly request: (method: string, path: string, body?: object) => Promise<unknown>;
  /** Writes a secret to the key-value store, version 2, that is mounted at secret/. */
  readonly write: (path: string, data: Readonly<Record<string, string>>) => Promise<void>;
}

/**
 * Lets service accounts of all namespaces log in by the role "web", which may read everything below secret/data/web/. Tokens
 * are reviewed by the bed's real API server, for a service account that may do just that.
 */
export async function secretServer(bed: Bed & { readonly hostAddress: string }, product: Product): Promise<SecretServer> {
  const server = bed[product];
  if (!server) throw new Error(`the bed has no part ${product}`);
  const request: SecretServer['request'] = async (method, path, body) => {
    const headers = { 'X-Vault-Token': server.rootToken };
    const answer = await fetch(`${server.address}/v1/${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} on ${product}: ${answer.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  };
  await request('POST', 'sys/auth/kubernetes', { type: 'kubernetes' });
  await request('POST', 'auth/kubernetes/config', {
    // The server is where the API server is, so 127.0.0.1 is the same place for it.
    kubernetes_host: bed.url,
    kubernetes_ca_cert: bed.ca,
    token_reviewer_jwt: await reviewerToken(bed, `${product}-reviewer`),
    disable_local_ca_jwt: true,
  });
  await request('POST', 'sys/policies/acl/web', { policy: 'path "secret/data/web/*" { capabilities = ["read"] }' });
  await request('POST', 'auth/kubernetes/role/web', {
    bound_service_account_names: ['*'],
    bound_service_account_namespaces: ['*'],
    token_policies: ['web'],
    token_ttl: 300,
  });
  return {
    address: `http://${bed.hostAddress}:${new URL(server.address).port}`,
    request,
    write: async (path, data) => void (await request('POST', `secret/data/${path}`, { data })),
  };
}

async function reviewerToken(bed: Bed, name: string): Promise<string> {
  const exists = await bed.exchange('GET', `/api/v1/namespaces/${REVIEWERS}`);
  if (exists.status === 404) await bed.createNamespace({ name: REVIEWERS });
  const accounts = `/api/v1/namespaces/${REVIEWERS}/serviceaccounts`;
  await bed.request('POST', accounts, { metadata: { name } });
  await bed.request('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:auth-delegator' },
    subjects: [{ kind: 'ServiceAccount', name, namespace: REVIEWERS }],
  });
  await untilMay(bed, userOf(REVIEWERS, name), MAY_REVIEW);
  const { status } = await bed.request<{ status: { token: string } }>('POST', `${accounts}/${name}/token`, {
    spec: { expirationSeconds: 3600 },
  });
  return status.token;
}
