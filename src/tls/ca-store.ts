// The Secret of the self-managed CA: reading, writing, and taking the due steps so that all replicas agree on one CA. The replica
// that writes first wins; the others use what it wrote.
import { X509Certificate } from 'node:crypto';
import type { KubeClient } from '../kube/client.ts';
import { isKubeError } from '../kube/errors.ts';
import { createSecret, readSecret, replaceSecret, type Secret } from '../kube/secret-objects.ts';
import { CA_NAMES, type CaChange, type CaState, type CaStepInput, dated, nextChange, trusted } from './ca-state.ts';
import type { TlsLog } from './files.ts';
import type { CaPolicy } from './lifetimes.ts';

export interface CaStoreOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly secretName: string;
  readonly policy: CaPolicy;
  readonly log: TlsLog;
}

export interface EnsuredCa {
  readonly ca: CaState;
  /** The API server's message that denies access to the Secret, so that the CA is in memory only; undefined when it is stored. */
  readonly refusal: string | undefined;
}

/**
 * Reads the Secret and takes the due steps until none is left. Throws a KubeError, or an Error when the Secret lacks the
 * owner label or others keep changing it. A Secret that was deleted or damaged is written again from memory, with a
 * successor announced: deleting it requests a rotation. Without RBAC for the Secret (the vault-helm chart grants it only
 * with two or more replicas) the CA stays in memory.
 */
export async function ensureCa(options: CaStoreOptions, moment: CaStepInput, signal: AbortSignal): Promise<EnsuredCa> {
  let stored: CaState | undefined;
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const { secret, ...read } = await readStored(options, signal);
      stored = read.ca;
      const due = nextChange(stored, moment, options.policy, CA_NAMES.secret);
      if (due.step === 'none') return { ca: due.ca, refusal: undefined };
      await write(options, { secret, due, damage: read.damage }, signal);
    }
  } catch (error) {
    if (!isKubeError(error, 'Forbidden')) throw error;
    return { ca: stored ?? inMemory(moment, options.policy), refusal: error.message };
  }
  throw new Error(`the Secret ${options.namespace}/${options.secretName} keeps changing`);
}

const ATTEMPTS = 8;

interface Stored {
  readonly secret: Secret | undefined;
  readonly ca: CaState | undefined;
  /** Why the Secret has no usable CA although it has the owner label. */
  readonly damage: string | undefined;
}

const readStored = async ({ client, namespace, secretName }: CaStoreOptions, signal: AbortSignal): Promise<Stored> => {
  const secret = await readSecret(client, namespace, secretName, signal);
  if (!secret) return { secret, ca: undefined, damage: undefined };
  const parsed = fromSecret(secret);
  if (parsed.kind === 'foreign') {
    const label = `${OWNER_LABEL.name}=${OWNER_LABEL.value}`;
    throw new Error(
      `the Secret ${namespace}/${secretName} lacks the label ${label}: delete it, or set another name with -tls-secret-name`,
    );
  }
  if (parsed.kind === 'damaged') return { secret, ca: undefined, damage: parsed.problem };
  return { secret, ca: parsed.ca, damage: undefined };
};

/** Replaces only the version that was read: of several replicas one succeeds, and the others read again. */
const write = async (
  { client, namespace, secretName, log }: CaStoreOptions,
  { secret, due, damage }: { readonly secret: Secret | undefined; readonly due: CaChange; readonly damage: string | undefined },
  signal: AbortSignal,
): Promise<void> => {
  const base: Secret = secret ?? { metadata: { name: secretName, namespace } };
  const written = await (secret ? replaceSecret : createSecret)(client, toSecret(due.ca, base), signal);
  const fields = { secret: `${namespace}/${secretName}`, step: due.step, ...(damage === undefined ? {} : { damage }) };
  if (written && due.step !== 'none') log.info(fields, SENTENCES[due.step]);
};

const SENTENCES: Readonly<Record<Exclude<CaChange['step'], 'none'>, string>> = {
  create: 'created the CA',
  restore: 'restored the CA Secret from memory and announced a successor',
  announce: 'created the next CA, which signs once its certificate is published',
  switch: 'switched to the next CA',
  drop: 'removed a previous CA',
};

/** Each start of a replica leaves one such CA in the bundle until it expires, so its lifetime is as short as rotation allows. */
const inMemory = (moment: CaStepInput, policy: CaPolicy): CaState => {
  const shortLived = { ...policy, caLifeMs: Math.min(policy.caLifeMs, 2 * policy.leafLifeMs) };
  let ca = moment.cached;
  for (;;) {
    const due = nextChange(ca, { ...moment, cached: undefined }, shortLived, CA_NAMES.memory);
    if (due.step === 'none') return due.ca;
    ca = due.ca;
  }
};

/** Label of the Secret. A Secret without it is never written. */
export const OWNER_LABEL = { name: 'vaultauth.dev/component', value: 'certificate-authority' } as const;

export type CaFromSecret =
  | { readonly kind: 'ca'; readonly ca: CaState }
  /** Has the label and no usable CA: may be replaced. */
  | { readonly kind: 'damaged'; readonly problem: string }
  /** Without the label. */
  | { readonly kind: 'foreign' };

/**
 * The Secret of a CA, type Opaque. Keys: `ca.crt` and `ca.key` sign; `next.crt` and `next.key` sign after the rotation in
 * progress; `bundle.crt` is everything to trust; `state.json` has the dates of the rotation. Labels, annotations and the
 * resourceVersion of `base` are kept.
 */
export function toSecret(ca: CaState, base: Secret): Secret {
  const { current, next, former } = ca;
  const texts: Record<string, string> = {
    'ca.crt': current.certificate,
    'ca.key': current.key,
    ...(next ? { 'next.crt': next.pair.certificate, 'next.key': next.pair.key } : {}),
    'bundle.crt': trusted(ca).join(''),
    'state.json': JSON.stringify({ ...(next ? { nextSince: next.since } : {}), former }),
  };
  return {
    ...base,
    metadata: { ...base.metadata, labels: { ...base.metadata.labels, [OWNER_LABEL.name]: OWNER_LABEL.value } },
    type: base.type ?? 'Opaque',
    data: Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
  };
}

/** Parses a Secret. Every certificate is checked against its key. */
export function fromSecret({ metadata, data = {} }: Secret): CaFromSecret {
  if (metadata.labels?.[OWNER_LABEL.name] !== OWNER_LABEL.value) return { kind: 'foreign' };
  const text = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString();
  try {
    const state = stateOf(text('state.json'));
    const next =
      data['next.crt'] === undefined
        ? undefined
        : { pair: dated({ certificate: text('next.crt'), key: text('next.key') }), since: state.nextSince };
    return {
      kind: 'ca',
      ca: { current: dated({ certificate: text('ca.crt'), key: text('ca.key') }), next, former: state.former },
    };
  } catch (error) {
    return { kind: 'damaged', problem: error instanceof Error ? error.message : String(error) };
  }
}

interface State {
  readonly nextSince: number;
  readonly former: CaState['former'];
}

const stateOf = (json: string): State => {
  const { nextSince = 0, former = [] }: { nextSince?: unknown; former?: unknown } = JSON.parse(json);
  if (typeof nextSince !== 'number' || !Array.isArray(former) || !former.every(isFormer))
    throw new Error('state.json is invalid');
  // One invalid certificate would make the whole caBundle invalid.
  if (!former.every(({ certificate }) => new X509Certificate(certificate).ca))
    throw new Error('state.json has a certificate that is not a CA certificate');
  return { nextSince, former };
};

const isFormer = (value: unknown): value is CaState['former'][number] =>
  typeof value === 'object' &&
  value !== null &&
  'certificate' in value &&
  typeof value.certificate === 'string' &&
  'until' in value &&
  typeof value.until === 'number';
