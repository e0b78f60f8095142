// Looks at a server: can it be reached, is it what it should be, do we get in. Stops at the first thing that is not so.
import type { EndpointConditionUpdate, VaultEndpointSpec } from '../../resources/endpoint.ts';
import type { VaultClient } from '../../vault/client.ts';
import { VaultError } from '../../vault/errors.ts';
import { type Health, hasNamespaces, namespaceExists, readHealth } from '../../vault/health.ts';
import type { SessionState } from '../../vault/session.ts';
import type { VaultConnection } from '../runtime/vault-registry.ts';
import { authenticated, isDenial, reachable, supported, unreachable } from './conditions.ts';
import { CredentialMissing, type Material } from './credentials.ts';

export interface View {
  /** Of Reachable, Supported and Authenticated. */
  readonly findings: readonly EndpointConditionUpdate[];
  readonly health: Health | undefined;
  /** Undefined: nothing was seen that allows a judgement. */
  readonly capabilities: readonly string[] | undefined;
  readonly token: SessionState | undefined;
  /** How long the server asked us to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

/** Sees everything that can be seen now; throws only what is neither the server's doing nor that of a missing credential. */
export async function lookAt(
  spec: VaultEndpointSpec,
  material: Material,
  { client, session }: VaultConnection,
  now: number,
  signal: AbortSignal,
): Promise<View> {
  const seen: { -readonly [Part in keyof View]?: View[Part] } = {};
  const view = (...findings: readonly EndpointConditionUpdate[]): View => ({
    health: undefined,
    capabilities: undefined,
    token: undefined,
    retryAfterMs: undefined,
    ...seen,
    findings: complete(findings),
  });
  if (material.caProblem !== undefined) return view(reachable('CAMissing', material.caProblem));
  try {
    const health = await readHealth(client, signal);
    seen.health = health;
    const trouble = troubleOf(health);
    if (trouble) return view(trouble);
    const connected = reachable('Connected', `${spec.address} answers: ${health.product} ${health.version}.`);
    if (spec.product !== 'Auto' && spec.product !== health.product)
      return view(connected, supported('ProductMismatch', `The spec says ${spec.product}, and ${health.product} answers.`));
    const { keepsApart, exists } = await namespaces(spec.namespace, client, health, signal);
    seen.capabilities = keepsApart ? ['Namespaces'] : [];
    if (spec.namespace !== '' && !keepsApart)
      return view(connected, supported('NamespacesUnsupported', withoutNamespaces(spec.namespace, health)));
    const detected = supported('Detected', `${health.product} ${health.version}.`);
    if (!exists) return view(connected, detected, authenticated('NamespaceMissing', withoutNamespace(spec.namespace)));
    if (material.credentialProblem !== undefined)
      return view(connected, detected, authenticated('CredentialMissing', `${material.credentialProblem}.`));
    try {
      const token = await session.ready();
      seen.token = token;
      return view(connected, detected, tokenFinding(spec, token, now));
    } catch (error) {
      if (error instanceof CredentialMissing)
        return view(connected, detected, authenticated('CredentialMissing', `${error.message}.`));
      if (error instanceof VaultError && isDenial(error))
        return view(connected, detected, authenticated('LoginDenied', `${error.message}. ${advice(spec)}`));
      throw error;
    }
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    seen.retryAfterMs = error.retryAfterMs;
    return view(unreachable(error));
  }
}

interface Namespaces {
  readonly keepsApart: boolean;
  /** The one that is meant. */
  readonly exists: boolean;
}

/** What was proven stays so while the same server of the same version answers. */
const proofs = new WeakMap<VaultClient, { readonly of: string; readonly proof: Namespaces }>();

const namespaces = async (name: string, client: VaultClient, health: Health, signal: AbortSignal): Promise<Namespaces> => {
  const of = `${health.clusterID} ${health.version}`;
  const known = proofs.get(client);
  if (known?.of === of) return known.proof;
  const keepsApart = await hasNamespaces(client, signal);
  const exists = keepsApart ? await namespaceExists(client, name, signal) : name === '';
  if (exists) proofs.set(client, { of, proof: { keepsApart, exists } });
  return { keepsApart, exists };
};

/** What was not looked at because of something before it is unknown. */
const complete = (findings: readonly EndpointConditionUpdate[]): readonly EndpointConditionUpdate[] => {
  const types = new Set(findings.map(({ type }) => type));
  return [
    ...findings,
    ...(types.has('Supported') ? [] : [supported('NotReached', 'The server could not be asked.')]),
    ...(types.has('Authenticated') ? [] : [authenticated('NotReached', 'There was no attempt to log in.')]),
  ];
};

const troubleOf = (health: Health): EndpointConditionUpdate | undefined => {
  if (!health.initialized) return reachable('Uninitialized', 'The server answers, but was never initialized ("operator init").');
  if (health.sealed) return reachable('Sealed', 'The server answers, but is sealed: unseal it. Nothing is lost meanwhile.');
  if (health.disasterRecovery)
    return reachable(
      'Standby',
      'A standby for disaster recovery answers, which serves nothing: give the address of the primary.',
    );
  return undefined;
};

const withoutNamespaces = (namespace: string, { product, version }: Health): string =>
  `${product} ${version} knows no namespaces and would do in its root what is meant for ${namespace}: leave spec.namespace empty, or use a server that has namespaces.`;

const withoutNamespace = (namespace: string): string =>
  `The server has no namespace ${namespace}: create it, or correct spec.namespace.`;

/** A token that nobody renews, or whose renewals fail, is announced while there is time. */
const tokenFinding = (
  spec: VaultEndpointSpec,
  { expiresAt, leaseSeconds, renewable }: SessionState,
  now: number,
): EndpointConditionUpdate => {
  const given = spec.auth.token ? ' This is a given token, meant for development and for a first installation.' : '';
  if (expiresAt === undefined) return authenticated('LoggedIn', `Logged in; the token does not expire.${given}`);
  const left = expiresAt - now;
  const isLate = left < leaseSeconds * 1000 * LAST_PART;
  const isDoomed = spec.auth.token !== undefined && !renewable && left < DAY_MS;
  const end = new Date(expiresAt).toISOString();
  return isLate || isDoomed
    ? authenticated('TokenExpiring', `The token ends at ${end} and is not renewed.${given} ${advice(spec)}`)
    : authenticated('LoggedIn', `Logged in.${given}`);
};

/** Renewals are tried from two thirds of a lease on. */
const LAST_PART = 0.2;
const DAY_MS = 86_400_000;

/** What to look at when a way to log in does not work. */
const advice = ({ auth: { kubernetes, jwt, appRole, cert } }: VaultEndpointSpec): string => {
  const service = kubernetes ?? jwt;
  if (service)
    return `Check that auth/${service.mount} is mounted and configured, and that its role ${service.role} admits this service account${service.audience === undefined ? '' : ` and the audience ${service.audience}`}.`;
  if (appRole) return `Check that auth/${appRole.mount} is mounted, the role ID, and that the secret ID has not expired.`;
  if (cert) return `Check that auth/${cert.mount} is mounted and has a certificate role that admits this client certificate.`;
  return 'Put a valid token into the Secret; a periodic orphan token with just the rights that are needed is best.';
};
