// A webhook that is down: `Fail` refuses pods, `Ignore` admits them as they are, and what does not select them is unaffected.
import { registerWebhook, untilInjecting } from '../bed/webhook.ts';
import { onEachKubernetes } from './on-each-kubernetes.ts';
import { ASKING, createPod, namesIn, podsPath, webPod } from './pods.ts';

onEachKubernetes(
  ['kube-apiserver'],
  async ({ bed, webhook }) => {
    for (const [name, failurePolicy] of [
      ['strict', 'Fail'],
      ['lenient', 'Ignore'],
    ] as const) {
      await bed.createNamespace({ name });
      await registerWebhook(bed, { name, namespace: name, failurePolicy, ...webhook });
      await untilInjecting(bed, name);
    }
    await webhook.server.stop('SIGKILL');
  },
  (test) => {
    test('is rejected under Fail, with a message that names the webhook', async ({ bed }) => {
      const answer = await bed.exchange('POST', podsPath('strict'), webPod('web', ASKING));
      expect(answer.status).toBe(500);
      expect(answer.text).toContain('failed calling webhook \\"annotation.vaultauth.dev\\"');
    });

    test('is admitted under Ignore, without the agent', async ({ bed }) => {
      const pod = await createPod(bed, 'lenient', webPod('web', ASKING));
      expect(namesIn(pod, 'containers')).toEqual(['web']);
    });

    test('is irrelevant to a namespace that is not selected', async ({ bed }) => {
      const team = await bed.createNamespace();
      const pod = await createPod(bed, team, webPod('web', ASKING));
      expect(namesIn(pod, 'containers')).toEqual(['web']);
    });
  },
);
