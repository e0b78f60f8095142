// The credentials of an endpoint: CA, client certificate, and what a login requires, read again at each login.
import { createHash, X509Certificate } from 'node:crypto';
import { isKubeError } from '../../kube/errors.ts';
import { readValue } from '../../kube/secret-objects.ts';
import { requestToken } from '../../kube/tokens.ts';
import { MAX_PEM_LENGTH } from '../../resources/common-fields.ts';
import type { VaultEndpointSpec } from '../../resources/endpoint.ts';
import type { VaultTLS } from '../../vault/client.ts';
import type { Login } from '../../vault/login.ts';
import { readGivenCA } from '../ca-certificates.ts';
import type { ControllerKube } from '../runtime/context.ts';

/** A credential is missing or unreadable. The message names it, and never contains it. */
export class CredentialMissing extends Error {}

export interface Credentials {
  readonly tls: VaultTLS;
  readonly login: Login;
  /** A digest: another one requires another connection. */
  readonly identity: string;
  /** Why there is no CA to verify the server with. */
  readonly caProblem: string | undefined;
  /** Why there is no credential to log in with. */
  readonly credentialProblem: string | undefined;
  /** PEM of the CA for pods; undefined if it is unknown, inline in the spec, or that of the pods' system. */
  readonly workloadCA: string | undefined;
  /** When the client certificate expires, in milliseconds since 1970. */
  readonly certificateExpiresAt: number | undefined;
}

type Reader = Pick<ControllerKube, 'client' | 'namespace' | 'serviceAccount'>;

/** Reads what an endpoint refers to, in the controller's namespace. Throws a KubeError if the API server does not answer. */
export async function readCredentials(context: Reader, spec: VaultEndpointSpec, signal: AbortSignal): Promise<Credentials> {
  const ca = await readGivenCA(context, spec.tls.ca ?? {}, signal);
  const workloadCA = spec.workloadCA ? await readGivenCA(context, spec.workloadCA, signal) : ca;
  const isInline = (spec.workloadCA ?? spec.tls.ca)?.inline !== undefined;
  const pair = await readPair(context, spec.tls.clientCert?.secretRef.name, signal);
  const stored = await readStored(context, spec.auth, signal);
  const tls: VaultTLS = {
    ca: ca.state === 'found' && ca.pem !== '' ? ca.pem : undefined,
    certificate: pair.certificate,
    key: pair.key,
    serverName: spec.tls.serverName,
  };
  return {
    tls,
    login: loginOf(context, spec.auth),
    identity: digest([spec.address, spec.namespace, spec.limits, spec.auth, tls, stored.version]),
    caProblem: ca.state === 'found' ? undefined : ca.message,
    credentialProblem: pair.problem ?? stored.problem,
    workloadCA: workloadCA.state === 'found' && !isInline ? certificatesIn(workloadCA.pem) : undefined,
    certificateExpiresAt: pair.expiresAt,
  };
}

/** Only the certificates: a private key in the same Secret must not get into a status that every user can read. */
const certificatesIn = (pem: string): string | undefined => {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const text = blocks.map((block) => `${block}\n`).join('');
  return text === '' || text.length > MAX_PEM_LENGTH ? undefined : text;
};

interface Pair {
  readonly certificate?: string;
  readonly key?: string;
  readonly expiresAt?: number;
  readonly problem?: string;
}

/** The client certificate: a Secret of type kubernetes.io/tls. */
const readPair = async (context: Reader, name: string | undefined, signal: AbortSignal): Promise<Pair> => {
  if (name === undefined) return {};
  const { client, namespace } = context;
  const read = (key: string) => readValue(client, { kind: 'Secret', namespace, name, key }, signal);
  const certificate = await read('tls.crt');
  if (certificate.state !== 'found') return { problem: certificate.message };
  const key = await read('tls.key');
  if (key.state !== 'found') return { problem: key.message };
  try {
    const expiresAt = Date.parse(new X509Certificate(certificate.text).validTo);
    return { certificate: certificate.text, key: key.text, expiresAt };
  } catch {
    return { problem: `tls.crt of the Secret ${namespace}/${name} contains no PEM certificate` };
  }
};

/** The version of the login's Secret: a new one requires a new session. */
const readStored = async (
  context: Reader,
  { appRole, token }: VaultEndpointSpec['auth'],
  signal: AbortSignal,
): Promise<{ readonly version?: string; readonly problem?: string }> => {
  const reference = appRole?.secretIdRef ?? token?.secretRef;
  if (!reference) return {};
  const reading = await readValue(context.client, { kind: 'Secret', namespace: context.namespace, ...reference }, signal);
  return reading.state === 'found' ? { version: reading.resourceVersion } : { problem: reading.message };
};

const loginOf = (context: Reader, { kubernetes, jwt, appRole, cert, token }: VaultEndpointSpec['auth']): Login => {
  const service = kubernetes ?? jwt;
  if (service)
    return {
      method: kubernetes ? 'kubernetes' : 'jwt',
      mount: service.mount,
      role: service.role,
      jwt: () => serviceToken(context, service),
    };
  if (appRole)
    return {
      method: 'approle',
      mount: appRole.mount,
      roleId: appRole.roleId,
      secretId: () => secretText(context, appRole.secretIdRef),
    };
  if (cert) return { method: 'cert', mount: cert.mount, role: cert.role };
  return {
    method: 'token',
    token: () => (token ? secretText(context, token.secretRef) : Promise.reject(new CredentialMissing('spec.auth has no login'))),
  };
};

type ServiceLogin = NonNullable<VaultEndpointSpec['auth']['kubernetes']>;

/** A token of a service account in our namespace, for this one login. */
const serviceToken = async (
  context: Reader,
  { serviceAccountName, audience, expirationSeconds }: ServiceLogin,
): Promise<string> => {
  const { client, namespace, serviceAccount } = context;
  const name = serviceAccountName ?? serviceAccount;
  try {
    const audiences = audience === undefined ? [] : [audience];
    return (await requestToken(client, namespace, name, { audiences, expirationSeconds })).token;
  } catch (error) {
    if (isKubeError(error, 'NotFound', 'Forbidden', 'Invalid', 'BadRequest'))
      throw new CredentialMissing(`no token of the service account ${namespace}/${name}: ${error.message}`, { cause: error });
    throw error;
  }
};

const secretText = async (
  { client, namespace }: Reader,
  reference: { readonly name: string; readonly key: string },
): Promise<string> => {
  const reading = await readValue(client, { kind: 'Secret', namespace, ...reference });
  if (reading.state !== 'found') throw new CredentialMissing(reading.message);
  // A Secret that was created from a file ends with a line feed.
  return reading.text.trim();
};

const digest = (parts: readonly unknown[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('base64');
