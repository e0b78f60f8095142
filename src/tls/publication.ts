// What the live configuration trusts, and putting it right.
import type { KubeClient } from '../kube/client.ts';
import { isKubeError } from '../kube/errors.ts';
import { publishBundle, readWebhookConfiguration, type WebhookConfiguration } from '../kube/webhook-configuration.ts';
import { holds, sameCertificates } from './bundle.ts';

/** Owner of the caBundle fields in `metadata.managedFields`. */
const FIELD_MANAGER = 'vault-auth-injector-tls';

/** The bundles of all entries, PEM. */
export function bundlesOf({ entries }: WebhookConfiguration): readonly string[] {
  return entries.map(({ caBundle }) => Buffer.from(caBundle, 'base64').toString());
}

/** True when every entry of the configuration, and at least one, trusts the certificate (PEM). */
export function isTrustedBy(configuration: WebhookConfiguration, certificate: string): boolean {
  return configuration.entries.length > 0 && bundlesOf(configuration).every((bundle) => holds(bundle, certificate));
}

/** True when every entry has these certificates and no other. */
export function isPublished(configuration: WebhookConfiguration, bundle: string): boolean {
  return bundlesOf(configuration).every((published) => sameCertificates(published, bundle));
}

/** Publishes the bundle on all entries and returns what is there now; undefined when somebody changed the object since it was read. */
export async function publish(
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
    // `Invalid` is said both of a version that is not the one we read and of a patch that cannot be; only the first is worth another try.
    const now = await readWebhookConfiguration(client, configuration.name, signal);
    if (now?.resourceVersion === configuration.resourceVersion) throw error;
    return undefined;
  }
}

/** Why nobody can trust us through this configuration, in words; undefined when `certificate` is trusted by all of its entries. */
export function distrust(name: string, configuration: WebhookConfiguration | 'absent', certificate: string): string | undefined {
  if (configuration === 'absent') return `there is no MutatingWebhookConfiguration ${name}: install it, or correct -tls-auto`;
  if (configuration.entries.length === 0) return `the MutatingWebhookConfiguration ${name} has no webhooks`;
  if (isTrustedBy(configuration, certificate)) return undefined;
  const entries = configuration.entries
    .filter((entry) => !isTrustedBy({ ...configuration, entries: [entry] }, certificate))
    .map((entry) => entry.name);
  return `the caBundle of ${entries.join(', ')} in the MutatingWebhookConfiguration ${name} does not hold our authority`;
}
