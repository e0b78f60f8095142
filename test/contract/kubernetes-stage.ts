// A mount of the Kubernetes method and a real API server that reviews its tokens, with a proxy in between.
import type { JsonObject } from '../../src/json/json.ts';
import { textOf } from '../../src/json/json.ts';
import type { Bed } from '../bed/bed.ts';
import { type FaultProxy, startFaultProxy } from '../bed/fault-proxy.ts';
import { bind, type ContractServer, outcomeOf, read, serviceAccount, tokenOf, write } from './servers.ts';

export const AUDIENCE = { audience: 'vault' };
export const DENIED = '403 permission denied';

/** The proxy before the API server: records the requests and their tokens. */
export interface Reviewing {
  readonly proxy: FaultProxy;
  /** A token with only the right to review tokens. */
  readonly reviewer: string;
}

export interface KubernetesStage {
  readonly path: string;
  /** A token of team-a/app for the audience "vault". */
  readonly app: string;
  /** Writes a complete working configuration, with these changes. */
  readonly config: (changes?: JsonObject) => Promise<string>;
  /** Writes a role for team-a/app and the audience "vault", with these changes. */
  readonly role: (name: string, changes?: JsonObject) => Promise<string>;
  /** The result of a login. */
  readonly login: (role: string, jwt: string) => Promise<string>;
  /** The `auth` of a successful login. */
  readonly authOf: (role: string, jwt: string) => Promise<JsonObject>;
  readonly tokenOf: (role: string, jwt: string) => Promise<string>;
  /** The first alias of the entity that logged in. */
  readonly aliasOf: (auth: JsonObject) => Promise<JsonObject>;
}

/** Starts the proxy and creates service accounts: in team-a and team-b, and reviewers in the namespace vault, of which "viewer" may read namespaces and service accounts too. */
export async function prepareReviews(bed: Bed): Promise<Reviewing> {
  for (const namespace of ['team-a', 'team-b'])
    for (const name of ['app', 'other', 'self']) await serviceAccount(bed, namespace, name);
  await serviceAccount(bed, 'team-a', 'noted', { 'vault.hashicorp.com/alias-metadata-env': 'prod' });
  await serviceAccount(bed, 'team-a', 'reserved', { 'vault.hashicorp.com/alias-metadata-service_account_name': 'root' });
  for (const name of ['reviewer', 'viewer']) {
    await serviceAccount(bed, 'vault', name);
    await bind(bed, 'vault', name);
  }
  await bind(bed, 'team-a', 'self');
  await bed.request('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', {
    metadata: { name: 'look' },
    rules: [{ apiGroups: [''], resources: ['namespaces', 'serviceaccounts'], verbs: ['get'] }],
  });
  await bind(bed, 'vault', 'viewer', 'look', { verb: 'get', resource: 'serviceaccounts' });
  const serving = bed.credentials.issueServing({ ipAddresses: ['127.0.0.1'] });
  return {
    proxy: await startFaultProxy({ upstream: bed.url, upstreamAuthority: bed.ca, serving }),
    reviewer: await tokenOf(bed, 'vault', 'reviewer'),
  };
}

/** A fresh mount without a configuration. */
export async function kubernetesStage(
  { bed, client, root, mount }: ContractServer,
  reviewing: Reviewing,
): Promise<KubernetesStage> {
  const path = await mount('kubernetes');
  const call = (role: string, jwt: string) => ({ method: 'POST', path: `auth/${path}/login`, body: { role, jwt } }) as const;
  const authOf = async (role: string, jwt: string): Promise<JsonObject> => (await client.request(call(role, jwt))).auth ?? {};
  return {
    path,
    app: await tokenOf(bed, 'team-a', 'app', AUDIENCE),
    config: (changes = {}) =>
      write(root, `auth/${path}/config`, {
        kubernetes_host: reviewing.proxy.address,
        kubernetes_ca_cert: bed.ca,
        token_reviewer_jwt: reviewing.reviewer,
        disable_local_ca_jwt: true,
        ...changes,
      }),
    role: (name, changes = {}) =>
      write(root, `auth/${path}/role/${name}`, {
        bound_service_account_names: ['app'],
        bound_service_account_namespaces: ['team-a'],
        audience: 'vault',
        token_ttl: 300,
        ...changes,
      }),
    login: (role, jwt) => outcomeOf(client.request(call(role, jwt))),
    authOf,
    tokenOf: async (role, jwt) => textOf(await authOf(role, jwt), 'client_token') ?? '',
    aliasOf: async (auth) => {
      const entity = await read(root, `identity/entity/id/${textOf(auth, 'entity_id')}`);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as both products respond
      return (entity['aliases'] as JsonObject[])[0] ?? {};
    },
  };
}
