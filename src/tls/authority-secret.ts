// The authority as a Secret that people can read: PEM under plain names, and the dates of a rotation beside them.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Secret } from '../kube/secret-objects.ts';
import { type Authority, type DatedPair, trusted } from './authority-state.ts';
import type { KeyPair } from './issue.ts';

/** Marks a Secret as ours. Without it we never write to one. */
export const OWNER_LABEL = { name: 'vaultauth.dev/component', value: 'certificate-authority' } as const;

export type ReadAuthority =
  | { readonly kind: 'authority'; readonly authority: Authority }
  /** Carries our label and no usable authority: may be replaced. */
  | { readonly kind: 'damaged'; readonly problem: string }
  /** Somebody else's. */
  | { readonly kind: 'foreign' };

/**
 * The Secret of an authority, type Opaque. Keys: `ca.crt` and `ca.key` sign; `next.crt` and `next.key` are to sign after
 * the rotation under way; `bundle.crt` is all that is to be trusted; `state.json` has the dates of the rotation.
 * What the Secret has besides (labels, annotations, resourceVersion) is kept.
 */
export function toSecret(authority: Authority, base: Secret): Secret {
  const { current, next, former } = authority;
  const texts: Record<string, string> = {
    'ca.crt': current.certificate,
    'ca.key': current.key,
    ...(next ? { 'next.crt': next.pair.certificate, 'next.key': next.pair.key } : {}),
    'bundle.crt': trusted(authority).join(''),
    'state.json': JSON.stringify({ ...(next ? { nextSince: next.since } : {}), former }),
  };
  return {
    ...base,
    metadata: { ...base.metadata, labels: { ...base.metadata.labels, [OWNER_LABEL.name]: OWNER_LABEL.value } },
    type: base.type ?? 'Opaque',
    data: Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
  };
}

/** What is in a Secret. Every certificate is checked against its key. */
export function fromSecret({ metadata, data = {} }: Secret): ReadAuthority {
  if (metadata.labels?.[OWNER_LABEL.name] !== OWNER_LABEL.value) return { kind: 'foreign' };
  const text = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString();
  try {
    const state = stateOf(text('state.json'));
    const next =
      data['next.crt'] === undefined
        ? undefined
        : { pair: dated({ certificate: text('next.crt'), key: text('next.key') }), since: state.nextSince };
    return {
      kind: 'authority',
      authority: { current: dated({ certificate: text('ca.crt'), key: text('ca.key') }), next, former: state.former },
    };
  } catch (error) {
    return { kind: 'damaged', problem: error instanceof Error ? error.message : String(error) };
  }
}

/** A pair with the dates of its certificate. Throws when they do not belong together or it is no authority. */
export function dated({ certificate, key }: KeyPair): DatedPair {
  const parsed = new X509Certificate(certificate);
  if (!parsed.ca) throw new Error('the certificate is none of an authority');
  if (!parsed.checkPrivateKey(createPrivateKey(key))) throw new Error('the key does not belong to the certificate');
  return { certificate, key, notBefore: Date.parse(parsed.validFrom), notAfter: Date.parse(parsed.validTo) };
}

interface State {
  readonly nextSince: number;
  readonly former: Authority['former'];
}

const stateOf = (json: string): State => {
  const { nextSince = 0, former = [] }: { nextSince?: unknown; former?: unknown } = JSON.parse(json);
  if (typeof nextSince !== 'number' || !Array.isArray(former) || !former.every(isFormer))
    throw new Error('state.json has another shape');
  // Each must be readable, for one broken certificate in it makes the whole caBundle invalid.
  if (!former.every(({ certificate }) => new X509Certificate(certificate).ca))
    throw new Error('state.json has a certificate that is none of an authority');
  return { nextSince, former };
};

const isFormer = (value: unknown): value is Authority['former'][number] =>
  typeof value === 'object' &&
  value !== null &&
  'certificate' in value &&
  typeof value.certificate === 'string' &&
  'until' in value &&
  typeof value.until === 'number';
