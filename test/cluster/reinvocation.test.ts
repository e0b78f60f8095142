// The API server calls us again when a later webhook has changed the pod; the second call adds nothing but what the change needs.
import { readFileSync } from 'node:fs';
import { objectAt } from '../../src/json/json.ts';
import { registerWebhook, untilInjecting, type Webhook } from '../bed/webhook.ts';
import { onEachKubernetes } from './on-each-kubernetes.ts';
import { type OtherWebhook, startOtherWebhook } from './other-webhook.ts';
import { ASKING, containerOf, createPod, mountPathsOf, namesIn, webPod } from './pods.ts';
import { eventually } from '../support/eventually.ts';

let other: OtherWebhook | undefined;
afterAll(() => other?.close());

/** Lines of the webhook's log about a pod, as soon as there are so many; lines are written a moment after the answer. */
function logLines(webhook: Webhook, pod: string, count: number): Promise<readonly string[]> {
  return eventually(`the log has ${count} lines about ${pod}`, () => {
    const lines = readFileSync(webhook.server.logFile, 'utf8')
      .split('\n')
      .filter((line) => line.includes(`"${pod}"`));
    return lines.length >= count && lines;
  });
}

onEachKubernetes(
  ['kube-apiserver'],
  async ({ bed, webhook }) => {
    // Configurations are called in the order of their names: ours first, and again after the other.
    await registerWebhook(bed, { name: 'a-ours', ...webhook });
    await untilInjecting(bed, 'default');
    other?.close();
    other = await startOtherWebhook(bed);
    await registerWebhook(bed, { name: 'b-other', ...other });
    const { calls } = other;
    await eventually('the other webhook is called', async () => {
      await createPod(bed, 'default', webPod('probe', ASKING), '?dryRun=All');
      return calls() > 0;
    });
  },
  (test) => {
    test('adds only the mounts of the container that was added later', async ({ bed, webhook }) => {
      const team = await bed.createNamespace();
      const pod = await createPod(bed, team, webPod('reinvoked', ASKING));
      const reviews = await logLines(webhook, 'reinvoked', 2);
      expect(reviews).toHaveLength(2);

      expect(namesIn(pod, 'containers')).toEqual(['web', 'late']);
      expect(namesIn(pod, 'initContainers')).toEqual(['vault-agent']);
      const volumes = namesIn(pod, 'volumes');
      expect(new Set(volumes).size).toBe(volumes.length);
      for (const container of ['web', 'late', 'vault-agent']) {
        const paths = mountPathsOf(pod, container);
        expect(new Set(paths).size).toBe(paths.length);
      }
      for (const container of ['web', 'late']) expect(mountPathsOf(pod, container)).toContain('/vault/secrets');
      expect(containerOf(pod, 'late')).toMatchObject({ image: 'late:1' });
    });

    test('adds nothing to a pod that was injected before it came', async ({ bed }) => {
      const team = await bed.createNamespace();
      const first = await createPod(bed, team, webPod('original', ASKING));
      const annotations = objectAt(objectAt(first, 'metadata'), 'annotations') ?? {};
      const second = await createPod(bed, team, { metadata: { name: 'copied', annotations }, spec: first['spec'] ?? {} });
      for (const list of ['containers', 'initContainers', 'volumes'] as const)
        expect(namesIn(second, list)).toEqual(namesIn(first, list));
    });
  },
);
