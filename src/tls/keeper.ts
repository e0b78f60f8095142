// Self-managed TLS: one authority in a Secret for all replicas, a leaf of our own in memory, the caBundle kept right.
import type { KubeClient } from '../kube/client.ts';
import { readWebhookConfiguration, type WebhookConfiguration } from '../kube/webhook-configuration.ts';
import { bundleOf } from './authority-secret.ts';
import { type Authority, type AuthorityPolicy, USUAL_POLICY } from './authority-state.ts';
import { convergeAuthority } from './authority-store.ts';
import type { TlsLog } from './files.ts';
import { type Leaf, leafIsDue, signLeaf } from './leaf.ts';
import { validity } from './pair.ts';
import { distrust, isPublished, isTrustedBy, publish } from './publication.ts';
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
  /** How often everything is looked at; two small reads of the API server. */
  readonly everyMs?: number;
}

/**
 * Starts at once and returns at once; there is a certificate as soon as the API server has told us the authority. It
 * never gives up: without an API server it waits, and once it has a leaf it renews that from memory.
 */
export const keepCertificate = (options: KeeperOptions): CertificateSource => {
  const { client, configuration: name, hosts, log, policy = USUAL_POLICY, now = Date.now, everyMs = 5000 } = options;
  if (hosts.length === 0) throw new Error('a self-managed certificate needs the names of the Service: set -tls-auto-hosts');
  const held = holder();
  let leaf: Leaf | undefined;
  let authority: Authority | undefined;
  /** As it was last read; it stays when the API server is away. */
  let live: WebhookConfiguration | 'absent' | undefined;
  let faults: readonly string[] = [];

  const isTrusted = (certificate: string): boolean => live !== 'absent' && isTrustedBy(live, certificate);

  const round = async (signal: AbortSignal): Promise<RoundOutcome> => {
    const trouble: string[] = [];
    const attempt = async (work: () => Promise<void>): Promise<void> => {
      await work().catch((error: unknown) => void trouble.push(error instanceof Error ? error.message : String(error)));
    };
    let lost = false;
    let fresh = false;
    // The configuration is read before the Secret and written under the version that was read: so nobody ever publishes a
    // bundle that is older than the one that is there.
    await attempt(async () => {
      live = (await readWebhookConfiguration(client, name, signal)) ?? 'absent';
    });
    await attempt(async () => {
      authority = await convergeAuthority(
        { ...options, policy },
        { now: now(), remembered: authority, isPublished: isTrusted, signal },
      );
      fresh = trouble.length === 0;
    });
    await attempt(async () => {
      if (!fresh || !authority || live === undefined || live === 'absent' || isPublished(live, bundleOf(authority))) return;
      const published = await publish(client, live, bundleOf(authority), signal);
      lost = published === undefined;
      if (!published) return;
      live = published;
      log.info({ configuration: name, entries: live.entries.length }, 'published the certificate authority');
    });
    await attempt(() => Promise.resolve(renew()));
    if (signal.aborted) return 'failed';
    note(trouble);
    if (trouble.length > 0) return 'failed';
    return lost ? 'again' : 'well';
  };

  const renew = (): void => {
    if (!authority || !leafIsDue(leaf, authority, now(), isTrusted)) return;
    leaf = signLeaf(authority, hosts, now(), policy);
    held.replace(leaf);
    log.info({ hosts, notAfter: leaf.notAfter }, 'signed a certificate for this replica');
  };

  const note = (trouble: readonly string[]): void => {
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

  const repetition = repeat(round, everyMs);
  return {
    current: held.current,
    onChange: held.onChange,
    problem() {
      const text = problem();
      return text === undefined ? undefined : [text, ...faults].join('; ');
    },
    close: () => repetition.close(),
  };
};
