// The entries of deploy/variants, judged by a real API server, call for the pods that src/selection chooses, and the verifying policy
// misses the agent in the same ones: the whole truth table.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import { admitPod } from '../../src/admission/admit.ts';
import { admissionContext } from '../../src/cli/context.ts';
import { isObject, objectAt, objectsOf, textOf, type JsonObject } from '../../src/pod/manifest.ts';
import type { SelectionReason } from '../../src/selection/decide.ts';
import { readSettings } from '../../src/settings/read.ts';
import { type Bed, startBed } from '../bed/bed.ts';
import { repositoryDirectory } from '../bed/environment.ts';
import { KUBERNETES_VERSIONS } from '../bed/recipes.ts';
import { podsPath } from './pods.ts';
import { entriesOf, type Recorder, startRecorder } from './recorder.ts';

type Texts = Readonly<Record<string, string>>;
interface Row {
  readonly namespace: string;
  readonly namespaceLabels: Texts;
  readonly pod: JsonObject;
}

const INJECT = 'vaultauth.dev/inject';
const VAULT = 'vault.hashicorp.com/agent-inject';
const BAO = 'openbao.org/agent-inject';
const OURS = 'vaultauth.dev/agent-inject';

/** Namespaces that are excluded and that every cluster has. */
const SYSTEM = ['kube-system', 'kube-public', 'kube-node-lease'];

const word = (value: string | undefined): Texts => (value === undefined ? {} : { [INJECT]: value });
const NAMESPACES: readonly (readonly [name: string, labels: Texts])[] = [
  ...[undefined, 'enabled', 'disabled', 'yes'].flatMap((inject) =>
    [undefined, 'disabled', 'off'].map((stop): readonly [string, Texts] => [
      `inject-${inject ?? 'unset'}-stop-${stop ?? 'unset'}`,
      { ...word(inject), ...(stop === undefined ? {} : { 'vaultauth.dev/admission': stop }) },
    ]),
  ),
  ...[...SYSTEM, 'vault-auth-injector'].map((name): readonly [string, Texts] => [name, word('enabled')]),
];
const LABELS: readonly Texts[] = [undefined, 'enabled', 'disabled', 'true'].map(word);
const ANNOTATIONS: readonly Texts[] = [
  {},
  { other: 'x' },
  ...['true', 'TRUE', '1', 'false', 'F', '0', '', 'fAlSe', 'maybe'].map((value) => ({ [VAULT]: value })),
  ...['true', 'false'].flatMap((value) => [{ [BAO]: value }, { [OURS]: value }]),
  ...['enabled', 'disabled', 'nope'].map(word),
  { [VAULT]: 'false', [BAO]: 'true' },
  { [VAULT]: 'false', [INJECT]: 'enabled' },
  { [VAULT]: 'false', [INJECT]: 'disabled' },
];
/** For the rarer kinds of pods: nothing, yes, no, a mess, and each of our own. */
const FEW = ANNOTATIONS.filter((_, index) => [0, 2, 5, 10, 15, 16, 19].includes(index));
const KINDS: readonly { readonly annotations: Texts; readonly spec: JsonObject; readonly few?: true }[] = [
  { annotations: {}, spec: {} },
  // What a kubelet makes of a manifest on its node.
  {
    annotations: { 'kubernetes.io/config.mirror': 'x' },
    spec: { nodeName: 'node', automountServiceAccountToken: false, enableServiceLinks: false },
    few: true,
  },
  { annotations: {}, spec: { os: { name: 'windows' } }, few: true },
];

const ROWS: readonly Row[] = NAMESPACES.flatMap(([namespace, namespaceLabels]) =>
  LABELS.flatMap((labels) =>
    KINDS.flatMap(({ annotations, spec, few }) =>
      (few ? FEW : ANNOTATIONS).map((own) => ({
        namespace,
        namespaceLabels,
        pod: {
          metadata: { name: 'web', labels, annotations: { ...own, ...annotations } },
          spec: { containers: [{ name: 'web', image: 'nginx' }], ...spec },
        },
      })),
    ),
  ),
);

const ENTRIES: Partial<Record<SelectionReason, string>> = {
  'pod-label': 'label',
  'pod-annotation': 'annotation',
  'pod-annotation-invalid': 'annotation',
  'namespace-label': 'namespace',
  'cluster-default': 'auto',
};

/** The entry that has to call, from the program's own decision. Windows pods are sent when they ask, to be told why not. */
const expected = ({ namespace, namespaceLabels, pod }: Row, flags: readonly string[]): string | undefined => {
  const reading = readSettings('webhook', flags, {});
  if (!reading.ok) throw new Error(reading.problems.join());
  const metadata = { labels: new Map(Object.entries(namespaceLabels)), annotations: new Map<string, string>() };
  const cluster = { namespace: () => metadata, serviceAccount: () => undefined };
  const context = admissionContext('webhook', reading.value, cluster);
  const spec = isObject(pod['spec']) ? pod['spec'] : {};
  const { reason } = admitPod(pod, namespace, context);
  if (reason !== 'windows-pod') return ENTRIES[reason];
  const entry = ENTRIES[admitPod({ ...pod, spec: { ...spec, os: { name: 'linux' } } }, namespace, context).reason];
  return entry === 'label' || entry === 'annotation' ? entry : undefined;
};

/** Those flags of the Deployment among these objects by which the program selects pods. */
const selecting = (objects: readonly JsonObject[]): readonly string[] => {
  const deployment = objects.find((object) => textOf(object, 'kind') === 'Deployment');
  const pod = objectAt(objectAt(objectAt(deployment, 'spec'), 'template'), 'spec');
  const args = objectsOf(pod?.['containers'])[0]?.['args'];
  return (Array.isArray(args) ? args : []).map(String).filter((flag) => /^-(?:excluded-namespaces|auto-inject)\b/.test(flag));
};

const isWindows = (pod: JsonObject): boolean => JSON.stringify(pod).includes('"windows"');

/** Calls to webhooks that the API server has counted. */
const requestsOf = async (bed: Bed): Promise<number> =>
  [...(await bed.metrics()).matchAll(/^apiserver_admission_webhook_request_total\{.*\} (\d+)$/gm)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  );

describe.each(KUBERNETES_VERSIONS)('on Kubernetes %s', (kubernetes) => {
  let bed: Bed;
  let recorder: Recorder;
  let outcome: 'passed' | 'failed' = 'failed';

  beforeAll(async () => {
    bed = await startBed({ kubernetes, parts: ['kube-apiserver'] });
    recorder = await startRecorder(bed);
    for (const [name, labels] of NAMESPACES) if (!SYSTEM.includes(name)) await bed.createNamespace({ name, labels });
    for (const name of SYSTEM) {
      const path = `/api/v1/namespaces/${name}`;
      await bed.request('PATCH', path, { metadata: { labels: word('enabled') } }, 'application/merge-patch+json');
      await bed.request('POST', `${path}/serviceaccounts`, { metadata: { name: 'default' } });
    }
  }, 600_000);
  afterAll(async () => {
    recorder?.close();
    await bed?.stop(outcome);
  });

  const called = async ({ namespace, pod }: Row): Promise<{ readonly entries: readonly string[]; readonly missed: boolean }> => {
    const answer = await bed.exchange('POST', podsPath(namespace, '?dryRun=All'), pod);
    if (answer.status !== 201) throw new Error(`${namespace} ${JSON.stringify(pod)}: ${answer.text}`);
    const missed = answer.warnings.some((warning) => warning.includes('has to carry the Vault agent'));
    return { entries: entriesOf(answer), missed };
  };
  /** Flags that decide about selection. */
  let flags: readonly string[] = [];
  /** Installs a variant, its configuration calling the recorder, with the policies for it; waits until this entry and the policy take effect. */
  const install = async (variant: string, policies: string, entry: string, row: Row): Promise<void> => {
    const deploy = join(repositoryDirectory(), 'deploy');
    const rendered = await bed.kubectl(['kustomize', join(deploy, 'variants', variant)]);
    const documents = parseAllDocuments(rendered).map((document): unknown => document.toJS());
    flags = selecting(documents.filter(isObject));
    const configuration = documents.filter(isObject).find((object) => textOf(object, 'kind') === 'MutatingWebhookConfiguration');
    await bed.kubectl(['apply', '-f', '-'], JSON.stringify(recorder.redirected(configuration ?? {})));
    await bed.kubectl(['apply', '-k', join(deploy, policies)]);
    for (let wait = 0; ; wait += 1) {
      const { entries, missed } = await called(row);
      if (entries[0] === entry && missed) return;
      if (wait === 400) throw new Error(`the entry ${entry} or its policy does not take effect`);
      await sleep(50);
    }
  };
  const plain = (namespace: string): Row => {
    const row = ROWS.find((candidate) => candidate.namespace === namespace);
    if (!row) throw new Error(`no row for ${namespace}`);
    return row;
  };
  /** Rows whose entries are not those that the program's decision says. */
  const wrong = async (): Promise<readonly unknown[]> => {
    const left = [...ROWS];
    const found: unknown[] = [];
    const work = async (): Promise<void> => {
      for (let row = left.pop(); row; row = left.pop()) {
        const { entries, missed } = await called(row);
        const wanted = expected(row, flags);
        const due = wanted !== undefined && !isWindows(row.pod);
        if (entries.join() !== (wanted ?? '') || missed !== due) found.push({ ...row, entries, wanted, missed, due });
      }
    };
    await Promise.all(Array.from({ length: 6 }, work));
    return found;
  };

  it(`${ROWS.length} rows without a default for the cluster`, async () => {
    await install('namespaces', 'policies', 'namespace', plain('inject-enabled-stop-unset'));
    expect(await wrong()).toEqual([]);
  }, 120_000);

  it('pods that nobody asked for cause no call at all', async () => {
    const before = [await requestsOf(bed), recorder.calls()];
    expect(before[0]).toBeGreaterThan(0);
    const pods = Array.from({ length: 50 }, () => called(plain('inject-unset-stop-unset')));
    expect((await Promise.all(pods)).flatMap(({ entries }) => entries)).toEqual([]);
    expect([await requestsOf(bed), recorder.calls()]).toEqual(before);
  });

  it(`${ROWS.length} rows with a default for the cluster`, async () => {
    await install('cluster-wide', 'variants/verify-cluster-wide', 'auto', plain('inject-unset-stop-unset'));
    expect(await wrong()).toEqual([]);
    outcome = 'passed';
  }, 120_000);
});
