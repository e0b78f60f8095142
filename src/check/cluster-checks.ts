// Checks of the cluster itself: the API server, versions, clocks, and other injectors.
import { type JsonObject, objectAt, objectsOf, textOf, textsOf } from '../json/json.ts';
import { ENV_FILES, isAtLeast } from '../cluster/server-version.ts';
import { attempt, type ClusterReader, nameIn } from './cluster-reader.ts';
import { fail, type Line, ok, warn } from './catalogue.ts';

/** The oldest minor version of Kubernetes 1 that is supported; older ones have no match conditions of webhooks. */
const OLDEST_MINOR = 30;
/** A smaller difference harms nothing: certificates and tokens are valid from a minute before they are issued. */
const MAX_SKEW_MS = 30_000;

/** Requires the API server to answer: throws KubeError when it does not. `now`: milliseconds since 1970. */
export async function checkCluster(reader: ClusterReader, now: () => number): Promise<readonly Line[]> {
  const version = await reader.get('/version');
  const found = await Promise.all([
    attempt('nodes', () => nodes(reader)),
    attempt('clock', () => clock(reader, now)),
    attempt('other-injector', () => otherInjectors(reader)),
  ]);
  return [...versionOf(version), ...found.flat()];
}

const versionOf = (version: JsonObject | undefined): readonly Line[] => {
  const [major = '', minor = '', shown = ''] = ['major', 'minor', 'gitVersion'].map((field) => textOf(version, field));
  return [
    ok('api-server', `answers as ${shown}`),
    isAtLeast({ major, minor }, OLDEST_MINOR)
      ? ok('version', `Kubernetes ${shown}`)
      : fail('version', `Kubernetes ${shown} is too old`, `upgrade the cluster to 1.${OLDEST_MINOR} or newer`),
  ];
};

const nodes = async (reader: ClusterReader): Promise<readonly Line[]> => {
  const all = (await reader.list('/api/v1/nodes')).map((node) => ({
    name: nameIn(node),
    kubelet: textOf(objectAt(objectAt(node, 'status'), 'nodeInfo'), 'kubeletVersion') ?? '',
  }));
  const old = all.filter(({ kubelet }) => {
    const [, major = '', minor = ''] = /^v?(\d+)\.(\d+)/.exec(kubelet) ?? [];
    return !isAtLeast({ major, minor }, ENV_FILES);
  });
  const [first] = old;
  if (!first) return [ok('nodes', all.length === 1 ? '1 node' : `${all.length} nodes`)];
  return [
    warn(
      'nodes',
      `${old.length} of ${all.length} nodes have a kubelet older than 1.${ENV_FILES}, such as ${first.name} (${first.kubelet}): pods there get no environment variables from secrets`,
      'upgrade these nodes, or keep pods with env annotations off them with a nodeSelector; files work on all of them',
    ),
  ];
};

/** A dry run of a ConfigMap returns the time of the API server. */
const clock = async (reader: ClusterReader, now: () => number): Promise<readonly Line[]> => {
  const before = now();
  const answer = await reader.client.request<JsonObject>({
    method: 'POST',
    path: '/api/v1/namespaces/default/configmaps',
    query: { dryRun: 'All' },
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'vault-auth-injector-check-' } },
  });
  const after = now();
  const server = Date.parse(textOf(objectAt(answer, 'metadata'), 'creationTimestamp') ?? '');
  // The time of the API server is in whole seconds.
  const skew = server + 1000 < before ? before - server : server > after ? server - after : 0;
  if (!(skew > MAX_SKEW_MS)) return [ok('clock', 'agrees with that of the API server')];
  const seconds = Math.round(skew / 1000);
  return [
    warn(
      'clock',
      `the clock of this machine and that of the API server differ by ${seconds} s`,
      'synchronize both with NTP: certificates and tokens have a time from which they are valid',
    ),
  ];
};

const WEBHOOKS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';

interface OtherInjector {
  readonly product: string;
  readonly entry: RegExp;
  readonly remedy: string;
}

const OTHERS: readonly OtherInjector[] = [
  {
    product: 'vault-k8s (HashiCorp)',
    entry: /^vault\.hashicorp\.com$/,
    remedy: 'see docs/guides/replace-vault-k8s.md: disable its injector, or divide the namespaces between both',
  },
  {
    product: 'the vault-secrets-webhook of bank-vaults',
    entry: /\.vault-secrets-webhook\.|\.banzaicloud\.com$|\.bank-vaults\.dev$/,
    remedy: 'exclude the namespaces of one from the other: both set environment variables and volumes of the same pods',
  },
];

const otherInjectors = async (reader: ClusterReader): Promise<readonly Line[]> => {
  const found = (await reader.list(WEBHOOKS)).flatMap((configuration) =>
    objectsOf(configuration['webhooks']).flatMap((entry) => {
      const other = OTHERS.find(({ entry: pattern }) => pattern.test(textOf(entry, 'name') ?? ''));
      return other && selectsAnything(entry) && !isOurs(configuration)
        ? [
            warn(
              'other-injector',
              `MutatingWebhookConfiguration ${nameIn(configuration)} is that of ${other.product}: pods with annotations for both get two agents`,
              other.remedy,
            ),
          ]
        : [];
    }),
  );
  return found.length > 0 ? found.slice(0, 1) : [ok('other-injector', 'none found')];
};

const selectsAnything = (entry: JsonObject): boolean => objectsOf(entry['rules']).length > 0;

/** Another registration of vault-k8s' name that calls this product beside its own entries. */
const isOurs = (configuration: JsonObject): boolean =>
  objectsOf(configuration['webhooks']).some((entry) => isOwnEntry(textOf(entry, 'name') ?? ''));

/** True for the names of our entries. */
export function isOwnEntry(name: string): boolean {
  return name.endsWith('.vaultauth.dev');
}

/** The configurations with at least one of our entries. Throws KubeError. */
export async function ownConfigurations(reader: ClusterReader): Promise<readonly JsonObject[]> {
  return (await reader.list(WEBHOOKS)).filter(isOurs);
}

/** The strings of a container's command and arguments. */
export function wordsOf(container: JsonObject): readonly string[] {
  return [...textsOf(container['command']), ...textsOf(container['args'])];
}
