// What the live webhook configuration trusts, publishing a caBundle on it, and -tls-cert-file with -tls-auto: a certificate from
// files whose CA file is published.
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../kube/client.ts';
import { isKubeError } from '../kube/errors.ts';
import { publishBundle, readWebhookConfiguration, type WebhookConfiguration } from '../kube/webhook-configuration.ts';
import { jittered } from '../net/backoff.ts';
import { certificatesOf, containsCertificate, sameCertificates } from './bundle.ts';
import type { TlsLog } from './files.ts';
import { repeat, type RoundOutcome } from './repeat.ts';
import type { CertificateSource } from './source.ts';

/** Owner of the caBundle fields in `metadata.managedFields`. */
const FIELD_MANAGER = 'vault-auth-injector-tls';

/** The bundles of all entries, PEM. */
export function bundlesOf({ entries }: WebhookConfiguration): readonly string[] {
  return entries.map(({ caBundle }) => Buffer.from(caBundle, 'base64').toString());
}

/** True when every entry of the configuration, and at least one, trusts the certificate (PEM). */
export function isTrustedBy(configuration: WebhookConfiguration, certificate: string): boolean {
  return configuration.entries.length > 0 && bundlesOf(configuration).every((bundle) => containsCertificate(bundle, certificate));
}

/** True when every entry has these certificates and no other. */
export function isPublished(configuration: WebhookConfiguration, bundle: string): boolean {
  return bundlesOf(configuration).every((published) => sameCertificates(published, bundle));
}

/** Publishes the bundle on all entries and returns the new configuration; undefined when the object changed since it was read. */
export async function publishCaBundle(
  client: KubeClient,
  configuration: WebhookConfiguration,
  bundle: string,
  signal: AbortSignal,
): Promise<WebhookConfiguration | undefined> {
  const caBundle = Buffer.from(bundle).toString('base64');
  try {
    return await publishBundle(client, configuration, { caBundle, fieldManager: FIELD_MANAGER, signal });
  } catch (error) {
    if (!isKubeError(error, 'Invalid', 'Conflict', 'NotFound')) throw error;
    // The API server answers `Invalid` both to a stale resourceVersion and to an invalid patch; only the first is worth a retry.
    const now = await readWebhookConfiguration(client, configuration.name, signal);
    if (now?.resourceVersion === configuration.resourceVersion) throw error;
    return undefined;
  }
}

/** Why API servers cannot trust the webhook through this configuration; undefined when all of its entries trust `certificate`. */
export function trustProblem(
  name: string,
  configuration: WebhookConfiguration | 'absent',
  certificate: string,
): string | undefined {
  if (configuration === 'absent') return `there is no MutatingWebhookConfiguration ${name}: install it, or correct -tls-auto`;
  if (configuration.entries.length === 0) return `the MutatingWebhookConfiguration ${name} has no webhooks`;
  if (isTrustedBy(configuration, certificate)) return undefined;
  const entries = configuration.entries
    .filter((entry) => !isTrustedBy({ ...configuration, entries: [entry] }, certificate))
    .map((entry) => entry.name);
  return `the caBundle of ${entries.join(', ')} in the MutatingWebhookConfiguration ${name} does not contain the CA of this replica`;
}

export interface PublishedFilesOptions {
  /** Source of the certificate; closed together with this one. */
  readonly files: CertificateSource;
  /** PEM with one or more CA certificates: becomes the caBundle unchanged. */
  readonly caFile: string;
  readonly client: KubeClient;
  /** The MutatingWebhookConfiguration whose entries get the caBundle. */
  readonly configuration: string;
  readonly log: TlsLog;
  readonly everyMs?: number;
}

/** The source of the files, not ready until every entry of the configuration trusts the CA. Polls both. */
export function publishedFileSource({
  files,
  caFile,
  client,
  configuration: name,
  log,
  everyMs = 5000,
}: PublishedFilesOptions): CertificateSource {
  let problem: string | undefined = `${caFile} has not been published yet`;
  const report = (text: string | undefined): void => {
    if (text !== undefined && text !== problem) log.warn({ problem: text }, 'cannot publish the CA of the certificate');
    problem = text;
  };

  const reconcile = async (signal: AbortSignal): Promise<RoundOutcome> => {
    const ca = await readFile(caFile, 'utf8');
    if (certificatesOf(ca).length === 0) throw new Error(`${caFile} has no certificate in PEM`);
    let live: WebhookConfiguration | undefined = await readWebhookConfiguration(client, name, signal);
    let outcome: RoundOutcome = 'unchanged';
    if (live && !isPublished(live, ca)) {
      live = await publishCaBundle(client, live, ca, signal);
      outcome = 'changed';
      if (!live) return outcome;
      log.info({ configuration: name, entries: live.entries.length, file: caFile }, 'published the CA of the certificate');
    }
    report(trustProblem(name, live ?? 'absent', ca));
    return outcome;
  };
  const repetition = repeat({
    round: (signal) =>
      reconcile(signal).catch((error: unknown): RoundOutcome => {
        if (!signal.aborted) report(error instanceof Error ? error.message : String(error));
        return 'failed';
      }),
    idle: (signal) => sleep(jittered(everyMs), undefined, { signal }),
  });

  return {
    current: () => files.current(),
    onChange: (listener) => files.onChange(listener),
    problem: () => files.problem() ?? problem,
    async close() {
      await Promise.all([repetition.close(), files.close()]);
    },
  };
}
