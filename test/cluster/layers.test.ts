// Annotations of namespaces and service accounts reach the next pod, on a real API server.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '../../src/json/json.ts';
import type { Bed } from '../bed/bed.ts';
import type { ApiAnswer } from '../bed/request.ts';
import { registerWebhook, startWebhook, untilInjecting, type Webhook } from '../bed/webhook.ts';
import { onEachKubernetes } from './on-each-kubernetes.ts';
import { annotationOf, createPod, namesIn, podsPath, webPod } from './pods.ts';
import { eventually } from '../support/eventually.ts';

const ASK = { 'vault.hashicorp.com/agent-inject': 'true' };
let watching: Webhook;

const kubeconfigOf = (server: string, ca: string, token: string): string =>
  JSON.stringify({
    clusters: [{ name: 'bed', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    users: [{ name: 'user', user: { token } }],
    contexts: [{ name: 'bed', context: { cluster: 'bed', user: 'user' } }],
    'current-context': 'bed',
  });

const account = (name: string, annotations: Readonly<Record<string, string>>): JsonObject => ({
  metadata: { name, annotations },
});

/** How often a pod was refused because a look-up took longer than its second, which only a machine that stands still makes it. */
let late = 0;

/** Creates a pod that is injected, after being refused as often as it may be. */
const created = async (bed: Bed, namespace: string, pod: JsonObject): Promise<JsonObject> => {
  let answer = await bed.exchange('POST', podsPath(namespace), pod);
  while (answer.status === 403 && late < 5) {
    late += 1;
    // After a failed look-up the webhook sends no other one for five seconds.
    await sleep(6000);
    answer = await bed.exchange('POST', podsPath(namespace), pod);
  }
  expect([answer.status, answer.status === 201 ? '' : answer.text]).toEqual([201, '']);
  return JSON.parse(answer.text) as JsonObject;
};

onEachKubernetes(
  ['kube-apiserver'],
  async ({ bed }) => {
    late = 0;
    watching = await startWebhook(bed, { name: 'watching', flags: [`-kubeconfig=${bed.kubeconfig}`, '-profile=native'] });
    await registerWebhook(bed, { name: 'ours', ...watching });
    await untilInjecting(bed, 'default');
  },
  (test) => {
    test('takes the role from a service account that was created just before its pod', async ({ bed }) => {
      const team = await bed.createNamespace({ annotations: { 'vaultauth.dev/auth-path': 'auth/team' } });
      for (let round = 0; round < 20; round += 1) {
        const name = `web-${round}`;
        const role = `role-${round}`;
        await bed.request('POST', `/api/v1/namespaces/${team}/serviceaccounts`, account(name, { 'vaultauth.dev/role': role }));
        const pod = await created(bed, team, webPod(name, ASK, { serviceAccountName: name }));
        const config = String(annotationOf(pod, 'vaultauth.dev/agent-config'));
        expect([config.includes(`"role":"${role}"`), config.includes('"auth/team"')]).toEqual([true, true]);
      }
    });

    test('takes annotations from a namespace that was created just before its pod', async ({ bed }) => {
      for (let round = 0; round < 5; round += 1) {
        const team = await bed.createNamespace({ annotations: { 'vaultauth.dev/role': 'of-namespace' } });
        const pod = await created(bed, team, webPod('web', ASK));
        expect(String(annotationOf(pod, 'vaultauth.dev/agent-config'))).toContain('"role":"of-namespace"');
      }
    });

    test("F20 gives the agent the user of an OpenShift namespace's range, from the watched namespace", async ({ bed }) => {
      const team = await bed.createNamespace({
        annotations: {
          'vaultauth.dev/role': 'web',
          'openshift.io/sa.scc.uid-range': '1000650000/10000',
          'openshift.io/sa.scc.supplemental-groups': '1000660000/10000',
        },
      });
      const { spec } = (await created(bed, team, webPod('web', ASK))) as {
        readonly spec: { readonly initContainers: readonly JsonObject[] };
      };
      expect(spec.initContainers[0]?.['securityContext']).toMatchObject({ runAsUser: 1_000_650_000, runAsGroup: 1_000_660_000 });
    });

    test('refuses a pod after its role was removed from the service account', async ({ bed }) => {
      const team = await bed.createNamespace();
      const path = `/api/v1/namespaces/${team}/serviceaccounts`;
      await bed.request('POST', path, account('web', { 'vaultauth.dev/role': 'web' }));
      await createPod(bed, team, webPod('before', ASK, { serviceAccountName: 'web' }));
      await bed.request('PATCH', `${path}/web`, account('web', { 'vaultauth.dev/role': '' }), 'application/merge-patch+json');
      const pod = webPod('after', ASK, { serviceAccountName: 'web' });
      const answer = await eventually('the pod is refused', async () => {
        const { status, text } = await bed.exchange('POST', podsPath(team, '?dryRun=All'), pod);
        return status !== 201 && text;
      });
      expect(answer).toContain('[role-missing]');
    });

    test('counts look-ups and reports the age of the cache', async () => {
      const text = await (await fetch(`${watching.operations}/metrics`)).text();
      expect(text).toMatch(/^vault_auth_injector_webhook_cache_staleness_seconds \d/m);
      const inVain = [...text.matchAll(/^vault_auth_injector_cluster_lookups_total\{result="(?:failed|skipped)"\} (\d+)$/gm)];
      expect(inVain.reduce((sum, [, count]) => sum + Number(count), 0)).toBeLessThanOrEqual(late);
    });

    test('serves without the right to read namespaces and service accounts, and reports it', async ({ bed }) => {
      const team = await bed.createNamespace({ annotations: { 'vaultauth.dev/role': 'unseen' } });
      await bed.request('POST', `/api/v1/namespaces/${team}/serviceaccounts`, account('unprivileged', {}));
      const kubeconfig = join(bed.directory, 'unprivileged.kubeconfig');
      const token = await bed.kubectl(['create', 'token', 'unprivileged', '-n', team]);
      writeFileSync(kubeconfig, kubeconfigOf(bed.url, bed.ca, token.trim()), { mode: 0o600 });
      const started = Date.now();
      const refused = await startWebhook(bed, { name: 'refused', flags: [`-kubeconfig=${kubeconfig}`] });
      // Without lists it would wait for 30 s.
      expect(Date.now() - started).toBeLessThan(25_000);
      const reported = (collection: string): readonly string[] =>
        readFileSync(refused.server.logFile, 'utf8')
          .split('\n')
          .filter((line) => line.includes(`cannot list resource \\"${collection}\\"`));
      // Lines are written a moment after their cause; a second one, if there were one, a moment later.
      await eventually('both are reported', () =>
        ['namespaces', 'serviceaccounts'].every((collection) => reported(collection).length > 0),
      );
      await sleep(2000);
      for (const collection of ['namespaces', 'serviceaccounts'])
        expect(reported(collection)).toEqual([expect.stringContaining('serving from cache')]);
      const staleness = /^vault_auth_injector_webhook_cache_staleness_seconds (\S+)$/m;
      const age = async () => Number(staleness.exec(await (await fetch(`${refused.operations}/metrics`)).text())?.[1]);
      const before = await age();
      await sleep(1000);
      expect((await age()) - before).toBeGreaterThan(0.5);
      await refused.server.stop('SIGKILL');
    });

    test('applies a change of a namespace to the next pod', async ({ bed }) => {
      const team = await bed.createNamespace();
      let missed = 0;
      for (let round = 0; round < 30; round += 1) {
        const role = { metadata: { annotations: { 'vaultauth.dev/role': `role-${round}` } } };
        await bed.request('PATCH', `/api/v1/namespaces/${team}`, role, 'application/merge-patch+json');
        const answer = await bed.exchange('POST', podsPath(team, '?dryRun=All'), webPod('web', ASK));
        const holds = ({ text }: ApiAnswer): boolean => text.includes(`role-${round}`);
        if (holds(answer)) continue;
        missed += 1;
        await eventually('the change holds', async () =>
          holds(await bed.exchange('POST', podsPath(team, '?dryRun=All'), webPod('web', ASK))),
        );
      }
      // None of 200 was late; nothing guarantees it, for watch events come later on a busy machine.
      expect(missed).toBeLessThan(15);
    });

    test('serves from its cache while the API server is away', async ({ bed }) => {
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
