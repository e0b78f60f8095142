// Self-managed TLS: one CA in a Secret for all replicas, a leaf per replica in memory, and the caBundle in the webhook
// configuration. A round reads both, takes the due steps of the CA, publishes and renews.
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../kube/client.ts';
import { readWebhookConfiguration, untilChanged, type WebhookConfiguration } from '../kube/webhook-configuration.ts';
import { jittered } from '../net/backoff.ts';
import { type CaState, twoThirdsOf } from './ca-state.ts';
import { ensureCa, type EnsuredCa } from './ca-store.ts';
import { issueLeaf } from './issue.ts';
import { desiredBundle } from './bundle.ts';
import { type TlsLog, validity } from './files.ts';
import { backdateOf, type CaPolicy } from './lifetimes.ts';
import { hostsOf } from './own-registration.ts';
import { bundlesOf, trustProblem, isPublished, isTrustedBy, publishCaBundle } from './publication.ts';
import { repeat, type RoundOutcome } from './repeat.ts';
import { type CertificateSource, holder, type ServingCertificate } from './source.ts';

export interface SelfManagedOptions {
  readonly client: KubeClient;
  /** The MutatingWebhookConfiguration whose entries get the caBundle. */
  readonly configuration: string;
  /** Namespace of the Secret: that of this pod. */
  readonly namespace: string;
  readonly secretName: string;
  /** DNS names and IP addresses of the certificate, besides those by which the configuration calls this namespace. */
  readonly hosts: readonly string[];
  readonly log: TlsLog;
  readonly policy: CaPolicy;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Resync interval: two small reads of the API server. Short enough to renew a short-lived leaf in time. */
  readonly everyMs?: number;
  /** How long after the start no valid CA is removed from the bundles: pods from before an upgrade may still serve. */
  readonly graceMs?: number;
}

/**
 * Returns at once; there is a certificate as soon as the CA has been read or created. Retries until closed: without an API
 * server it waits, and renews the leaf from the CA in memory.
 */
export function selfManagedSource(options: SelfManagedOptions): CertificateSource {
  const {
    client,
    configuration: name,
    hosts,
    log,
    policy,
    now = Date.now,
    everyMs = Math.min(30_000, options.policy.leafLifeMs / 12),
    graceMs = 600_000,
  } = options;
  const held = holder();
  const startedAt = now();
  let leaf: Leaf | undefined;
  let ensured: EnsuredCa | undefined;
  /** As last read; stays while the API server is unavailable. */
  let live: WebhookConfiguration | 'absent' | undefined;
  let failures: readonly string[] = [];
  /** Why the last watch failed. */
  let watchError: string | undefined;

  const isTrusted = (certificate: string): boolean => typeof live === 'object' && isTrustedBy(live, certificate);

  const round = async (signal: AbortSignal): Promise<RoundOutcome> => {
    const errors: string[] = [];
    let changed = false;
    const attempt = async (work: () => void | Promise<void>): Promise<boolean> => {
      try {
        await work();
        return true;
      } catch (error) {
        errors.push(error instanceof Error ? error.message : String(error));
        return false;
      }
    };
    // The configuration is read before the Secret, and replaced only in the version that was read: so no replica publishes a
    // bundle that is older than the current one.
    const isRead = await attempt(async () => {
      live = (await readWebhookConfiguration(client, name, signal)) ?? 'absent';
    });
    const isEnsured = await attempt(async () => {
      use(await ensureCa({ ...options, policy }, { now: now(), cached: ensured?.ca, isPublished: isTrusted }, signal));
    });
    if (isRead && isEnsured) {
      await attempt(async () => {
        changed = await publish(signal);
      });
    }
    await attempt(renew);
    if (signal.aborted) return 'failed';
    report([...new Set(errors)]);
    if (errors.length > 0) return 'failed';
    return changed ? 'changed' : 'unchanged';
  };

  const use = (fresh: EnsuredCa): void => {
    if (fresh.refusal !== undefined && ensured?.refusal === undefined) {
      log.warn(
        { problem: fresh.refusal },
        'access to the CA Secret denied, keeping the CA in memory: each restart publishes a new one',
      );
    }
    ensured = fresh;
  };

  const publish = async (signal: AbortSignal): Promise<boolean> => {
    if (!ensured || typeof live !== 'object') return false;
    const since = now() - startedAt;
    const rule = { now: now(), keepAll: since >= 0 && since < graceMs, keepOurs: ensured.refusal !== undefined };
    const bundle = desiredBundle(ensured.ca, bundlesOf(live), rule);
    if (isPublished(live, bundle)) return false;
    const published = await publishCaBundle(client, live, bundle, signal);
    if (published) {
      live = published;
      log.info({ configuration: name, entries: live.entries.length }, 'published the caBundle');
    }
    return true;
  };

  const renew = (): void => {
    const names = [
      ...new Set([...hosts, ...(typeof live === 'object' ? hostsOf(live, options.namespace) : (leaf?.hosts ?? []))]),
    ];
    if (!ensured || names.length === 0) return;
    if (names.every((name) => leaf?.hosts.includes(name)) && !leafIsDue(leaf, ensured.ca, now(), isTrusted)) return;
    leaf = signLeaf(ensured.ca, names, now(), policy);
    held.replace(leaf);
    log.info({ hosts: names, notAfter: leaf.notAfter }, 'issued a serving certificate');
  };

  const report = (errors: readonly string[]): void => {
    if (errors.length > 0 && errors.join() !== failures.join())
      log.warn({ problems: errors }, 'cannot reconcile the serving certificate and its caBundle, retrying');
    if (errors.length === 0 && failures.length > 0) log.info({}, 'serving certificate and caBundle reconciled again');
    failures = errors;
  };

  const whyNoLeaf = (): string => {
    if (!ensured || live === undefined) return 'there is no certificate yet';
    if (live === 'absent') return trustProblem(name, live, '') ?? '';
    return `there is no certificate: no entry of the MutatingWebhookConfiguration ${name} calls a Service in the namespace ${options.namespace}, and -tls-auto-hosts is empty`;
  };

  const problem = (): string | undefined => {
    if (!leaf) return whyNoLeaf();
    const invalid = validity({ validFrom: leaf.notBefore.toISOString(), validTo: leaf.notAfter.toISOString() }, now());
    if (invalid !== undefined) return invalid;
    return live === undefined
      ? `the MutatingWebhookConfiguration ${name} has not been read yet`
      : trustProblem(name, live, leaf.signer);
  };

  const idle = async (signal: AbortSignal): Promise<void> => {
    const wait = jittered(everyMs);
    const resourceVersion = typeof live === 'object' ? live.resourceVersion : undefined;
    try {
      await untilChanged(client, { name, resourceVersion }, wait / 1000, signal);
      watchError = undefined;
    } catch (error) {
      if (signal.aborted) return;
      const text = error instanceof Error ? error.message : String(error);
      if (text !== watchError) log.warn({ problem: text }, 'watch of the MutatingWebhookConfiguration failed, polling');
      watchError = text;
      await sleep(Math.min(wait, POLL_MS), undefined, { signal });
    }
  };

  const repetition = repeat({ round, idle });
  return {
    current: held.current,
    onChange: held.onChange,
    problem() {
      const text = problem();
      return text === undefined ? undefined : [text, ...failures].join('; ');
    },
    close: () => repetition.close(),
  };
}

/** Poll interval while the watch fails. */
const POLL_MS = 5000;

interface Leaf extends ServingCertificate {
  /** The names and addresses that it is valid for. */
  readonly hosts: readonly string[];
  /** PEM of the CA certificate that signed it. */
  readonly signer: string;
  readonly notBefore: Date;
}

/**
 * True when a new leaf is due: after two thirds of its lifetime, when it is not valid by the clock, and when the CA has
 * changed; then only once the new CA is trusted, or when the old one is not trusted any more.
 */
function leafIsDue(
  leaf: Leaf | undefined,
  { current }: CaState,
  now: number,
  isTrusted: (certificate: string) => boolean,
): boolean {
  if (!leaf) return true;
  const life = { notBefore: leaf.notBefore.getTime(), notAfter: leaf.notAfter.getTime() };
  if (now < life.notBefore || now >= life.notAfter) return true;
  if (leaf.signer !== current.certificate) return isTrusted(current.certificate) || !isTrusted(leaf.signer);
  return now >= twoThirdsOf(life);
}

/** A leaf for these DNS names and IP addresses that does not outlive its CA. */
function signLeaf({ current }: CaState, hosts: readonly string[], now: number, policy: CaPolicy): Leaf {
  const notBefore = new Date(now - backdateOf(policy.leafLifeMs));
  const notAfter = new Date(Math.min(now + policy.leafLifeMs, current.notAfter));
  const { certificate, key } = issueLeaf({
    ca: current,
    commonName: 'vault-auth-injector',
    dnsNames: hosts.filter((host) => isIP(host) === 0),
    ipAddresses: hosts.filter((host) => isIP(host) !== 0),
    usages: ['server'],
    notBefore,
    notAfter,
  });
  return { certificate, key, hosts, notBefore, notAfter, signer: current.certificate };
}
