// Settings of the webhook that a cluster runs, from the command line and environment of one of its pods.
import type { KubeClient } from '../../kube/client.ts';
import { isObject, objectAt, objectsOf, textOf, type JsonObject } from '../../json/json.ts';
import type { Command } from '../../settings/table.ts';

export interface WebhookSettings {
  readonly command: Extract<Command, 'webhook' | 'agent-inject'>;
  /** Flags after the command. */
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Its own namespace, which it excludes. */
  readonly namespace: string;
  /** Names of its registered entries: the API server sends it no pod that none of them selects. */
  readonly entries: readonly string[];
}

const CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
/** Our entries, and that of vault-k8s, whose registration `agent-inject` takes over. */
const ENTRY = /\.vaultauth\.dev$|^vault\.hashicorp\.com$/;

/**
 * Follows webhook configuration, Service and pod.
 * @throws a sentence when one of them is missing; a KubeError when it cannot be read.
 */
export async function webhookSettings(client: KubeClient): Promise<WebhookSettings> {
  const get = (path: string, query: Readonly<Record<string, string>> = {}): Promise<JsonObject> =>
    client.request({ method: 'GET', path, query });
  const entries = objectsOf((await get(CONFIGURATIONS))['items']).flatMap(({ webhooks }) => objectsOf(webhooks));
  const ours = entries.filter((entry) => ENTRY.test(textOf(entry, 'name') ?? ''));
  const services = ours.map((entry) => objectAt(objectAt(entry, 'clientConfig'), 'service'));
  const service = services.find((each) => each !== undefined);
  if (!service) throw new Error('no vault-auth-injector webhook with a Service is registered');
  const namespace = textOf(service, 'namespace') ?? '';
  const core = `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
  const { spec } = await get(`${core}/services/${encodeURIComponent(textOf(service, 'name') ?? '')}`);
  const selector = Object.entries(objectAt({ spec: spec ?? null }, 'spec')?.['selector'] ?? {});
  const pods = objectsOf(
    (await get(`${core}/pods`, { labelSelector: selector.map((pair) => pair.join('=')).join(',') }))['items'],
  );
  const found = pods.flatMap((pod) =>
    objectsOf(objectAt(pod, 'spec')?.['containers']).flatMap((container) => invocationOf(container) ?? []),
  );
  const [first] = found;
  if (!first) throw new Error(`no pod of the Service in ${namespace} runs the webhook`);
  return { ...first, namespace, entries: ours.map((entry) => textOf(entry, 'name') ?? '') };
}

/** The command line of a container that runs the webhook; undefined for other containers. */
const invocationOf = (container: JsonObject): Omit<WebhookSettings, 'entries' | 'namespace'> | undefined => {
  const words = [container['command'], container['args']].flatMap((list) => (Array.isArray(list) ? list : [])).map(String);
  const at = words.findIndex((word) => word === 'webhook' || word === 'agent-inject');
  const command = words[at];
  if (command !== 'webhook' && command !== 'agent-inject') return undefined;
  return { command, words: words.slice(at + 1), environment: variablesOf(container) };
};

/** Variables with a literal value; `valueFrom` cannot be read here. */
const variablesOf = ({ env }: JsonObject): Readonly<Record<string, string>> =>
  Object.fromEntries(
    (Array.isArray(env) ? env : []).flatMap((variable) =>
      isObject(variable) && typeof variable['name'] === 'string' && typeof variable['value'] === 'string'
        ? [[variable['name'], variable['value']]]
        : [],
    ),
  );
