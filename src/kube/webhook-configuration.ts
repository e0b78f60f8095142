// The entries of a MutatingWebhookConfiguration, and the caBundle of each.
import type { KubeClient } from './client.ts';
import { isKubeError } from './errors.ts';

export interface WebhookConfiguration {
  readonly name: string;
  readonly resourceVersion: string;
  readonly entries: readonly WebhookEntry[];
}

interface WebhookEntry {
  readonly name: string;
  /** base64 of PEM, as the object has it; empty when there is none. */
  readonly caBundle: string;
}

/** The named configuration, or undefined when there is none. */
export function readWebhookConfiguration(
  client: KubeClient,
  name: string,
  signal?: AbortSignal,
): Promise<WebhookConfiguration | undefined> {
  return client
    .request<RawConfiguration>({ method: 'GET', path: pathOf(name), signal })
    .then(entriesOf)
    .catch((error: unknown) => {
      if (!isKubeError(error, 'NotFound')) throw error;
      return undefined;
    });
}

/**
 * Sets the caBundle (base64) of all entries of the configuration as it was read, and returns what is there now.
 * Throws a KubeError when somebody has changed it since (`Invalid`): read again.
 *
 * A JSON patch and not server-side apply. Both own the caBundle alone, survive an apply of the chart that does not mention
 * it, and need no more than the verb `patch`; but an entry that *two* appliers own cannot be removed by either: a chart that
 * drops one (`helm upgrade` of Helm 4, Flux, `kubectl apply --server-side`) would be refused, as our part of it stays behind.
 */
export function publishBundle(
  client: KubeClient,
  { name, resourceVersion, entries }: WebhookConfiguration,
  {
    caBundle,
    fieldManager,
    signal,
  }: { readonly caBundle: string; readonly fieldManager: string; readonly signal?: AbortSignal | undefined },
): Promise<WebhookConfiguration> {
  return client
    .request<RawConfiguration>({
      method: 'PATCH',
      path: pathOf(name),
      query: { fieldManager },
      contentType: 'application/json-patch+json',
      body: [
        { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
        ...entries.map((_, index) => ({ op: 'add', path: `/webhooks/${index}/clientConfig/caBundle`, value: caBundle })),
      ],
      signal,
    })
    .then(entriesOf);
}

/**
 * Waits until the named configuration is no longer at this resourceVersion (undefined: not there), at most for some seconds.
 * Throws a KubeError at once when we may not watch it, or the API server is away.
 */
export async function untilChanged(
  client: KubeClient,
  { name, resourceVersion }: { readonly name: string; readonly resourceVersion: string | undefined },
  seconds: number,
  signal: AbortSignal,
): Promise<void> {
  await client.request({
    method: 'GET',
    path: COLLECTION,
    // Without a resourceVersion the stream begins with the object as it is now: so nothing is missed since it was read.
    query: { watch: true, fieldSelector: `metadata.name=${name}`, timeoutSeconds: Math.ceil(seconds) },
    timeoutMs: (Math.ceil(seconds) + 10) * 1000,
    signal,
    untilLine: (line) => !line.includes(`"resourceVersion":"${resourceVersion}"`),
  });
}

interface RawConfiguration {
  readonly metadata: { readonly name: string; readonly resourceVersion: string };
  readonly webhooks?: readonly { readonly name: string; readonly clientConfig: { readonly caBundle?: string } }[];
}

const entriesOf = ({ metadata, webhooks = [] }: RawConfiguration): WebhookConfiguration => ({
  name: metadata.name,
  resourceVersion: metadata.resourceVersion,
  entries: webhooks.map(({ name, clientConfig }) => ({ name, caBundle: clientConfig.caBundle ?? '' })),
});

const COLLECTION = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';

const pathOf = (name: string): string => `${COLLECTION}/${encodeURIComponent(name)}`;
