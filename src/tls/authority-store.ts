// Brings the Secret and all replicas to one authority: whoever writes first wins, everybody else takes what is there.
import type { KubeClient } from '../kube/client.ts';
import { isKubeError } from '../kube/errors.ts';
import { createSecret, readSecret, replaceSecret, type Secret } from '../kube/secret-objects.ts';
import { AUTHORITY_NAMES, type Change, change, type Moment } from './authority-change.ts';
import { fromSecret, OWNER_LABEL, toSecret } from './authority-secret.ts';
import type { Authority, AuthorityPolicy } from './authority-state.ts';
import type { TlsLog } from './files.ts';

export interface AuthorityStoreOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly secretName: string;
  readonly policy: AuthorityPolicy;
  readonly log: TlsLog;
}

export interface KeptAuthority {
  readonly authority: Authority;
  /** Why it is in the memory of this replica alone, in the API server's words; undefined when it is in the Secret. */
  readonly refusal: string | undefined;
}

/**
 * Reads the Secret and takes the steps that are due, until none is. Throws a KubeError, or an Error when the Secret is not
 * ours or others keep changing it. A Secret that went away or was damaged is written again from memory, with a successor
 * announced: so deleting it is the way to ask for a rotation. Where we have no right to the Secret (the vault-helm chart
 * grants it only with two or more replicas) the authority stays in memory.
 */
export async function convergeAuthority(
  options: AuthorityStoreOptions,
  moment: Moment,
  signal: AbortSignal,
): Promise<KeptAuthority> {
  let stored: Authority | undefined;
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const { secret, ...read } = await readStored(options, signal);
      stored = read.authority;
      const due = change(stored, moment, options.policy, AUTHORITY_NAMES.secret);
      if (due.step === 'rest') return { authority: due.authority, refusal: undefined };
      await write(options, { secret, due, damage: read.damage }, signal);
    }
  } catch (error) {
    if (!isKubeError(error, 'Forbidden')) throw error;
    return { authority: stored ?? inMemory(moment, options.policy), refusal: error.message };
  }
  throw new Error(`the Secret ${options.namespace}/${options.secretName} changes all the time`);
}

const ATTEMPTS = 8;

interface Stored {
  readonly secret: Secret | undefined;
  readonly authority: Authority | undefined;
  /** Why the Secret has no usable authority although it is ours. */
  readonly damage: string | undefined;
}

const readStored = async ({ client, namespace, secretName }: AuthorityStoreOptions, signal: AbortSignal): Promise<Stored> => {
  const secret = await readSecret(client, namespace, secretName, signal);
  if (!secret) return { secret, authority: undefined, damage: undefined };
  const known = fromSecret(secret);
  if (known.kind === 'foreign') {
    const label = `${OWNER_LABEL.name}=${OWNER_LABEL.value}`;
    throw new Error(
      `the Secret ${namespace}/${secretName} is not ours (no label ${label}): delete it, or choose another name with -tls-secret-name`,
    );
  }
  if (known.kind === 'damaged') return { secret, authority: undefined, damage: known.problem };
  return { secret, authority: known.authority, damage: undefined };
};

/** Writes only onto the version that was read, so that of several replicas one wins; the others read again. */
const write = async (
  { client, namespace, secretName, log }: AuthorityStoreOptions,
  { secret, due, damage }: { readonly secret: Secret | undefined; readonly due: Change; readonly damage: string | undefined },
  signal: AbortSignal,
): Promise<void> => {
  const base: Secret = secret ?? { metadata: { name: secretName, namespace } };
  const written = await (secret ? replaceSecret : createSecret)(client, toSecret(due.authority, base), signal);
  const fields = { secret: `${namespace}/${secretName}`, step: due.step, ...(damage === undefined ? {} : { damage }) };
  if (written && due.step !== 'rest') log.info(fields, SENTENCES[due.step]);
};

const SENTENCES: Readonly<Record<Exclude<Change['step'], 'rest'>, string>> = {
  create: 'made a certificate authority',
  restore: 'the Secret of the certificate authority was lost: wrote it again, with a successor',
  announce: 'made the next certificate authority, which signs once it is trusted everywhere',
  switch: 'the next certificate authority signs from now on',
  drop: 'dropped a former certificate authority',
};

/** Each start of a replica leaves one of these in the bundle until it expires, so they live no longer than rotation needs. */
const inMemory = (moment: Moment, policy: AuthorityPolicy): Authority => {
  const shortLived = { ...policy, authorityLifeMs: Math.min(policy.authorityLifeMs, 2 * policy.leafLifeMs) };
  let authority = moment.remembered;
  for (;;) {
    const due = change(authority, { ...moment, remembered: undefined }, shortLived, AUTHORITY_NAMES.memory);
    if (due.step === 'rest') return due.authority;
    authority = due.authority;
  }
};
