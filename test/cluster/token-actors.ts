// Namespaces in which the policy of mode token acts, the webhook, both, or neither: the result for one pod in each.
import { RULES } from '../../src/kube/webhook-configuration.ts';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { isObject, type JsonObject, objectAt, objectsOf, textOf } from '../../src/json/json.ts';
import { TOKEN_VOLUME } from '../../src/pod/token.ts';
import type { Bed } from '../bed/bed.ts';
import { repositoryDirectory } from '../bed/environment.ts';
import { startWebhook } from '../bed/webhook.ts';
import { podsPath } from './pods.ts';
import { MODE } from './token-pods.ts';

/** Who acts in a namespace. */
export const ACTORS = ['none', 'policy', 'webhook', 'both'] as const;
export type Actor = (typeof ACTORS)[number];
type Texts = Readonly<Record<string, string>>;
/** Label of a namespace: who acts there. */
export const BY = 'test/by';

/** Namespaces of which there is one for each actor. */
const NAMESPACES: Readonly<Record<string, { readonly labels?: Texts; readonly annotations?: Texts }>> = {
  plain: {},
  full: {
    labels: { 'vaultauth.dev/inject': 'enabled' },
    annotations: {
      ...MODE,
      'vault.hashicorp.com/role': 'of-namespace',
      'openbao.org/service': 'https://namespace.example:8200',
      'vaultauth.dev/auth-path': 'auth/namespace',
      'vaultauth.dev/token-expiration-seconds': '900',
      'vaultauth.dev/skip-containers': 'proxy',
      'vaultauth.dev/allow': 'service',
    },
  },
  odd: { labels: { 'vaultauth.dev/inject': 'enabled' }, annotations: { ...MODE, 'vault.hashicorp.com/log-level': 'debug' } },
  closed: { labels: { 'vaultauth.dev/inject': 'disabled' }, annotations: { ...MODE, 'vaultauth.dev/role': 'web' } },
  stopped: { labels: { 'vaultauth.dev/admission': 'disabled' }, annotations: MODE },
};

/** Selects the namespaces of these. */
export function among(...values: readonly Actor[]): JsonObject {
  return { key: BY, operator: 'In', values };
}

/** The pod has the token's volume. */
export function carriesToken(result: JsonObject): boolean {
  return JSON.stringify(result).includes(`"${TOKEN_VOLUME}"`);
}

/** What became of a pod, without what differs between two pods anyway. */
export async function resultOf(bed: Bed, pod: JsonObject, actor: Actor, namespace = 'plain'): Promise<JsonObject> {
  const { status, text } = await bed.exchange('POST', podsPath(`${namespace}-${actor}`, '?dryRun=All'), pod);
  if (status !== 201) return { status };
  const stored = JSON.parse(text.replaceAll(/kube-api-access-\w+/g, 'kube-api-access')) as JsonObject;
  const { labels = {}, annotations = {} } = objectAt(stored, 'metadata') ?? {};
  return { status, labels, annotations, spec: stored['spec'] ?? {} };
}

/** The same for all of them. */
export async function resultsOf(bed: Bed, pod: JsonObject, namespace?: string): Promise<Readonly<Record<Actor, JsonObject>>> {
  const results = await Promise.all(ACTORS.map(async (actor) => [actor, await resultOf(bed, pod, actor, namespace)] as const));
  return Object.fromEntries(results) as Record<Actor, JsonObject>;
}

const rendered = async (bed: Bed, folder: string): Promise<readonly JsonObject[]> => {
  const text = await bed.kubectl(['kustomize', join(repositoryDirectory(), 'deploy', folder)]);
  return parseAllDocuments(text)
    .map((document): unknown => document.toJS())
    .filter(isObject);
};

/** As `kubectl apply` does. */
export function apply(bed: Bed, object: JsonObject): Promise<string> {
  return bed.kubectl(['apply', '-f', '-'], JSON.stringify(object));
}

/** The policy as it is delivered, for the namespaces of its actors; the setting as an operator patches it. */
export async function applyPolicy(bed: Bed, autoInject: string): Promise<void> {
  for (const object of await rendered(bed, 'policies/token-mode')) {
    const spec = objectAt(object, 'spec') ?? {};
    const [settings, ...variables] = objectsOf(spec['variables']);
    const expression = (textOf(settings ?? {}, 'expression') ?? '').replace(
      /'auto-inject': '\w+'/,
      `'auto-inject': '${autoInject}'`,
    );
    const isBinding = textOf(object, 'kind')?.endsWith('Binding');
    const more = isBinding
      ? { matchResources: { namespaceSelector: { matchExpressions: [among('policy', 'both')] } } }
      : { variables: [{ name: 'settings', expression }, ...variables] };
    await apply(bed, { ...object, spec: { ...spec, ...more } });
  }
}

/** Makes the namespaces, starts the webhook, and registers it for those in which it acts. */
export async function startActors(bed: Bed): Promise<void> {
  for (const [name, more] of Object.entries(NAMESPACES))
    for (const actor of ACTORS)
      await bed.createNamespace({ ...more, name: `${name}-${actor}`, labels: { ...more.labels, [BY]: actor } });
  const webhook = await startWebhook(bed, { flags: [`-kubeconfig=${bed.kubeconfig}`, '-auto-inject'] });
  const caBundle = Buffer.from(webhook.authority).toString('base64');
  const configuration = (await rendered(bed, 'variants/cluster-wide')).find(
    (object) => textOf(object, 'kind') === 'MutatingWebhookConfiguration',
  );
  await apply(bed, {
    ...configuration,
    webhooks: objectsOf(configuration?.['webhooks']).map((entry) => {
      const expressions = objectsOf(objectAt(entry, 'namespaceSelector')?.['matchExpressions']);
      const namespaceSelector = { matchExpressions: [...expressions, among('webhook', 'both')] };
      return { ...entry, rules: RULES, namespaceSelector, clientConfig: { url: webhook.url, caBundle } };
    }),
  });
}
