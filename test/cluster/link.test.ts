// Pods and their VaultAuthRoles on a real API server: kinds that come later, rights that come later, and what each mode does.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments, parseDocument } from 'yaml';
import { explain } from '../../src/cli/explain.ts';
import { isObject, type JsonObject, objectAt, objectsOf, textOf } from '../../src/json/json.ts';
import { collectionPath, type KindName, objectPath } from '../../src/resources/kinds.ts';
import type { Bed } from '../bed/bed.ts';
import { installController } from '../bed/controller.ts';
import { repositoryDirectory } from '../bed/environment.ts';
import { runCommand } from '../unit/cli/run-command.ts';
import { registerWebhook, startWebhook, untilInjecting, type Webhook } from '../bed/webhook.ts';
import { onEachKubernetes } from './on-each-kubernetes.ts';
import { annotationOf, createPod, podsPath, webPod } from './pods.ts';
import { eventually } from '../support/eventually.ts';

const ASK = { 'vault.hashicorp.com/agent-inject': 'true' };
let linking: Webhook;

const declare = (bed: Bed, kind: KindName, name: string, spec: JsonObject, namespace?: string): Promise<unknown> =>
  bed.request('POST', collectionPath(kind, namespace), {
    apiVersion: 'vaultauth.dev/v1alpha1',
    kind,
    metadata: { name },
    spec,
  });

const backend = (bed: Bed, name: string, spec: JsonObject = {}): Promise<unknown> =>
  declare(bed, 'VaultAuthBackend', name, {
    endpointRef: { name: 'main' },
    path: `k8s/${name}`,
    clusterName: 'test',
    type: 'kubernetes',
    kubernetes: { host: bed.url, reviewer: { mode: 'Rotated' } },
    tenancy: { namespaceSelector: {} },
    ...spec,
  });

/** What the controller would write. */
const programmed = (bed: Bed, namespace: string, name: string, isReady: boolean, message = ''): Promise<unknown> => {
  const ready = {
    type: 'Ready',
    status: isReady ? 'True' : 'False',
    reason: isReady ? 'Ready' : 'VaultSealed',
    message,
    observedGeneration: 1,
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  const path = `${objectPath('VaultAuthRole', { namespace, name })}/status`;
  return bed.request('PATCH', path, { status: { conditions: [ready], programmed: true } }, 'application/merge-patch+json');
};

const metricsOf = async ({ operations }: Webhook): Promise<string> => (await fetch(`${operations}/metrics`)).text();
const knowsRoles = async (webhook: Webhook): Promise<boolean> =>
  /^vault_auth_injector_roles_synced 1$/m.test(await metricsOf(webhook));

const configOf = (pod: JsonObject): string => String(annotationOf(pod, 'vaultauth.dev/agent-config'));
const audienceOf = (pod: JsonObject): unknown => {
  const volume = objectsOf(objectAt(pod, 'spec')?.['volumes']).find(({ name }) => name === 'vault-auth-token');
  return objectAt(objectsOf(objectAt(volume, 'projected')?.['sources'])[0], 'serviceAccountToken')?.['audience'];
};

/** Waits until a dry run of the pod is answered so. */
const untilAnswered = (bed: Bed, namespace: string, pod: JsonObject, pattern: RegExp): Promise<unknown> =>
  eventually(`the answer is like ${pattern}`, async () =>
    pattern.test((await bed.exchange('POST', podsPath(namespace, '?dryRun=All'), pod)).text),
  );

const kubeconfigOf = (bed: Bed, token: string): string =>
  JSON.stringify({
    clusters: [
      { name: 'bed', cluster: { server: bed.url, 'certificate-authority-data': Buffer.from(bed.ca).toString('base64') } },
    ],
    users: [{ name: 'user', user: { token } }],
    contexts: [{ name: 'bed', context: { cluster: 'bed', user: 'user' } }],
    'current-context': 'bed',
  });

/** The ClusterRole of an installation, given to a service account. */
const grant = async (bed: Bed, namespace: string, name: string): Promise<void> => {
  const text = readFileSync(join(repositoryDirectory(), 'deploy/manifests/rbac.yaml'), 'utf8');
  const objects = parseAllDocuments(text).map((document): unknown => document.toJS());
  const role = objects.filter(isObject).find(({ kind }) => kind === 'ClusterRole');
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  await bed.request('POST', `${rbac}/clusterroles`, { metadata: { name }, rules: role?.['rules'] });
  await bed.request('POST', `${rbac}/clusterrolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: [{ kind: 'ServiceAccount', name, namespace }],
  });
};

onEachKubernetes(
  ['kube-apiserver'],
  async ({ bed }) => {
    linking = await startWebhook(bed, { name: 'linking', flags: [`-kubeconfig=${bed.kubeconfig}`] });
    await registerWebhook(bed, { name: 'ours', ...linking });
    await untilInjecting(bed, 'default');
  },
  (test) => {
    test('finds CRDs that are installed after its start', async ({ bed }) => {
      expect(await metricsOf(linking)).toMatch(/^vault_auth_injector_roles_synced 0$/m);
      await installController(bed);
      await declare(bed, 'VaultEndpoint', 'main', {
        address: 'https://bao.example:8200',
        namespace: 'teams',
        auth: { kubernetes: { role: 'controller' } },
      });
      await backend(bed, 'main', { isDefault: true });
      await eventually('the kinds are found', () => knowsRoles(linking), {});
      const log = readFileSync(linking.server.logFile, 'utf8');
      expect(log.match(/VaultAuthRole CRDs not found/g)).toHaveLength(1);
      expect(log).not.toMatch(/watch failed.*vaultauth/);
    });

    test('takes the whole login of a pod without Vault annotations from the objects', async ({ bed }) => {
      const team = await bed.createNamespace();
      await bed.request('POST', `/api/v1/namespaces/${team}/serviceaccounts`, { metadata: { name: 'web' } });
      await declare(bed, 'VaultAuthRole', 'web', { tokenExpirationSeconds: 1200 }, team);
      await programmed(bed, team, 'web', true);
      const wanted = webPod('web', ASK, { serviceAccountName: 'web' });
      await untilAnswered(bed, team, wanted, new RegExp(`test\\.${team}\\.web`));
      const pod = await createPod(bed, team, wanted);
      expect(configOf(pod)).toContain(`"role":"test.${team}.web"`);
      expect(configOf(pod)).toContain('"mount_path":"auth/k8s/main","namespace":"teams"');
      expect(configOf(pod)).toContain('"address":"https://bao.example:8200"');
      expect(audienceOf(pod)).toBe('vault://test/k8s/main');
      const words = ['pod', `${team}/web`, `-kubeconfig=${bed.kubeconfig}`, '-vault-address=https://other.example:8200'];
      const { out } = await runCommand(explain, words);
      expect(out).toMatch(new RegExp(`role +test\\.${team}\\.web +VaultAuthRole ${team}/web`));
      expect(out).toMatch(/service +https:\/\/bao\.example:8200 +VaultEndpoint main/);
    });

    test('applies a change of an object to the next pod', async ({ bed }) => {
      const team = await bed.createNamespace();
      await declare(bed, 'VaultAuthRole', 'web', { serviceAccounts: ['default'] }, team);
      await programmed(bed, team, 'web', true);
      const pod = webPod('web', ASK);
      await untilAnswered(bed, team, pod, /"audience":"vault:\/\/test\/k8s\/main"/);
      const path = objectPath('VaultAuthRole', { namespace: team, name: 'web' });
      await bed.request('PATCH', path, { spec: { audience: 'changed' } }, 'application/merge-patch+json');
      await untilAnswered(bed, team, pod, /"audience":"changed"/);
      await bed.request('DELETE', path);
      await untilAnswered(bed, team, pod, /\[role-missing\]/);
    });

    test('warns in mode Warn, rejects with a reason in mode Enforce, and counts both', async ({ bed }) => {
      const strict = await backend(bed, 'strict', { admission: { mode: 'Enforce' } }).then(() => bed.createNamespace());
      const mild = await bed.createNamespace();
      await declare(bed, 'VaultAuthRole', 'web', { serviceAccounts: ['web'] }, mild);
      await declare(bed, 'VaultAuthRole', 'web', { serviceAccounts: ['web'], backendRef: { name: 'strict' } }, strict);
      const pod = webPod('web', { ...ASK, 'vault.hashicorp.com/role': 'web' });
      await untilAnswered(bed, mild, pod, new RegExp(`test\\.${mild}\\.web`));
      await untilAnswered(bed, strict, pod, /vault-role-binding/);
      const warned = await bed.exchange('POST', podsPath(mild, '?dryRun=All'), pod);
      expect(warned.status).toBe(201);
      expect(warned.warnings.join()).toContain(`VaultAuthRole ${mild}/web does not bind service account "default"; bound: web`);
      const refused = await bed.exchange('POST', podsPath(strict), pod);
      expect(refused.status).toBe(403);
      expect(textOf(JSON.parse(refused.text) as JsonObject, 'message')).toContain('does not bind service account');
      const metrics = await metricsOf(linking);
      expect(metrics).toMatch(/role_problems_total\{code="vault-role-binding",effect="would-deny"\} [1-9]/);
      expect(metrics).toMatch(/role_problems_total\{code="vault-role-binding",effect="denied"\} [1-9]/);
    });

    test('admits pods in mode Enforce that are created right after their role', async ({ bed }) => {
      const team = await bed.createNamespace({ labels: { 'vaultauth.dev/auth-backend': 'strict' } });
      for (let number = 0; number < 30; number += 1) {
        const name = `web-${number}`;
        await declare(bed, 'VaultAuthRole', name, { serviceAccounts: ['default'] }, team);
        const pod = webPod(name, { ...ASK, 'vault.hashicorp.com/role': name });
        const { status, text, warnings } = await bed.exchange('POST', podsPath(team, '?dryRun=All'), pod);
        expect([status, text]).toEqual([201, expect.stringContaining(`test.${team}.${name}`)]);
        expect(warnings.join()).toContain(`VaultAuthRole ${team}/${name} of VaultAuthBackend strict is not written to Vault yet`);
      }
    });

    test('admits a pod in mode Enforce whose role was programmed earlier', async ({ bed }) => {
      const team = await bed.createNamespace({ labels: { 'vaultauth.dev/auth-backend': 'strict' } });
      await declare(bed, 'VaultAuthRole', 'web', { serviceAccounts: ['default'] }, team);
      const pod = webPod('web', ASK);
      await programmed(bed, team, 'web', false, 'VaultEndpoint main: Vault is sealed.');
      await eventually('the pod is admitted', async () => {
        const { status, warnings } = await bed.exchange('POST', podsPath(team, '?dryRun=All'), pod);
        return status === 201 && warnings.join().includes('Vault is sealed');
      });
    });

    test('warns the author of a workload about its pods, and never denies it', async ({ bed }) => {
      const entry = parseDocument(
        readFileSync(join(repositoryDirectory(), 'deploy/variants/workload-warnings/entry.yaml'), 'utf8'),
      );
      const [workloads] = objectsOf((entry.toJS() as JsonObject)['webhooks']);
      const clientConfig = {
        url: linking.url.replace('/mutate', '/validate'),
        caBundle: Buffer.from(linking.authority).toString('base64'),
      };
      await bed.request('POST', '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations', {
        metadata: { name: 'workloads' },
        webhooks: [{ ...workloads, clientConfig }],
      });
      const team = await bed.createNamespace({ labels: { 'vaultauth.dev/auth-backend': 'strict' } });
      await declare(bed, 'VaultAuthRole', 'web', { serviceAccounts: ['web'] }, team);
      const template = { metadata: { labels: { app: 'web' }, annotations: { ...ASK, 'vaultauth.dev/role': 'web' } } };
      const pods = { ...template, spec: webPod('web', {})['spec'] ?? {} };
      const selector = { matchLabels: { app: 'web' } };
      const metadata = { name: 'web' };
      const kinds: readonly (readonly [string, JsonObject])[] = [
        ['apps/v1/deployments', { spec: { selector, template: pods } }],
        ['apps/v1/statefulsets', { spec: { selector, template: pods } }],
        ['apps/v1/daemonsets', { spec: { selector, template: pods } }],
        ['batch/v1/jobs', { spec: { template: { ...pods, spec: { ...(pods.spec as JsonObject), restartPolicy: 'Never' } } } }],
        [
          'batch/v1/cronjobs',
          {
            spec: {
              schedule: '0 0 1 1 *',
              jobTemplate: { spec: { template: { ...pods, spec: { ...(pods.spec as JsonObject), restartPolicy: 'Never' } } } },
            },
          },
        ],
      ];
      for (const [resource, object] of kinds) {
        const [group, version, plural] = resource.split('/');
        const path = `/apis/${group}/${version}/namespaces/${team}/${plural}`;
        await eventually(`the author of ${plural} is warned`, async () => {
          const { status, warnings } = await bed.exchange('POST', `${path}?dryRun=All`, { metadata, ...object });
          expect(status).toBe(201);
          return warnings.join().includes(`VaultAuthRole ${team}/web does not bind service account "default"`);
        });
      }
      const plain = { metadata, spec: { selector, template: { metadata: { labels: { app: 'web' } }, spec: pods.spec } } };
      const quiet = await bed.exchange('POST', `/apis/apps/v1/namespaces/${team}/deployments?dryRun=All`, plain);
      expect([quiet.status, quiet.warnings]).toEqual([201, []]);
    });

    test('serves without the rights to the objects, and follows them once they are granted', async ({ bed }) => {
      const team = await bed.createNamespace();
      await bed.request('POST', `/api/v1/namespaces/${team}/serviceaccounts`, { metadata: { name: 'webhook' } });
      const kubeconfig = join(bed.directory, 'webhook.kubeconfig');
      const token = await bed.kubectl(['create', 'token', 'webhook', '-n', team]);
      writeFileSync(kubeconfig, kubeconfigOf(bed, token.trim()), { mode: 0o600 });
      const started = Date.now();
      const refused = await startWebhook(bed, { name: 'refused', flags: [`-kubeconfig=${kubeconfig}`] });
      expect(Date.now() - started).toBeLessThan(20_000);
      expect(await knowsRoles(refused)).toBe(false);
      await eventually('the log says so', () =>
        /cannot list resource \\"vaultauthroles\\"/.test(readFileSync(refused.server.logFile, 'utf8')),
      );
      await grant(bed, team, 'webhook');
      await eventually('it follows', () => knowsRoles(refused), {});
      await refused.server.stop('SIGKILL');
    });
  },
);
