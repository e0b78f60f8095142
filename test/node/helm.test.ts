// A release of the chart on a real node, as a platform team has it: install, test, upgrade and roll back under load, uninstall.
import { setTimeout as sleep } from 'node:timers/promises';
import { CHART, type Helm, openHelm } from '../bed/helm.ts';
import { IMAGES } from '../bed/node/images.ts';
import type { BedWithNode } from '../bed/node/node.ts';
import { startLoad } from '../cluster/helm/admission-load.ts';
import { podsPath, webPod } from '../cluster/pods.ts';
import { eventually } from '../support/eventually.ts';
import { onNode } from './on-node.ts';

const NAMESPACE = 'platform-secrets';
const RELEASE = 'inject';
const NAME = `${RELEASE}-vault-auth-injector`;
const ASK = { 'vault.hashicorp.com/agent-inject': 'true', 'vault.hashicorp.com/role': 'web' };

const IN_NAMESPACE = ['--namespace', NAMESPACE, '--wait', '--timeout=180s'];

let helm: Helm;
let team: string;
afterAll(() => helm?.close());

const [repository = '', tag = ''] = IMAGES.injector.split(':');
// A tag that looks like a number is a text.
const IMAGE = ['--set', `image.repository=${repository}`, '--set-string', `image.tag=${tag}`];
const release = (verb: 'install' | 'upgrade', ...values: readonly string[]): Promise<string> =>
  helm.run([
    verb,
    RELEASE,
    CHART,
    ...IN_NAMESPACE,
    '--create-namespace',
    ...IMAGE,
    ...values.flatMap((value) => ['--set', value]),
  ]);

/** Status and text of a dry run of a pod that asks. */
const asked = async (bed: BedWithNode): Promise<{ readonly status: number; readonly text: string }> =>
  bed.exchange('POST', podsPath(team, '?dryRun=All'), webPod('web', ASK));

/** Calls for as long as the work runs, and collects pods that are rejected. */
const rejectedDuring = async (bed: BedWithNode, work: Promise<unknown>): Promise<readonly string[]> => {
  const rejected: string[] = [];
  const over = new AbortController();
  const end = work.finally(() => over.abort());
  // Its failure is seen below, after the loop.
  end.catch(() => undefined);
  while (!over.signal.aborted) {
    const { status, text } = await asked(bed);
    if (status !== 201) rejected.push(text.slice(0, 300));
    await sleep(25);
  }
  await end;
  return rejected;
};

onNode(
  'a release of the chart',
  { images: ['injector'] },
  async (bed) => {
    helm = await openHelm(bed.kubeconfig);
    team = await bed.createNamespace({});
  },
  (test) => {
    test('the first install rejects no pod, and then pods are injected', async (bed) => {
      expect(await rejectedDuring(bed, release('install'))).toEqual([]);
      const injecting = eventually('pods are injected', async () => (await asked(bed)).text.includes('"vault-agent"'));
      expect(await rejectedDuring(bed, injecting)).toEqual([]);
      expect(await helm.run(['test', RELEASE, '--namespace', NAMESPACE])).toMatch(/Phase: +Succeeded/);
    });

    test('an upgrade with a changed value and a rollback lose none of 3,000 admissions', async (bed) => {
      const load = startLoad(bed, team, 60);
      await release('upgrade', 'webhook.settings.log-level=debug', 'selection.labelledNamespaces=true');
      const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${NAME}`;
      const entries = async (): Promise<readonly (number | undefined)[]> =>
        (await bed.request<{ webhooks: readonly { rules?: readonly unknown[] }[] }>('GET', path)).webhooks.map(
          ({ rules }) => rules?.length,
        );
      await eventually(async () => expect(await entries()).toEqual([1, 1, 1]));
      await helm.run(['rollback', RELEASE, '1', ...IN_NAMESPACE]);
      expect(await entries()).toEqual([1, 1]);
      await eventually('3,000 admissions', () => load.sent() >= 3000, { seconds: 120 });
      await load.stop();
      expect(load.lost()).toEqual([]);
    });

    test('an uninstall rejects no pod and leaves no object', async (bed) => {
      expect(await rejectedDuring(bed, helm.run(['uninstall', RELEASE, ...IN_NAMESPACE]))).toEqual([]);
      expect((await asked(bed)).text).not.toContain('"vault-agent"');
      const kinds = (await bed.kubectl(['api-resources', '--verbs=list', '-o', 'name'])).trim().split('\n');
      const words = ['get', kinds.join(), '--all-namespaces', '-o', 'name', '--ignore-not-found'];
      // Replicas drain for some seconds.
      await eventually('no object is left', async () => {
        const left = await bed.kubectl([...words, '-l', `app.kubernetes.io/instance=${RELEASE}`]);
        expect(left).toBe('');
        return true;
      });
    });
  },
);
