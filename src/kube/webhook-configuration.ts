// The entries of a MutatingWebhookConfiguration: address, caBundle and rules of each.
import type { KubeClient } from './client.ts';
import { undefinedOn } from './errors.ts';
import { objectPath, resourcePath } from './object-ref.ts';

export interface WebhookConfiguration {
  readonly name: string;
  readonly resourceVersion: string;
  readonly entries: readonly WebhookEntry[];
}

export interface WebhookEntry {
  readonly name: string;
  /** Absent: the entry has a URL. */
  readonly service: ServiceReference | undefined;
  readonly url: string | undefined;
  /** base64 of PEM, as in the object; empty when absent. */
  readonly caBundle: string;
  /** An entry without rules matches no request. */
  readonly hasRules: boolean;
}

/** What an entry calls, with the defaults of the API server. */
export interface ServiceReference {
  readonly namespace: string;
  readonly name: string;
  readonly path: string;
  readonly port: number;
}

/** The named configuration; undefined when it does not exist. Throws KubeError. */
export function readWebhookConfiguration(
  client: KubeClient,
  name: string,
  signal?: AbortSignal,
): Promise<WebhookConfiguration | undefined> {
  return client
    .request<RawConfiguration>({ method: 'GET', path: pathOf(name), signal })
    .then(entriesOf)
    .catch(undefinedOn('NotFound'));
}

/**
 * Sets the caBundle (base64) of all entries of the resourceVersion that was read, and returns the configuration as stored.
 * Throws KubeError: `Invalid` when it has changed since, read it again.
 *
 * A JSON patch, not server-side apply: an entry that two managers apply cannot be removed by one of them. So an upgrade of a chart
 * that drops an entry (Helm 4, Flux, `kubectl apply --server-side`) would be rejected, because our caBundle would stay behind.
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

/** What the entries are called for. */
export const RULES = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: 'Namespaced' }];

/**
 * Adds RULES to the entries that have none, of the resourceVersion that was read. Throws KubeError: `Invalid` when it has changed
 * since. Not by server-side apply, for the reason above.
 */
export async function addRules(
  client: KubeClient,
  { name, resourceVersion, entries }: WebhookConfiguration,
  { fieldManager, signal }: { readonly fieldManager: string; readonly signal: AbortSignal },
): Promise<void> {
  await client.request({
    method: 'PATCH',
    path: pathOf(name),
    query: { fieldManager },
    contentType: 'application/json-patch+json',
    body: [
      { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
      ...entries.flatMap(({ hasRules }, index) =>
        hasRules ? [] : [{ op: 'add', path: `/webhooks/${index}/rules`, value: RULES }],
      ),
    ],
    signal,
  });
}

/**
 * Watches the named configuration until it is no longer at this resourceVersion (undefined: absent), at most for so many seconds.
 * Throws KubeError at once when the watch is forbidden or the API server cannot be reached.
 */
export async function untilChanged(
  client: KubeClient,
  { name, resourceVersion }: { readonly name: string; readonly resourceVersion: string | undefined },
  seconds: number,
  signal: AbortSignal,
): Promise<void> {
  await client.request({
    method: 'GET',
    path: resourcePath(CONFIGURATIONS),
    // Without a resourceVersion the stream begins with the current object: a change since the read is not missed.
    query: { watch: true, fieldSelector: `metadata.name=${name}`, timeoutSeconds: Math.ceil(seconds) },
    timeoutMs: (Math.ceil(seconds) + 10) * 1000,
    signal,
    untilLine: (line) => !line.includes(`"resourceVersion":"${resourceVersion}"`),
  });
}

interface RawConfiguration {
  readonly metadata: { readonly name: string; readonly resourceVersion: string };
  readonly webhooks?: readonly {
    readonly name: string;
    readonly clientConfig: {
      readonly caBundle?: string;
      readonly url?: string;
      readonly service?: { readonly namespace: string; readonly name: string; readonly path?: string; readonly port?: number };
    };
    readonly rules?: readonly unknown[];
  }[];
}

const entriesOf = ({ metadata, webhooks = [] }: RawConfiguration): WebhookConfiguration => ({
  name: metadata.name,
  resourceVersion: metadata.resourceVersion,
  entries: webhooks.map(({ name, clientConfig, rules = [] }) => ({
    name,
    service: clientConfig.service && { path: '/', port: 443, ...clientConfig.service },
    url: clientConfig.url,
    caBundle: clientConfig.caBundle ?? '',
    hasRules: rules.length > 0,
  })),
});

const CONFIGURATIONS = { group: 'admissionregistration.k8s.io', version: 'v1', plural: 'mutatingwebhookconfigurations' };

const pathOf = (name: string): string => objectPath({ ...CONFIGURATIONS, name });
