// Self-managed TLS: one authority in a Secret for all replicas, a leaf of our own in memory, the caBundle kept right.
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../kube/client.ts';
import { readWebhookConfiguration, untilChanged, type WebhookConfiguration } from '../kube/webhook-configuration.ts';
import { jittered } from '../net/backoff.ts';
import { type AuthorityPolicy, USUAL_POLICY } from './authority-state.ts';
import { convergeAuthority, type KeptAuthority } from './authority-store.ts';
import { wantedBundle } from './bundle.ts';
import type { TlsLog } from './files.ts';
import { type Leaf, leafIsDue, signLeaf } from './leaf.ts';
import { validity } from './pair.ts';
import { bundlesOf, distrust, isPublished, isTrustedBy, publish } from './publication.ts';
import { repeat, type RoundOutcome } from './repeat.ts';
import { type CertificateSource, holder } from './source.ts';

export interface KeeperOptions {
  readonly client: KubeClient;
  /** The MutatingWebhookConfiguration whose entries are to trust us. */
  readonly configuration: string;
  /** Where the Secret of the authority is: our own namespace. */
  readonly namespace: string;
  readonly secretName: string;
  /** DNS names and IP addresses of the Service, at least one. */
  readonly hosts: readonly string[];
  readonly log: TlsLog;
  readonly policy?: AuthorityPolicy;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** How often everything is looked at although nothing was heard: two small reads of the API server. */
  readonly everyMs?: number;
  /** How long after the start nothing valid is taken from the bundles: whoever served before us may still do. */
  readonly graceMs?: number;
}

/**
 * Starts at once and returns at once; there is a certificate as soon as the API server has told us the authority. It
 * never gives up: without an API server it waits, and once it has a leaf it renews that from memory.
 */
export function keepCertificate(options: KeeperOptions): CertificateSource {
  const {
    client,
    configuration: name,
    hosts,
    log,
    policy = USUAL_POLICY,
    now = Date.now,
    everyMs = 30_000,
    graceMs = 600_000,
  } = options;
  if (hosts.length === 0) throw new Error('a self-managed certificate needs the names of the Service: set -tls-auto-hosts');
  const held = holder();
  const startedAt = now();
  let leaf: Leaf | undefined;
  let kept: KeptAuthority | undefined;
  /** As it was last read; it stays when the API server is away. */
  let live: WebhookConfiguration | 'absent' | undefined;
  let faults: readonly string[] = [];
  /** Why the last watch failed. */
  let deaf: string | undefined;

  const isTrusted = (certificate: string): boolean => typeof live === 'object' && isTrustedBy(live, certificate);

  const round = async (signal: AbortSignal): Promise<RoundOutcome> => {
    const trouble: string[] = [];
    let changed = false;
    const attempt = async (work: () => void | Promise<void>): Promise<boolean> => {
      try {
        await work();
        return true;
      } catch (error) {
        trouble.push(error instanceof Error ? error.message : String(error));
        return false;
      }
    };
    // The configuration is read before the Secret and written under the version that was read: so nobody ever publishes a
    // bundle that is older than the one that is there.
    const seen = await attempt(async () => {
      live = (await readWebhookConfiguration(client, name, signal)) ?? 'absent';
    });
    const converged = await attempt(async () => {
      note(
        await convergeAuthority(
          { ...options, policy },
          { now: now(), remembered: kept?.authority, isPublished: isTrusted },
          signal,
        ),
      );
    });
    if (seen && converged) {
      await attempt(async () => {
        changed = await putRight(signal);
      });
    }
    await attempt(renew);
    if (signal.aborted) return 'failed';
    report([...new Set(trouble)]);
    if (trouble.length > 0) return 'failed';
    return changed ? 'changed' : 'well';
  };

  const note = (fresh: KeptAuthority): void => {
    if (fresh.refusal !== undefined && kept?.refusal === undefined) {
      log.warn(
        { refusal: fresh.refusal },
        'no right to the Secret of the certificate authority: it is in memory, and each start publishes another',
      );
    }
    kept = fresh;
  };

  const putRight = async (signal: AbortSignal): Promise<boolean> => {
    if (!kept || typeof live !== 'object') return false;
    const since = now() - startedAt;
    const rule = { now: now(), keepAll: since >= 0 && since < graceMs, keepOurs: kept.refusal !== undefined };
    const bundle = wantedBundle(kept.authority, bundlesOf(live), rule);
    if (isPublished(live, bundle)) return false;
    const published = await publish(client, live, bundle, signal);
    if (published) {
      live = published;
      log.info({ configuration: name, entries: live.entries.length }, 'published the certificate authority');
    }
    return true;
  };

  const renew = (): void => {
    if (!kept || !leafIsDue(leaf, kept.authority, now(), isTrusted)) return;
    leaf = signLeaf(kept.authority, hosts, now(), policy);
    held.replace(leaf);
    log.info({ hosts, notAfter: leaf.notAfter }, 'signed a certificate for this replica');
  };

  const report = (trouble: readonly string[]): void => {
    if (trouble.length > 0 && trouble.join() !== faults.join())
      log.warn({ problems: trouble }, 'cannot keep the certificate right for now');
    if (trouble.length === 0 && faults.length > 0) log.info({}, 'the certificate is kept right again');
    faults = trouble;
  };

  const problem = (): string | undefined => {
    if (!leaf) return 'there is no certificate yet';
    const invalid = validity({ validFrom: leaf.notBefore.toISOString(), validTo: leaf.notAfter.toISOString() }, now());
    if (invalid !== undefined) return invalid;
    return live === undefined
      ? `the MutatingWebhookConfiguration ${name} has not been read yet`
      : distrust(name, live, leaf.signer);
  };

  const idle = async (signal: AbortSignal): Promise<void> => {
    const wait = jittered(everyMs);
    const resourceVersion = typeof live === 'object' ? live.resourceVersion : undefined;
    try {
      await untilChanged(client, { name, resourceVersion }, wait / 1000, signal);
      deaf = undefined;
    } catch (error) {
      if (signal.aborted) return;
      const text = error instanceof Error ? error.message : String(error);
      if (text !== deaf) log.warn({ problem: text }, 'cannot watch the configuration: looking at it every few seconds');
      deaf = text;
      await sleep(Math.min(wait, UNHEARD_MS), undefined, { signal });
    }
  };

  const repetition = repeat({ round, idle });
  return {
    current: held.current,
    onChange: held.onChange,
    problem() {
      const text = problem();
      return text === undefined ? undefined : [text, ...faults].join('; ');
    },
    close: () => repetition.close(),
  };
}

/** How often to look when no change would be heard of. */
const UNHEARD_MS = 5000;
