// What it takes to connect to a server and to log in: certificates, and credentials that are read at each login.
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

/** A credential is not there, or not to be had; says which and why, without any of its text. */
export class CredentialMissing extends Error {}

export interface Material {
  readonly tls: VaultTLS;
  readonly login: Login;
  /** Changes with everything that was read; says nothing about it. */
  readonly identity: string;
  /** Why there is nobody to trust. */
  readonly caProblem: string | undefined;
  /** Why there is nothing to log in with. */
  readonly credentialProblem: string | undefined;
  /** PEM of whom pods are to trust; undefined where nothing of it is known, the spec holds it, or it is what their system trusts. */
  readonly workloadCA: string | undefined;
  /** When the client certificate ends, in milliseconds since 1970. */
  readonly certificateEndsAt: number | undefined;
}

type Reader = Pick<ControllerKube, 'client' | 'namespace' | 'serviceAccount'>;

/** Reads what an endpoint names, in our own namespace. Throws a KubeError when the API server cannot be asked. */
export async function gatherMaterial(context: Reader, spec: VaultEndpointSpec, signal: AbortSignal): Promise<Material> {
  const authority = await readGivenCA(context, spec.tls.ca ?? {}, signal);
  const ofWorkloads = spec.workloadCA ? await readGivenCA(context, spec.workloadCA, signal) : authority;
  const isInline = (spec.workloadCA ?? spec.tls.ca)?.inline !== undefined;
  const pair = await readPair(context, spec.tls.clientCert?.secretRef.name, signal);
  const stored = await readStored(context, spec.auth, signal);
  const tls: VaultTLS = {
    ca: authority.state === 'found' && authority.pem !== '' ? authority.pem : undefined,
    certificate: pair.certificate,
    key: pair.key,
    serverName: spec.tls.serverName,
  };
  return {
    tls,
    login: loginOf(context, spec.auth),
    identity: digest([spec.address, spec.namespace, spec.limits, spec.auth, tls, stored.version]),
    caProblem: authority.state === 'found' ? undefined : authority.message,
    credentialProblem: pair.problem ?? stored.problem,
    workloadCA: ofWorkloads.state === 'found' && !isInline ? certificatesIn(ofWorkloads.pem) : undefined,
    certificateEndsAt: pair.endsAt,
  };
}

/** Certificates and nothing else, whatever the Secret holds beside them: they are to be read by everybody. */
const certificatesIn = (pem: string): string | undefined => {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const text = blocks.map((block) => `${block}\n`).join('');
  return text === '' || text.length > MAX_PEM_LENGTH ? undefined : text;
};

interface Pair {
  readonly certificate?: string;
  readonly key?: string;
  readonly endsAt?: number;
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
    const endsAt = Date.parse(new X509Certificate(certificate.text).validTo);
    return { certificate: certificate.text, key: key.text, endsAt };
  } catch {
    return { problem: `tls.crt of the Secret ${namespace}/${name} holds no certificate in PEM` };
  }
};

/** Whether the Secret of a login is there; a new version of it means a new session. */
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
    token: () =>
      token ? secretText(context, token.secretRef) : Promise.reject(new CredentialMissing('no way to log in is given')),
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
  // Whoever makes a Secret from a file puts the line's end into it.
  return reading.text.trim();
};

const digest = (parts: readonly unknown[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('base64');
