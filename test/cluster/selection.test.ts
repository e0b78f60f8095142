// The entries of deploy/variants, judged by a real API server, call for the pods that src/selection chooses, and the verifying policy
// misses the agent in the same ones: the whole truth table.
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { isObject, objectAt, objectsOf, textOf, type JsonObject } from '../../src/json/json.ts';
import { operatingSystemOf } from '../../src/pod/operating-system.ts';
import type { SelectionReason } from '../../src/selection/decide.ts';
import { type Bed, startBed } from '../bed/bed.ts';
import { repositoryDirectory } from '../bed/environment.ts';
import { KUBERNETES_VERSIONS } from '../bed/recipes.ts';
import { podsPath } from './pods.ts';
import { entriesOf, type Recorder, startRecorder } from './entry-recorder.ts';
import { createNamespaces, outcomeOf, type Row, ROWS } from './truth-table.ts';
import { eventually } from '../support/eventually.ts';

const ENTRIES: Partial<Record<SelectionReason, string>> = {
  'pod-label': 'label',
  'pod-annotation': 'annotation',
  'pod-annotation-invalid': 'annotation',
  'namespace-label': 'namespace',
  'cluster-default': 'auto',
};

/** The entry that has to call, from the program's own decision. Windows pods are sent when they ask, to get a warning. */
const expected = (row: Row, flags: readonly string[]): string | undefined => {
  const { reason } = outcomeOf(row, flags);
  if (reason !== 'windows-pod') return ENTRIES[reason];
  const spec = isObject(row.pod['spec']) ? row.pod['spec'] : {};
  const entry = ENTRIES[outcomeOf({ ...row, pod: { ...row.pod, spec: { ...spec, os: { name: 'linux' } } } }, flags).reason];
  return entry === 'label' || entry === 'annotation' ? entry : undefined;
};

/** The settings of the Deployment among these objects by which the program selects pods, as flags. */
const selecting = (objects: readonly JsonObject[]): readonly string[] => {
  const deployment = objects.find((object) => textOf(object, 'kind') === 'Deployment');
  const pod = objectAt(objectAt(objectAt(deployment, 'spec'), 'template'), 'spec');
  return objectsOf(objectsOf(pod?.['containers'])[0]?.['env']).flatMap((variable) => {
    const flag = /^VAULT_AUTH_INJECTOR_(EXCLUDED_NAMESPACES|AUTO_INJECT)$/.exec(textOf(variable, 'name') ?? '')?.[1];
    const value = [textOf(variable, 'value'), ...(flag === 'EXCLUDED_NAMESPACES' ? ['vault-auth-injector'] : [])].join();
    return flag === undefined ? [] : [`-${flag.toLowerCase().replaceAll('_', '-')}=${value}`];
  });
};

const isWindows = (pod: JsonObject): boolean => operatingSystemOf(objectAt(pod, 'spec')) === 'windows';

/** Calls to webhooks that the API server has counted. */
const requestsOf = async (bed: Bed): Promise<number> =>
  [...(await bed.metrics()).matchAll(/^apiserver_admission_webhook_request_total\{.*\} (\d+)$/gm)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  );

interface Called {
  readonly entries: readonly string[];
  readonly missed: boolean;
}

/** Of a pod that asks by itself. */
const ASKING = { metadata: { name: 'web', annotations: { 'vault.hashicorp.com/agent-inject': 'true' } } };

/** The row of a pod that does not ask, in that namespace. */
const plain = (namespace: string): Row => {
  const row = ROWS.find((candidate) => candidate.namespace === namespace);
  if (!row) throw new Error(`no row for ${namespace}`);
  return row;
};

describe.each(KUBERNETES_VERSIONS)('on Kubernetes %s', (kubernetes) => {
  let bed: Bed;
  let recorder: Recorder;
  let outcome: 'passed' | 'failed' = 'failed';

  beforeAll(async () => {
    bed = await startBed({ kubernetes, parts: ['kube-apiserver'] });
    recorder = await startRecorder(bed);
    await createNamespaces(bed);
  }, 600_000);
  afterAll(async () => {
    recorder?.close();
    await bed?.stop(outcome);
  });

  const called = async ({ namespace, pod }: Pick<Row, 'namespace' | 'pod'>): Promise<Called> => {
    const answer = await bed.exchange('POST', podsPath(namespace, '?dryRun=All'), pod);
    if (answer.status !== 201) throw new Error(`${namespace} ${JSON.stringify(pod)}: ${answer.text}`);
    const missed = answer.warnings.some((warning) => warning.includes('has neither the Vault agent'));
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
    // Pods that ask and pods that do not are matters of two policies, and each takes effect at its own time.
    const { namespace, pod } = plain('inject-unset-stop-unset');
    const asking = { namespace, pod: { ...pod, ...ASKING } };
    await eventually(`the entry ${entry} and its policy take effect`, async () => {
      const { entries, missed } = await called(row);
      return entries[0] === entry && missed;
    });
    await eventually('the policy for pods that ask takes effect', async () => (await called(asking)).missed);
  };
  /** Rows whose entries differ from the webhook's decision. */
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

  it(`selects pods by ${ROWS.length} rows of the truth table, without a default for the cluster`, async () => {
    await install('namespaces', 'policies', 'namespace', plain('inject-enabled-stop-unset'));
    expect(await wrong()).toEqual([]);
  }, 300_000);

  it('causes no call for pods that are not selected', async () => {
    const before = [await requestsOf(bed), recorder.calls()];
    expect(before[0]).toBeGreaterThan(0);
    const pods = Array.from({ length: 50 }, () => called(plain('inject-unset-stop-unset')));
    expect((await Promise.all(pods)).flatMap(({ entries }) => entries)).toEqual([]);
    expect([await requestsOf(bed), recorder.calls()]).toEqual(before);
  });

  it(`selects pods by ${ROWS.length} rows of the truth table, with a default for the cluster`, async () => {
    await install('cluster-wide', 'variants/verify-cluster-wide', 'auto', plain('inject-unset-stop-unset'));
    expect(await wrong()).toEqual([]);
    outcome = 'passed';
  }, 300_000);
});
