// Brings the Secret and all replicas to one authority: whoever writes first wins, everybody else takes what is there.
import type { KubeClient } from '../kube/client.ts';
import { createSecret, readSecret, replaceSecret, type Secret } from '../kube/secret.ts';
import { dated, fromSecret, OWNER_LABEL, toSecret } from './authority-secret.ts';
import {
  announced,
  type Authority,
  type AuthorityPolicy,
  created,
  type DatedPair,
  dropped,
  nextStep,
  type Step,
  switched,
} from './authority-state.ts';
import type { TlsLog } from './files.ts';
import { issueAuthority } from './issue.ts';

export interface AuthorityStoreOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly secretName: string;
  readonly policy: AuthorityPolicy;
  readonly log: TlsLog;
}

export interface Moment {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The authority that this replica knew until now. */
  readonly remembered: Authority | undefined;
  /** Does every entry of the live configuration trust this certificate? */
  readonly isPublished: (certificate: string) => boolean;
  readonly signal: AbortSignal;
}

/** Certificates start in the past, for clocks that are behind ours. */
export const BACKDATE_MS = 5 * 60_000;

/**
 * Reads the Secret and takes the steps that are due, until none is. Throws a KubeError, or an Error when the Secret is not
 * ours or others keep changing it. A Secret that went away or was damaged is written again from memory, with a successor
 * announced: so deleting it is the way to ask for a rotation.
 */
export const convergeAuthority = async (options: AuthorityStoreOptions, moment: Moment): Promise<Authority> => {
  const { client, namespace, secretName, policy, log } = options;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const secret = await readSecret(client, namespace, secretName, moment.signal);
    const known = secret && fromSecret(secret);
    if (known?.kind === 'foreign') throw new Error(foreign(namespace, secretName));
    const authority = known?.kind === 'authority' ? known.authority : undefined;
    const change = next(authority, moment, policy);
    if (change.step === 'rest') return change.authority;
    const base: Secret = secret ?? { metadata: { name: secretName, namespace } };
    const written = await (secret ? replaceSecret : createSecret)(client, toSecret(change.authority, base), moment.signal);
    const fields = {
      secret: `${namespace}/${secretName}`,
      step: change.step,
      ...(known?.kind === 'damaged' ? { damage: known.problem } : {}),
    };
    if (written) log.info(fields, SENTENCES[change.step]);
  }
  throw new Error(`the Secret ${namespace}/${secretName} changes all the time`);
};

const ATTEMPTS = 8;

interface Change {
  readonly step: Step | 'restore';
  readonly authority: Authority;
}

const SENTENCES: Readonly<Record<Exclude<Change['step'], 'rest'>, string>> = {
  create: 'made a certificate authority',
  restore: 'the Secret of the certificate authority was lost: wrote it again, with a successor',
  announce: 'made the next certificate authority, which signs once it is trusted everywhere',
  switch: 'the next certificate authority signs from now on',
  drop: 'dropped a former certificate authority',
};

const next = (authority: Authority | undefined, { now, remembered, isPublished }: Moment, policy: AuthorityPolicy): Change => {
  if (!authority && remembered && now < remembered.current.notAfter) {
    return { step: 'restore', authority: announced(remembered, fresh(now, policy), now) };
  }
  const step = nextStep(authority, now, isPublished, policy);
  if (step === 'create' || !authority) return { step: 'create', authority: created(fresh(now, policy)) };
  if (step === 'announce') return { step, authority: announced(authority, fresh(now, policy), now) };
  if (step === 'switch') return { step, authority: switched(authority, now, policy) };
  return { step, authority: step === 'drop' ? dropped(authority, now) : authority };
};

const fresh = (now: number, policy: AuthorityPolicy): DatedPair =>
  dated(
    issueAuthority({
      commonName: 'vault-auth-injector authority',
      notBefore: new Date(now - BACKDATE_MS),
      notAfter: new Date(now + policy.authorityLifeMs),
    }),
  );

const foreign = (namespace: string, name: string): string =>
  `the Secret ${namespace}/${name} is not ours (no label ${OWNER_LABEL.name}=${OWNER_LABEL.value}): delete it, or choose another name with -tls-secret-name`;
