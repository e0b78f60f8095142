// Observes a Vault server: whether it is reachable, is the declared product, lets the controller log in, and grants its rights.
import { type Capability, controllerRights } from '../../resources/controller-policy.ts';
import type { EndpointConditionUpdate, VaultEndpoint, VaultEndpointSpec } from '../../resources/endpoint.ts';
import type { VaultCaller, VaultClient } from '../../vault/client.ts';
import { VaultError } from '../../vault/errors.ts';
import { type Health, hasNamespaces, namespaceExists, readHealth } from '../../vault/health.ts';
import { readCapabilities } from '../../vault/policies.ts';
import type { SessionState } from '../../vault/session.ts';
import type { ControllerContext } from '../runtime/context.ts';
import type { VaultConnection } from '../runtime/vault-registry.ts';
import { authenticated, authorized, isDenial, reachable, supported, unreachable } from './conditions.ts';
import { CredentialMissing, type Credentials } from './credentials.ts';

export interface ServerObservation {
  /** Reachable, Supported and Authenticated. */
  readonly conditions: readonly EndpointConditionUpdate[];
  readonly health: Health | undefined;
  /** Undefined: unknown at present. */
  readonly capabilities: readonly string[] | undefined;
  readonly token: SessionState | undefined;
  /** The server's Retry-After in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

/** Observes up to the first failure. Throws errors that are neither of the server nor of a missing credential. */
export async function observeServer(
  spec: VaultEndpointSpec,
  credentials: Credentials,
  { client, session }: VaultConnection,
  now: number,
  signal: AbortSignal,
): Promise<ServerObservation> {
  const reached: { -readonly [Part in keyof ServerObservation]?: ServerObservation[Part] } = {};
  const observation = (...conditions: readonly EndpointConditionUpdate[]): ServerObservation => ({
    health: undefined,
    capabilities: undefined,
    token: undefined,
    retryAfterMs: undefined,
    ...reached,
    conditions: withUnreached(conditions),
  });
  if (credentials.caProblem !== undefined) return observation(reachable('CAMissing', credentials.caProblem));
  try {
    const health = await readHealth(client, signal);
    reached.health = health;
    const problem = healthProblem(health);
    if (problem) return observation(problem);
    const connected = reachable('Connected', `${spec.address} answers: ${health.product} ${health.version}.`);
    if (spec.product !== 'Auto' && spec.product !== health.product)
      return observation(
        connected,
        supported('ProductMismatch', `spec.product is ${spec.product}, but the server is ${health.product}.`),
      );
    const { isSupported, exists } = await observeNamespaces(spec.namespace, client, health, signal);
    reached.capabilities = isSupported ? ['Namespaces'] : [];
    if (spec.namespace !== '' && !isSupported)
      return observation(connected, supported('NamespacesUnsupported', namespacesUnsupported(spec.namespace, health)));
    const detected = supported('Detected', `${health.product} ${health.version}.`);
    if (!exists) return observation(connected, detected, authenticated('NamespaceMissing', namespaceMissing(spec.namespace)));
    if (credentials.credentialProblem !== undefined)
      return observation(connected, detected, authenticated('CredentialMissing', `${credentials.credentialProblem}.`));
    try {
      const token = await session.ready();
      reached.token = token;
      return observation(connected, detected, tokenCondition(spec, token, now));
    } catch (error) {
      if (error instanceof CredentialMissing)
        return observation(connected, detected, authenticated('CredentialMissing', `${error.message}.`));
      if (error instanceof VaultError && isDenial(error))
        return observation(connected, detected, authenticated('LoginDenied', `${error.message}. ${advice(spec)}`));
      throw error;
    }
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    reached.retryAfterMs = error.retryAfterMs;
    return observation(unreachable(error));
  }
}

interface Namespaces {
  readonly isSupported: boolean;
  /** The endpoint's namespace. */
  readonly exists: boolean;
}

/** Per connection, valid while the same version of the same cluster answers: it saves two requests of each resync. */
const observedNamespaces = new WeakMap<VaultClient, { readonly server: string; readonly namespaces: Namespaces }>();

const observeNamespaces = async (name: string, client: VaultClient, health: Health, signal: AbortSignal): Promise<Namespaces> => {
  const server = `${health.clusterID} ${health.version}`;
  const observed = observedNamespaces.get(client);
  if (observed?.server === server) return observed.namespaces;
  const isSupported = await hasNamespaces(client, signal);
  const exists = isSupported ? await namespaceExists(client, name, signal) : name === '';
  if (exists) observedNamespaces.set(client, { server, namespaces: { isSupported, exists } });
  return { isSupported, exists };
};

/** After a failure, the conditions that were not observed are unknown. */
const withUnreached = (conditions: readonly EndpointConditionUpdate[]): readonly EndpointConditionUpdate[] => {
  const types = new Set(conditions.map(({ type }) => type));
  return [
    ...conditions,
    ...(types.has('Supported') ? [] : [supported('NotReached', 'The server did not respond.')]),
    ...(types.has('Authenticated') ? [] : [authenticated('NotReached', 'No login was attempted.')]),
  ];
};

const healthProblem = (health: Health): EndpointConditionUpdate | undefined => {
  if (!health.initialized) return reachable('Uninitialized', 'The server is not initialized (vault operator init).');
  if (health.sealed) return reachable('Sealed', 'The server is sealed: unseal it (vault operator unseal).');
  if (health.disasterRecovery)
    return reachable(
      'Standby',
      'The server is a disaster recovery secondary, which serves no requests: set the address of the primary.',
    );
  return undefined;
};

const namespacesUnsupported = (namespace: string, { product, version }: Health): string =>
  `${product} ${version} has no namespaces and would ignore ${namespace}: leave spec.namespace empty, or use a server with namespaces.`;

const namespaceMissing = (namespace: string): string =>
  `The server has no namespace ${namespace}: create it, or correct spec.namespace.`;

/** A token that is not renewed, or whose renewals fail, is reported before it expires. */
const tokenCondition = (
  spec: VaultEndpointSpec,
  { expiresAt, leaseSeconds, renewable }: SessionState,
  now: number,
): EndpointConditionUpdate => {
  const given = spec.auth.token ? ' It is a static token, for development and bootstrap.' : '';
  if (expiresAt === undefined) return authenticated('LoggedIn', `Logged in; the token does not expire.${given}`);
  const left = expiresAt - now;
  const isLate = left < leaseSeconds * 1000 * LAST_PART;
  const isStatic = spec.auth.token !== undefined && !renewable && left < DAY_MS;
  const end = new Date(expiresAt).toISOString();
  return isLate || isStatic
    ? authenticated('TokenExpiring', `The token expires at ${end} and is not renewed.${given} ${advice(spec)}`)
    : authenticated('LoggedIn', `Logged in.${given}`);
};

/** Renewals start after two thirds of a lease: with so little left, they have failed. */
const LAST_PART = 0.2;
const DAY_MS = 86_400_000;

/** What to check after a denied login. */
const advice = ({ auth: { kubernetes, jwt, appRole, cert } }: VaultEndpointSpec): string => {
  const service = kubernetes ?? jwt;
  if (service)
    return `Check that auth/${service.mount} is mounted and configured, and that its role ${service.role} admits this service account${service.audience === undefined ? '' : ` and the audience ${service.audience}`}.`;
  if (appRole) return `Check that auth/${appRole.mount} is mounted, the role ID, and that the secret ID has not expired.`;
  if (cert) return `Check that auth/${cert.mount} is mounted and has a certificate role that admits this client certificate.`;
  return 'Put a valid token into the Secret; preferably a periodic orphan token with the policy that `policy` prints.';
};

/**
 * Authorized: whether the controller's token has the rights that backends and policies of the endpoint require. Reported here,
 * so that a missing right does not show first as a failed write. Throws every error but a VaultError.
 */
export async function observeRights(
  context: Pick<ControllerContext, 'listers' | 'vault'>,
  endpoint: VaultEndpoint,
  session: VaultCaller | undefined,
  signal: AbortSignal,
): Promise<EndpointConditionUpdate> {
  if (!session) return authorized('NotChecked', 'The controller is not logged in.');
  const required = requiredRights(context, endpoint);
  try {
    const granted = await readCapabilities(session, [...required.keys()], signal);
    const missing = [...required].flatMap(([path, capabilities]) => {
      const held = granted.get(path) ?? [];
      const lacking = held.includes('root') ? [] : capabilities.filter((capability) => !held.includes(capability));
      return lacking.length === 0 ? [] : [`${path} (${lacking.join(', ')})`];
    });
    if (missing.length === 0) return authorized('Sufficient', 'The token has the rights that backends and policies need.');
    const rest = missing.length > MAX_NAMED ? ` and ${missing.length - MAX_NAMED} more` : '';
    return authorized(
      'RightsMissing',
      `The token lacks rights on ${missing.slice(0, MAX_NAMED).join(', ')}${rest}: add them to its policy.`,
    );
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    return authorized('NotChecked', `${error.message}.`);
  }
}

const MAX_NAMED = 8;

/** The capabilities that the controller requires now, by path. */
const requiredRights = (
  { listers: { backends, policies }, vault: { observeOnly } }: Pick<ControllerContext, 'listers' | 'vault'>,
  endpoint: VaultEndpoint,
): ReadonlyMap<string, readonly Capability[]> => {
  const isOfEndpoint = ({ spec }: { readonly spec: { readonly endpointRef: { readonly name: string } } }): boolean =>
    spec.endpointRef.name === endpoint.metadata.name;
  const ofEndpoint = backends.list().filter(isOfEndpoint);
  const mounted = new Set(
    ofEndpoint.filter(({ status }) => status?.mount !== undefined).map(({ spec: { path } }) => `sys/auth/${path}`),
  );
  const rights = controllerRights({
    endpoint,
    backends: ofEndpoint,
    policies: policies.list().filter(isOfEndpoint),
    furtherPolicies: [],
    observeOnly,
  });
  return new Map(
    rights.flatMap(({ path, capabilities }): readonly (readonly [string, readonly Capability[]])[] => {
      const needed = capabilities.filter((capability) => isNeeded(path, capability, capabilities, mounted.has(path)));
      // The capabilities of a path with a star are those of any name in its place.
      return needed.some((capability) => capability !== 'sudo') ? [[path.replace(/\*$/, 'any'), needed] as const] : [];
    }),
  );
};

/** Less than the printed policy grants: without what every token has, what is only convenient, and what is done already. */
const isNeeded = (path: string, capability: Capability, all: readonly Capability[], isMounted: boolean): boolean => {
  if (path.startsWith('auth/token/') || path === 'sys/capabilities-self' || capability === 'list') return false;
  // To read other roles is required only if roles are observed.
  if (path.endsWith('/role/*')) return all.length > 1;
  if (isMounted && (capability === 'create' || capability === 'update')) return false;
  // Only for roles do the products distinguish create from update.
  return capability !== 'create' || path.includes('/role/');
};
