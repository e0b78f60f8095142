// What namespaces and service accounts say reaches the pod, on a real API server and at once.
import type { JsonObject } from '../../src/pod/manifest.ts';
import { registerWebhook, startWebhook, untilInjecting, type Webhook } from '../bed/webhook.ts';
import { onEachKubernetes } from './cluster.ts';
import { annotationOf, createPod, namesIn, podsPath, webPod } from './pods.ts';

const ASK = { 'vault.hashicorp.com/agent-inject': 'true' };
let watching: Webhook;

const account = (name: string, annotations: Readonly<Record<string, string>>): JsonObject => ({
  metadata: { name, annotations },
});

onEachKubernetes(
  ['kube-apiserver'],
  async ({ bed }) => {
    watching = await startWebhook(bed, { name: 'watching', flags: [`-kubeconfig=${bed.kubeconfig}`, '-profile=native'] });
    await registerWebhook(bed, { name: 'ours', ...watching });
    await untilInjecting(bed, 'default');
  },
  (test) => {
    test('a service account made in the same breath as its pod gives it its role', async ({ bed }) => {
      const team = await bed.createNamespace({ annotations: { 'vaultauth.dev/auth-path': 'auth/team' } });
      for (let round = 0; round < 20; round += 1) {
        const name = `web-${round}`;
        const role = `role-${round}`;
        await bed.request('POST', `/api/v1/namespaces/${team}/serviceaccounts`, account(name, { 'vaultauth.dev/role': role }));
        const pod = await createPod(bed, team, webPod(name, ASK, { serviceAccountName: name }));
        const config = String(annotationOf(pod, 'vaultauth.dev/agent-config'));
        expect([config.includes(`"role":"${role}"`), config.includes('"auth/team"')]).toEqual([true, true]);
      }
    });

    test('a namespace made in the same breath as its pod is asked as well', async ({ bed }) => {
      for (let round = 0; round < 5; round += 1) {
        const team = await bed.createNamespace({ annotations: { 'vaultauth.dev/role': 'of-namespace' } });
        const pod = await createPod(bed, team, webPod('web', ASK));
        expect(String(annotationOf(pod, 'vaultauth.dev/agent-config'))).toContain('"role":"of-namespace"');
      }
    });

    test('what is taken away there is missing here, with a reason', async ({ bed }) => {
      const team = await bed.createNamespace();
      const path = `/api/v1/namespaces/${team}/serviceaccounts`;
      await bed.request('POST', path, account('web', { 'vaultauth.dev/role': 'web' }));
      await createPod(bed, team, webPod('before', ASK, { serviceAccountName: 'web' }));
      await bed.request('PATCH', `${path}/web`, account('web', { 'vaultauth.dev/role': '' }), 'application/merge-patch+json');
      const pod = webPod('after', ASK, { serviceAccountName: 'web' });
      let answer = await bed.exchange('POST', podsPath(team, '?dryRun=All'), pod);
      for (let wait = 0; wait < 100 && answer.status === 201; wait += 1)
        answer = await bed.exchange('POST', podsPath(team, '?dryRun=All'), pod);
      expect(answer.text).toContain('[role-missing]');
    });

    test('metrics tell of the look-ups and of how old the knowledge is', async () => {
      const text = await (await fetch(`${watching.operations}/metrics`)).text();
      expect(text).toMatch(/^vault_auth_injector_cluster_staleness_seconds \d/m);
      expect(text).not.toMatch(/^vault_auth_injector_cluster_lookups_total\{result="(?:failed|unasked)"\}/m);
    });

    test('without the API server it goes on with what it knows', async ({ bed }) => {
      const team = await bed.createNamespace();
      await bed.request('POST', `/api/v1/namespaces/${team}/serviceaccounts`, account('web', { 'vaultauth.dev/role': 'web' }));
      await createPod(bed, team, webPod('before', ASK, { serviceAccountName: 'web' }));
      await bed.restart('kube-apiserver');
      await untilInjecting(bed, 'default');
      const pod = await createPod(bed, team, webPod('after', ASK, { serviceAccountName: 'web' }));
      expect(namesIn(pod, 'initContainers')).toEqual(['vault-agent']);
      expect((await fetch(`${watching.operations}/readyz`)).status).toBe(200);
    });
  },
);
