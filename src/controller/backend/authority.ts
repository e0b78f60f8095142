// The certificates that Vault is to trust when it calls the API server (or fetches keys), as PEM text.
import { X509Certificate } from 'node:crypto';
import { readValue } from '../../kube/secret-objects.ts';
import type { CASource, ClusterCASource } from '../../resources/common-fields.ts';
import type { ControllerKube } from '../context.ts';

type Kube = Pick<ControllerKube, 'client' | 'namespace'>;

/** Where certificates are looked for. */
interface Sources extends Kube {
  /** PEM that the controller itself trusts as API server; undefined: what its system trusts. */
  readonly clusterCA: () => Promise<string | undefined>;
}

export type AuthorityReading =
  | { readonly state: 'found' /** Empty: what the system of the server trusts. */; readonly pem: string }
  | { readonly state: 'problem'; readonly reason: 'CAMissing' | 'InvalidCA' | 'UnsupportedByProduct'; readonly message: string };

/** Whom Vault trusts as API server. Throws a KubeError when a Secret or ConfigMap cannot be asked for. */
export async function readClusterAuthority(
  context: Sources,
  wanted: ClusterCASource,
  product: 'Vault' | 'OpenBao',
  signal?: AbortSignal,
): Promise<AuthorityReading> {
  switch (wanted.source) {
    case 'System':
      return product === 'OpenBao'
        ? {
            state: 'problem',
            reason: 'UnsupportedByProduct',
            message:
              'OpenBao does not take the authorities of its system (kubernetes.ca.source System): use FromCluster or Given.',
          }
        : { state: 'found', pem: '' };
    case 'Given':
      return readGiven(context, wanted, signal);
    case 'FromCluster':
      return readPublished(context, signal);
  }
}

/** Certificates given inline or by reference; nothing given is what the system trusts. */
export async function readGiven(
  { client, namespace }: Kube,
  { inline, secretRef, configMapRef }: CASource,
  signal?: AbortSignal,
): Promise<AuthorityReading> {
  if (inline !== undefined) return checked(inline, 'the inline certificates');
  const reference = secretRef ?? configMapRef;
  if (!reference) return { state: 'found', pem: '' };
  const kind = secretRef ? 'Secret' : 'ConfigMap';
  const reading = await readValue(client, { kind, namespace, ...reference }, signal);
  return reading.state === 'found'
    ? checked(reading.text, `the ${kind} ${namespace}/${reference.name}`)
    : { state: 'problem', reason: 'CAMissing', message: `${capitalized(reading.message)}.` };
}

/** Every namespace has this ConfigMap where the controller manager runs; else what we ourselves trust. */
const readPublished = async ({ client, namespace, clusterCA }: Sources, signal?: AbortSignal): Promise<AuthorityReading> => {
  const name = 'kube-root-ca.crt';
  const reading = await readValue(client, { kind: 'ConfigMap', namespace, name, key: 'ca.crt' }, signal);
  const pem = reading.state === 'found' ? reading.text : await clusterCA();
  return pem === undefined
    ? {
        state: 'problem',
        reason: 'CAMissing',
        message: `The authority of the API server is not known: ${reading.state === 'found' ? 'it is empty' : reading.message}. Give it with kubernetes.ca.source Given.`,
      }
    : checked(pem, `the ConfigMap ${namespace}/${name}`);
};

/** OpenBao takes any text, and both take a frame around anything: so it is looked at here. */
const checked = (pem: string, place: string): AuthorityReading => {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  const invalid = (what: string): AuthorityReading => ({
    state: 'problem',
    reason: 'InvalidCA',
    message: `${capitalized(place)} ${what}; give the PEM text of the authority that signed the server's certificate.`,
  });
  if (blocks.length === 0) return invalid('hold no certificate in PEM');
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
