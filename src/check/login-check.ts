// The command check login: a real login as a service account, and which part of the way to Vault is broken when it fails.
import { randomBytes } from 'node:crypto';
import { wordsOf } from '../admission/problems.ts';
import { type LinkLister, resolveRole } from '../admission/roles/resolve.ts';
import { type JsonObject, objectAt, textMap, textOf } from '../json/json.ts';
import { isKubeError } from '../kube/errors.ts';
import { requestToken } from '../kube/tokens.ts';
import type { CachedBackend } from '../resources/webhook-view.ts';
import { nameInVault } from '../resources/role-name.ts';
import { objectPath } from '../resources/kinds.ts';
import { type VaultClient, vaultClient } from '../vault/client.ts';
import { VaultError } from '../vault/errors.ts';
import { readHealth } from '../vault/health.ts';
import { tryLogin } from '../vault/login.ts';
import { type CheckName, fail, hasFailed, type Line, ok, skip } from './catalogue.ts';
import { type ClusterReader, userOfAccount } from './cluster-reader.ts';

export interface LoginRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Each overrides what the VaultAuthRole says; empty: not given. */
  readonly role: string;
  readonly path: string;
  readonly audience: string;
  readonly address: string;
  readonly vaultNamespace: string;
  /** PEM. */
  readonly ca: string;
}

/** Where and how the login happens. */
interface Target {
  readonly address: string;
  readonly vaultNamespace: string;
  readonly serverName: string | undefined;
  readonly ca: string | undefined;
  readonly path: string;
  readonly role: string;
  /** Empty: the audience of the API server. */
  readonly audience: string;
  readonly backend: CachedBackend | undefined;
  /** How the role was found. */
  readonly source: string;
}

const TOKEN_SECONDS = 600;
const TIMEOUT_MS = 10_000;
const LIMITS = { requestsPerSecond: 50, burst: 50, maxInFlight: 4, timeoutMs: TIMEOUT_MS };

/**
 * Logs in as the service account, with the role that a pod of it would get. `lister` has the objects of the cluster, undefined
 * where the kinds are not installed. Throws KubeError.
 */
export async function checkLogin(
  reader: ClusterReader,
  lister: LinkLister | undefined,
  request: LoginRequest,
  userAgent: string,
): Promise<readonly Line[]> {
  const { namespace, serviceAccount: name } = request;
  const core = `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
  const [own, account] = await Promise.all([reader.get(core), reader.get(`${core}/serviceaccounts/${encodeURIComponent(name)}`)]);
  const who = `${namespace}/${name}`;
  if (!account)
    return [
      fail(
        'service-account',
        own ? `there is no service account ${name} in ${namespace}` : `there is no namespace ${namespace}`,
        own ? `kubectl create serviceaccount ${name} -n ${namespace}, or correct the name` : 'correct the name of the namespace',
      ),
    ];
  const lines: Line[] = [ok('service-account', `${who} exists`)];
  const target = targetOf(request, lister, { namespace: own, account });
  if ('status' in target) return [...lines, target];
  lines.push(ok('login-role', `${target.role} at auth/${target.path} of ${target.address} (${target.source})`));
  const client = vaultClient({
    address: target.address,
    namespace: target.vaultNamespace,
    tls: { ca: target.ca, serverName: target.serverName },
    limits: LIMITS,
    userAgent,
  });
  try {
    const server = await checkServer(client, target);
    lines.push(server);
    if (hasFailed(lines)) return lines;
    const jwt = await tokenFor(reader, request, target);
    if (typeof jwt !== 'string') return [...lines, jwt];
    lines.push(ok('login-token', `the API server issues a token for ${target.audience === '' ? 'itself' : target.audience}`));
    return [...lines, ...(await attemptLogin(reader, client, target, who, jwt))];
  } finally {
    client.close();
  }
}

interface Around {
  readonly namespace: JsonObject | undefined;
  readonly account: JsonObject;
}

const targetOf = (request: LoginRequest, lister: LinkLister | undefined, { namespace: own, account }: Around): Target | Line => {
  const { namespace, serviceAccount, ...given } = request;
  // The role as it is called in Vault: no object describes it.
  if (given.role !== '' && given.path !== '' && given.address !== '')
    return { ...given, serverName: undefined, ca: given.ca || undefined, backend: undefined, source: 'flags' };
  const resolution = lister
    ? resolveRole(
        {
          namespace,
          serviceAccount,
          namespaceLabels: textMap(objectAt(own, 'metadata')?.['labels']),
          serviceAccountAnnotations: textMap(objectAt(account, 'metadata')?.['annotations']),
          role: request.role,
          backend: undefined,
          usesOtherMount: (backend) => request.path !== '' && request.path !== backend.path,
        },
        lister,
      )
    : ({ kind: 'none' } as const);
  if (resolution.kind === 'resolved' || resolution.kind === 'pending') {
    const { role, backend, endpoint } = resolution.resolved;
    return {
      address: request.address || endpoint.address,
      vaultNamespace: request.vaultNamespace || endpoint.vaultNamespace,
      serverName: endpoint.serverName,
      ca: request.ca || endpoint.ca,
      path: given.path || backend.path,
      role: nameInVault(backend, role),
      audience: backend.isClientJWT ? '' : given.audience || (role.audience ?? backend.audience),
      backend,
      source: `VaultAuthRole ${role.namespace}/${role.name}`,
    };
  }
  if (resolution.kind === 'unresolved') {
    const { sentence, remedy } = wordsOf(resolution.problem);
    return fail('login-role', sentence, remedy);
  }
  return fail(
    'login-role',
    `no VaultAuthRole binds ${namespace}/${serviceAccount}`,
    `create a VaultAuthRole ${serviceAccount} in ${namespace}, or name a role with -role, -path and -address`,
  );
};

/** Sealed, not initialized, not reachable, or not trusted: each in its own words. */
const checkServer = async (client: VaultClient, { address }: Target): Promise<Line> => {
  try {
    const { product, version, initialized, sealed } = await readHealth(client);
    if (!initialized) return fail('vault-server', `${address} is not initialized`, 'vault operator init');
    if (sealed) return fail('vault-server', `${address} is sealed`, 'unseal it: vault operator unseal');
    return ok('vault-server', `${address} answers: ${product} ${version}`);
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    return fail('vault-server', `${address}: ${error.message}`, SERVER_REMEDIES[error.kind] ?? 'check the server and its log');
  }
};

const SERVER_REMEDIES: Partial<Readonly<Record<VaultError['kind'], string>>> = {
  DNSFailed: 'correct the address, or run check where its name resolves; -address names another way to the same server',
  ConnectionFailed: 'start the server, or use -address with an address that is reachable from here',
  Timeout: 'start the server, or use -address with an address that is reachable from here',
  TLSFailed: 'put the CA of the server into spec.tls.ca or spec.workloadCA of its VaultEndpoint, or into -ca-cert',
  Unreadable: 'correct the address: something else answers there',
};

const tokenFor = async (
  reader: ClusterReader,
  { namespace, serviceAccount }: LoginRequest,
  { audience }: Target,
): Promise<string | Line> => {
  try {
    const audiences = audience === '' ? [] : [audience];
    const issued = await requestToken(reader.client, namespace, serviceAccount, { audiences, expirationSeconds: TOKEN_SECONDS });
    return issued.token;
  } catch (error) {
    if (!isKubeError(error, 'Forbidden')) throw error;
    return fail(
      'login-token',
      error.message,
      `run check with credentials that may create serviceaccounts/token in ${namespace}: kubectl auth can-i create serviceaccounts/token -n ${namespace}`,
    );
  }
};

const attemptLogin = async (
  reader: ClusterReader,
  client: VaultClient,
  target: Target,
  who: string,
  jwt: string,
): Promise<readonly Line[]> => {
  const result = await tryLogin(client, target.path, target.role, jwt, TIMEOUT_MS);
  if (result.outcome === 'succeeded') {
    const policies = result.policies.length === 0 ? 'no policies' : `policies ${result.policies.join(', ')}`;
    return [ok('login', `${who} logs in as ${target.role}: ${policies}, ${result.leaseSeconds} s`)];
  }
  return [await cause(reader, client, target, who, jwt, result.error), skip('login', 'failed, see above')];
};

interface Symptom {
  readonly pattern: RegExp;
  readonly check: CheckName;
  readonly message: (target: Target, who: string) => string;
  readonly remedy: (target: Target, who: string) => string;
}

const roleOf = ({ source }: Target): string => (source === 'flags' ? 'the role' : source);

/** What Vault and OpenBao answer (tests in test/contract see both); the first match counts. */
const SYMPTOMS: readonly Symptom[] = [
  {
    pattern: /invalid role name|role "[^"]*" (?:could not be found|does not exist)/,
    check: 'vault-role',
    message: ({ role, path }) => `auth/${path} has no role ${role}`,
    remedy: (target) =>
      target.source === 'flags'
        ? `vault write auth/${target.path}/role/${target.role} …, or correct -role`
        : `see why it is not in Vault: kubectl describe ${target.source.replace(' ', ' -n ').replace('/', ' ')}; the controller writes it again at its next resync`,
  },
  {
    pattern: /audience/,
    check: 'audience',
    message: ({ role, audience }) =>
      `role ${role} does not accept the audience ${audience === '' ? 'of the API server' : JSON.stringify(audience)}`,
    remedy: (target) =>
      `set the audience of ${roleOf(target)} in Vault to that of the token, or log in with the audience of the role (-audience)`,
  },
  {
    pattern: /service account name not authorized|namespace not authorized|claim .* does not match|error validating claims/,
    check: 'binding',
    message: ({ role }, who) => `role ${role} is not bound to ${who}`,
    remedy: (target, who) =>
      `add the service account to ${roleOf(target)} (bound_service_account_names and bound_service_account_namespaces in Vault): ${who}`,
  },
  {
    pattern: /could not load (?:backend )?configuration|no known key/,
    check: 'vault-mount',
    message: ({ path }) => `auth/${path} has no configuration`,
    remedy: ({ path, backend }) =>
      backend ? `kubectl describe vaultauthbackend ${backend.name}` : `vault write auth/${path}/config kubernetes_host=…`,
  },
];

/** The line for a failed login. Vault answers "permission denied" for a missing mount and for each failure of a token review. */
const cause = async (
  reader: ClusterReader,
  client: VaultClient,
  target: Target,
  who: string,
  jwt: string,
  error: VaultError,
): Promise<Line> => {
  const text = error.errors.join('; ') || error.message;
  const symptom = SYMPTOMS.find(({ pattern }) => pattern.test(text));
  if (symptom) return fail(symptom.check, `${symptom.message(target, who)} (${text})`, symptom.remedy(target, who));
  if (error.kind === 'Sealed') return fail('vault-server', `${target.address} is sealed`, 'unseal it: vault operator unseal');
  if (error.kind === 'Timeout' || error.status >= 500)
    return fail('token-review', unreachableText(target, text), reachRemedy(target));
  if (error.kind !== 'PermissionDenied') return fail('login', text, 'see the log of the server');
  if (!(await mountExists(client, target.path, jwt)))
    return fail(
      'vault-mount',
      `there is no auth mount auth/${target.path}`,
      target.backend
        ? `kubectl describe vaultauthbackend ${target.backend.name}`
        : `vault auth enable -path=${target.path} kubernetes, or correct -path`,
    );
  const reviewer = await reviewerOf(reader, target, who);
  if (reviewer === undefined) return fail('token-review', unreachableText(target, text), reachRemedy(target));
  const lacking = await reader.lacking(
    [{ verb: 'create', group: 'authentication.k8s.io', resource: 'tokenreviews' }],
    userOfAccount(...splitName(reviewer)),
  );
  if (lacking.length > 0)
    return fail(
      'reviewer',
      `the token reviewer ${reviewer} may not create tokenreviews`,
      `kubectl create clusterrolebinding vault-reviewer-${splitName(reviewer).join('-')} --clusterrole=system:auth-delegator --serviceaccount=${splitName(reviewer).join(':')}`,
    );
  return fail('token-review', unreachableText(target, text), reachRemedy(target));
};

const unreachableText = ({ path }: Target, text: string): string =>
  `Vault cannot have the token reviewed: it does not reach the API server that auth/${path} names, does not trust its certificate, or its reviewer token is not valid (${text})`;

const reachRemedy = ({ backend, path }: Target): string =>
  backend
    ? `correct spec.kubernetes.host and spec.kubernetes.ca of VaultAuthBackend ${backend.name}, and let the network of Vault reach that address`
    : `correct kubernetes_host and kubernetes_ca_cert of auth/${path}/config, and let the network of Vault reach that address`;

/** A mount looks a role up before anything else: a role that cannot exist shows whether there is a mount. */
const mountExists = async (client: VaultClient, path: string, jwt: string): Promise<boolean> => {
  const absent = `absent-${randomBytes(8).toString('hex')}`;
  const result = await tryLogin(client, path, absent, jwt, TIMEOUT_MS);
  return result.outcome === 'succeeded' || result.error.kind !== 'PermissionDenied';
};

/** `namespace/name` of the account that reviews tokens, where the cluster shows it. */
const reviewerOf = async (reader: ClusterReader, { backend }: Target, who: string): Promise<string | undefined> => {
  if (!backend || backend.type !== 'kubernetes') return undefined;
  if (backend.isClientJWT) return who;
  const object = await reader.get(objectPath('VaultAuthBackend', { name: backend.name }));
  const shown = textOf(objectAt(objectAt(object, 'status'), 'reviewer'), 'serviceAccount');
  const local = objectAt(objectAt(objectAt(objectAt(object, 'spec'), 'kubernetes'), 'reviewer'), 'vaultServiceAccount');
  const [namespace, name] = [textOf(local, 'namespace'), textOf(local, 'name')];
  return shown ?? (namespace !== undefined && name !== undefined ? `${namespace}/${name}` : undefined);
};

const splitName = (text: string): readonly [string, string] => {
  const [namespace = '', name = ''] = text.split('/');
  return [namespace, name];
};
