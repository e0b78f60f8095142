// Checks of the webhook: its registration, Service, replicas, certificates, and whether the API server reaches it.
import { type JsonObject, objectAt, objectsOf, textOf, textsOf } from '../json/json.ts';
import { readSecret } from '../kube/secret-objects.ts';
import { type LabelSelector, selectorMatches } from '../resources/label-selector.ts';
import { certificatesOf } from '../tls/bundle.ts';
import { fromSecret } from '../tls/ca-store.ts';
import { isOwnEntry, ownConfigurations } from './cluster-checks.ts';
import { attempt, type ClusterReader, labelsOf, nameIn } from './cluster-reader.ts';
import { fail, hasFailed, type Line, ok, skip, warn } from './catalogue.ts';
import { checkDryRun, type DryRunOptions } from './dry-run.ts';
import { checkReplicas, type Workload } from './workloads.ts';

/** An entry of a MutatingWebhookConfiguration. */
export interface Entry {
  readonly configuration: string;
  readonly name: string;
  readonly raw: JsonObject;
  /** Undefined: the entry has a URL. */
  readonly service:
    | { readonly namespace: string; readonly name: string; readonly path: string; readonly port: number }
    | undefined;
  /** PEM; empty without one. */
  readonly caBundle: string;
}

/** Our entries of the cluster, or those of one release (the label of the chart). Throws KubeError. */
export async function readEntries(reader: ClusterReader, release: string | undefined): Promise<readonly Entry[]> {
  const configurations = (await ownConfigurations(reader)).filter(
    (configuration) => release === undefined || labelsOf(configuration)['app.kubernetes.io/instance'] === release,
  );
  return configurations.flatMap((configuration) =>
    objectsOf(configuration['webhooks'])
      .filter((entry) => isOwnEntry(textOf(entry, 'name') ?? ''))
      .map((raw) => {
        const client = objectAt(raw, 'clientConfig');
        const service = objectAt(client, 'service');
        const port = service?.['port'];
        return {
          configuration: nameIn(configuration),
          name: textOf(raw, 'name') ?? '',
          raw,
          service: service && {
            namespace: textOf(service, 'namespace') ?? '',
            name: textOf(service, 'name') ?? '',
            path: textOf(service, 'path') ?? '/',
            port: typeof port === 'number' ? port : 443,
          },
          caBundle: Buffer.from(textOf(client, 'caBundle') ?? '', 'base64').toString(),
        };
      }),
  );
}

export interface WebhookInput extends DryRunOptions {
  readonly entries: readonly Entry[];
  readonly workload: Workload | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const MANIFESTS = 'helm upgrade, or kubectl apply -k deploy/manifests';

/** All checks of an installed webhook. Throws KubeError. */
export async function checkWebhook(reader: ClusterReader, input: WebhookInput): Promise<readonly Line[]> {
  const { entries, workload, now } = input;
  const [first] = entries;
  if (!first)
    return [
      fail('registration', 'no MutatingWebhookConfiguration has an entry of this product: no pod is injected', MANIFESTS),
      skip('reachable', 'not registered'),
    ];
  const names = [...new Set(entries.map(({ configuration }) => configuration))];
  const lines: Line[] = [
    ok('registration', `${names.join(', ')} with ${entries.length === 1 ? '1 entry' : `${entries.length} entries`}`),
    ...settingsOfEntries(entries),
  ];
  const behind = await Promise.all([
    attempt('own-namespace', () => ownNamespace(reader, entries)),
    attempt('service', () => service(reader, first)),
    attempt('ca-bundle', () => certificates(reader, input)),
  ]);
  lines.push(...behind.flat(), ...(workload ? checkReplicas(workload) : []));
  if (hasFailed(lines.filter(({ check }) => BEFORE_CALL.has(check))))
    return [...lines, skip('reachable', 'not tried, because of the failure above')];
  return [...lines, ...(await attempt('reachable', () => checkDryRun(reader, entries, input))), ...dated(now, entries)];
}

/** Failures with which a call of the webhook cannot work: it would only be reported again. */
const BEFORE_CALL: ReadonlySet<string> = new Set(['entries', 'service', 'ready', 'ca-bundle', 'certificate']);

const settingsOfEntries = (entries: readonly Entry[]): readonly Line[] => {
  const missing = ['label.vaultauth.dev', 'annotation.vaultauth.dev'].filter(
    (name) => !entries.some((entry) => entry.name === name),
  );
  const closed = entries.filter(({ raw }) => objectsOf(raw['rules']).length === 0);
  const lenient = entries.filter(({ raw }) => raw['failurePolicy'] === 'Ignore');
  const other = entries.filter(({ raw }) =>
    objectsOf(raw['rules']).some((rule) => textsOf(rule['operations']).some((operation) => operation !== 'CREATE')),
  );
  return [
    closed.length > 0
      ? fail(
          'entries',
          `${list(closed)} has no rules: no pod is sent to the webhook, which adds them once a replica is ready and its CA is published`,
          'wait for a ready replica; otherwise its log has the reason, such as a missing right to patch the configuration',
        )
      : missing.length === 0
        ? ok('entries', 'labelled and annotated pods are sent to the webhook')
        : warn(
            'entries',
            `the entry ${missing.join(', ')} is missing: pods that request injection only this way are not injected`,
            MANIFESTS,
          ),
    lenient.length === 0
      ? ok('failure-policy', 'Fail')
      : warn(
          'failure-policy',
          `${list(lenient)} has failurePolicy Ignore: while the webhook does not answer, pods start without their secrets`,
          'set failurePolicy: Fail, which concerns only pods that request injection',
        ),
    other.length === 0
      ? ok('operations', 'CREATE')
      : warn(
          'operations',
          `${list(other)} also sends other operations than CREATE, which the webhook never patches`,
          'set operations: [CREATE] in its rules',
        ),
  ];
};

const list = (entries: readonly Entry[]): string => entries.map(({ name }) => name).join(', ');

const ownNamespace = async (reader: ClusterReader, entries: readonly Entry[]): Promise<readonly Line[]> => {
  const own = entries.find(({ service: found }) => found)?.service?.namespace;
  if (own === undefined) return [skip('own-namespace', 'the entries have a URL')];
  const namespace = await reader.get(`/api/v1/namespaces/${encodeURIComponent(own)}`);
  const labels = labelsOf(namespace);
  const sent = entries.filter(({ raw }) => selectorMatches(selectorOf(raw), labels));
  return sent.length === 0
    ? [ok('own-namespace', `${own} is excluded`)]
    : [
        fail(
          'own-namespace',
          `${list(sent)} also selects pods in ${own}: while no replica is ready, the API server rejects new replicas that request injection`,
          `kubectl label namespace ${own} ${exclusionOf(entries)}`,
        ),
      ];
};

/** The API server has validated it: it is a metav1.LabelSelector. */
const selectorOf = (raw: JsonObject): LabelSelector => objectAt(raw, 'namespaceSelector') ?? {};

/** The label with which an entry lets a namespace opt out, as key=value. */
const exclusionOf = (entries: readonly Entry[]): string => {
  const optOut = entries
    .flatMap(({ raw }) => objectsOf(objectAt(raw, 'namespaceSelector')?.['matchExpressions']))
    .find((expression) => expression['operator'] === 'NotIn' && textOf(expression, 'key') !== 'kubernetes.io/metadata.name');
  return `${textOf(optOut, 'key') ?? 'vaultauth'}=${textsOf(optOut?.['values'])[0] ?? 'disabled'} --overwrite`;
};

const service = async (reader: ClusterReader, { service: registered, configuration }: Entry): Promise<readonly Line[]> => {
  if (!registered) return [skip('service', 'the entries have a URL')];
  const { namespace, name, port } = registered;
  const core = `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
  const [object, slices] = await Promise.all([
    reader.get(`${core}/services/${encodeURIComponent(name)}`),
    reader.list(`/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices`, {
      labelSelector: `kubernetes.io/service-name=${name}`,
    }),
  ]);
  if (!object)
    return [
      fail(
        'service',
        `${configuration} calls the Service ${namespace}/${name}, which does not exist`,
        `${MANIFESTS}, or correct clientConfig.service`,
      ),
    ];
  const ports = objectsOf(objectAt(object, 'spec')?.['ports']).flatMap(({ port: each }) =>
    typeof each === 'number' ? [each] : [],
  );
  if (!ports.includes(port))
    return [
      fail(
        'service',
        `${configuration} calls port ${port} of the Service ${namespace}/${name}, which has ${ports.join(', ') || 'no port'}`,
        `correct clientConfig.service.port of ${configuration}, or the port of the Service`,
      ),
    ];
  const isReady = slices.some((slice) =>
    objectsOf(slice['endpoints']).some((endpoint) => objectAt(endpoint, 'conditions')?.['ready'] !== false),
  );
  return [
    ok('service', `${namespace}/${name}, port ${port}`),
    isReady
      ? ok('ready', 'a replica is ready')
      : fail(
          'ready',
          `the Service ${namespace}/${name} has no ready pod: every pod that requests injection is rejected`,
          `kubectl -n ${namespace} get pods, and the log of those that are not ready; kubectl delete mutatingwebhookconfiguration ${configuration} switches injection off`,
        ),
  ];
};

/** The published CAs against those of the Secret. Without the right to read the Secret, only what is published is judged. */
const certificates = async (reader: ClusterReader, { entries, workload, now }: WebhookInput): Promise<readonly Line[]> => {
  const without = entries.filter(({ caBundle }) => certificatesOf(caBundle).length === 0);
  if (without.length > 0)
    return [
      fail(
        'ca-bundle',
        `${list(without)} has no caBundle: the API server does not trust the certificate of the webhook`,
        rotationRemedy(workload),
      ),
    ];
  const namespace = entries[0]?.service?.namespace;
  const { tlsAuto = '', tlsSecretName: secretName = '' } = workload?.settings ?? {};
  const secret =
    tlsAuto !== '' && namespace !== undefined
      ? await readSecret(reader.client, namespace, secretName).catch(() => undefined)
      : undefined;
  const stored = secret && fromSecret(secret);
  if (stored && stored.kind !== 'ca')
    return [
      fail(
        'certificate',
        `the Secret ${namespace}/${secretName} holds no usable CA${stored.kind === 'damaged' ? `: ${stored.problem}` : ''}`,
        `kubectl -n ${namespace} delete secret ${secretName}: the webhook writes it again from memory`,
      ),
    ];
  const own = stored?.ca.current;
  const fingerprint = own && certificatesOf(own.certificate)[0]?.fingerprint256;
  const other = entries.filter(
    ({ caBundle }) =>
      fingerprint !== undefined && !certificatesOf(caBundle).some(({ fingerprint256 }) => fingerprint256 === fingerprint),
  );
  if (other.length > 0)
    return [
      fail(
        'ca-bundle',
        `the caBundle of ${list(other)} lacks the CA of the Secret ${namespace}/${secretName}`,
        rotationRemedy(workload),
      ),
    ];
  if (own && own.notAfter <= now)
    return [
      fail(
        'certificate',
        `the CA in the Secret ${namespace}/${secretName} expired at ${new Date(own.notAfter).toISOString()}`,
        rotationRemedy(workload),
      ),
    ];
  return [ok('ca-bundle', own ? 'holds the CA of the Secret' : 'each entry has one')];
};

const rotationRemedy = (workload: Workload | undefined): string =>
  workload === undefined
    ? 'publish the CA of the serving certificate in clientConfig.caBundle of each entry'
    : (workload.settings?.tlsAuto ?? '') === ''
      ? 'publish the CA of -tls-cert-file in clientConfig.caBundle of each entry, or set -tls-ca-cert-file and -tls-auto'
      : `the webhook publishes it within a minute if it has its rights: kubectl -n ${workload.namespace} logs deployment/${workload.name}; kubectl -n ${workload.namespace} rollout restart deployment/${workload.name} starts it again`;

const DAY_MS = 86_400_000;

/** Of several CAs in a bundle only the newest counts: the others are those of earlier leaves. */
const dated = (now: number, entries: readonly Entry[]): readonly Line[] => {
  const ends = entries.map(({ caBundle }) => Math.max(...certificatesOf(caBundle).map(({ validTo }) => Date.parse(validTo))));
  const end = Math.min(...ends);
  if (!Number.isFinite(end)) return [];
  const at = new Date(end).toISOString();
  if (end - now < 0)
    return [fail('certificate', `the published CA expired at ${at}`, 'publish the CA that signs the serving certificate now')];
  return end - now < 7 * DAY_MS
    ? [
        warn(
          'certificate',
          `the published CA expires at ${at}`,
          'renew it; with -tls-auto the webhook does, and its log has the reason when it cannot',
        ),
      ]
    : [ok('certificate', `valid until ${at}`)];
};
