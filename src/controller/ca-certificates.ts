// CA certificates as PEM text: those with which Vault verifies the API server, and those with which the controller verifies
// Vault.
import { X509Certificate } from 'node:crypto';
import { readValue } from '../kube/secret-objects.ts';
import type { CASource, ClusterCASource } from '../resources/common-fields.ts';
import type { ControllerKube } from './runtime/context.ts';

type Kube = Pick<ControllerKube, 'client' | 'namespace'>;

interface Sources extends Kube {
  /** CA certificates (PEM) with which the controller itself verifies the API server; undefined: those of its system. */
  readonly clusterCA: () => Promise<string | undefined>;
}

export type CACertificates =
  | { readonly state: 'found' /** Empty: the CA certificates of the server's system. */; readonly pem: string }
  | { readonly state: 'problem'; readonly reason: 'CAMissing' | 'InvalidCA' | 'UnsupportedByProduct'; readonly message: string };

/** CA certificates with which Vault verifies the API server. Throws a KubeError if a Secret or ConfigMap cannot be read. */
export async function readClusterCA(
  context: Sources,
  ca: ClusterCASource,
  product: 'Vault' | 'OpenBao',
  signal?: AbortSignal,
): Promise<CACertificates> {
  switch (ca.source) {
    case 'System':
      return product === 'OpenBao'
        ? {
            state: 'problem',
            reason: 'UnsupportedByProduct',
            message:
              'OpenBao cannot use the CA certificates of its system (kubernetes.ca.source System): use FromCluster or Given.',
          }
        : { state: 'found', pem: '' };
    case 'Given':
      return readGivenCA(context, ca, signal);
    case 'FromCluster':
      return readPublished(context, signal);
  }
}

/** CA certificates given inline or by reference; empty if neither is set. */
export async function readGivenCA(
  { client, namespace }: Kube,
  { inline, secretRef, configMapRef }: CASource,
  signal?: AbortSignal,
): Promise<CACertificates> {
  if (inline !== undefined) return validated(inline, 'the inline certificates');
  const reference = secretRef ?? configMapRef;
  if (!reference) return { state: 'found', pem: '' };
  const kind = secretRef ? 'Secret' : 'ConfigMap';
  const reading = await readValue(client, { kind, namespace, ...reference }, signal);
  return reading.state === 'found'
    ? validated(reading.text, `the ${kind} ${namespace}/${reference.name}`)
    : { state: 'problem', reason: 'CAMissing', message: `${capitalized(reading.message)}.` };
}

/** The controller manager writes this ConfigMap into each namespace; without it, the controller's own CA certificates. */
const readPublished = async ({ client, namespace, clusterCA }: Sources, signal?: AbortSignal): Promise<CACertificates> => {
  const name = 'kube-root-ca.crt';
  const reading = await readValue(client, { kind: 'ConfigMap', namespace, name, key: 'ca.crt' }, signal);
  const pem = reading.state === 'found' ? reading.text : await clusterCA();
  return pem === undefined
    ? {
        state: 'problem',
        reason: 'CAMissing',
        message: `The CA of the API server is unknown: ${reading.state === 'found' ? 'it is empty' : reading.message}. Set it with kubernetes.ca.source Given.`,
      }
    : validated(pem, `the ConfigMap ${namespace}/${name}`);
};

/** OpenBao accepts any text, and both products accept a PEM frame around anything: a wrong CA would show only at logins. */
const validated = (pem: string, source: string): CACertificates => {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  const invalid = (what: string): CACertificates => ({
    state: 'problem',
    reason: 'InvalidCA',
    message: `${capitalized(source)} ${what}; set the PEM text of the CA that signed the server's certificate.`,
  });
  if (blocks.length === 0) return invalid('contain no PEM certificate');
  const damaged = blocks.findIndex((block) => !isCertificate(block));
  return damaged < 0
    ? { state: 'found', pem }
    : invalid(`cannot be read: certificate ${damaged + 1} of ${blocks.length} is damaged`);
};

const isCertificate = (block: string): boolean => {
  try {
    return new X509Certificate(block).raw.length > 0;
  } catch {
    return false;
  }
};

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
