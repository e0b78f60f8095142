// explain for pods of a real cluster: with the settings of the installed webhook, the namespace and the service account.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { explain } from '../../src/cli/explain.ts';
import type { JsonObject } from '../../src/json/json.ts';
import type { Bed } from '../bed/bed.ts';
import { untilMay, userOf } from '../bed/rights.ts';
import { registerWebhook, untilInjecting, VAULT_ADDRESS } from '../bed/webhook.ts';
import { runCommand, type CommandResult } from '../unit/cli/run-command.ts';
import { onEachKubernetes } from './on-each-kubernetes.ts';
import { ASKING, createPod, webPod } from './pods.ts';

const INSTALLED = 'vault-auth-injector';
const SELECTOR = { app: INSTALLED };

/** What explain reads of an installation: webhook configuration, Service, and a pod with the flags of the webhook. */
const install = async (bed: Bed, flags: readonly string[]): Promise<void> => {
  await bed.createNamespace({ name: INSTALLED });
  const core = `/api/v1/namespaces/${INSTALLED}`;
  await bed.request('POST', `${core}/services`, {
    metadata: { name: INSTALLED },
    spec: { selector: SELECTOR, ports: [{ port: 443 }] },
  });
  const container = { name: 'webhook', image: 'injector', args: ['webhook', ...flags] };
  await bed.request('POST', `${core}/pods`, {
    metadata: { name: 'webhook', labels: SELECTOR },
    spec: { containers: [container] },
  });
  await bed.request('POST', '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations', {
    metadata: { name: 'installed' },
    // Entries of deploy/manifests, without the one for labelled namespaces.
    webhooks: ['label', 'annotation'].map((entry) => ({
      name: `${entry}.vaultauth.dev`,
      clientConfig: { service: { namespace: INSTALLED, name: INSTALLED } },
      objectSelector: { matchLabels: { matches: 'no-pod' } },
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      rules: [],
    })),
  });
};

let team: string;
let early: JsonObject;

const explainPod = (bed: Bed, words: readonly string[]): Promise<CommandResult> =>
  runCommand(explain, [...words, `-kubeconfig=${bed.kubeconfig}`]);

interface Answer {
  readonly pods: readonly {
    readonly decision: string;
    readonly live: { readonly injected: boolean; readonly phase: string; readonly differs: readonly string[] };
    readonly login: { readonly address: string; readonly mount: string; readonly role: string };
    readonly options: readonly { readonly name: string; readonly layer: string; readonly value: unknown }[];
    readonly guarded: readonly { readonly name: string; readonly allowedBy: string }[];
  }[];
}
const data = async (bed: Bed, words: readonly string[]): Promise<Answer['pods'][number] | undefined> =>
  (JSON.parse((await explainPod(bed, [...words, '-o', 'json'])).out) as Answer).pods[0];

onEachKubernetes(
  ['kube-apiserver'],
  async ({ bed, webhook }) => {
    team = await bed.createNamespace({ annotations: { 'vaultauth.dev/auth-path': 'auth/team' } });
    await bed.request('POST', `/api/v1/namespaces/${team}/serviceaccounts`, {
      metadata: { name: 'web', annotations: { 'vaultauth.dev/role': 'of-account' } },
    });
    early = webPod('early', { ...ASKING, 'vault.hashicorp.com/agent-image': 'mine/agent:1' });
    await createPod(bed, team, early);
    await install(bed, [`-vault-address=${VAULT_ADDRESS}`, '-tls-auto=installed', '-cpu-request=30m']);
    await registerWebhook(bed, { name: 'ours', ...webhook });
    await untilInjecting(bed, 'default');
    await createPod(bed, team, webPod('web', ASKING, { serviceAccountName: 'web' }));
    await createPod(bed, team, webPod('plain', {}));
  },
  (test) => {
    test('explains an injected pod with layers and settings of the cluster, and what a new pod would have', async ({ bed }) => {
      const { code, out, errors } = await explainPod(bed, ['pod', `${team}/web`]);
      expect({ code, errors }).toEqual({ code: 0, errors: [] });
      expect(out).toContain(`Pod ${team}/web (the cluster)`);
      expect(out).toContain(`of ${VAULT_ADDRESS}`);
      expect(out).toMatch(/auth-path +auth\/team +namespace: vaultauth\.dev\/auth-path/);
      expect(out).toMatch(/cpu +30m +settings: -cpu-request/);
      expect(out).toContain('init container vault-agent');
      // The webhook of the bed has neither the namespace nor the settings of the installation.
      const answer = await data(bed, ['pod', `${team}/web`]);
      expect(answer?.live).toEqual({
        injected: true,
        phase: 'Pending',
        differs: [expect.stringMatching(/^metadata\.annotations\.vaultauth\.dev\/agent-config$/)],
      });
      expect(answer?.login).toMatchObject({ mount: 'auth/team', role: 'web' });
      const same = await bed.createNamespace();
      await createPod(bed, same, webPod('web', ASKING));
      const current = await explainPod(bed, ['pod/web', '-n', same]);
      expect(current.out).toContain('injected, and nothing is missing');
    });

    test('explains pods without an agent: one without a request, and one created before the webhook', async ({ bed }) => {
      const plain = await explainPod(bed, ['pod', `${team}/plain`]);
      expect(plain).toMatchObject({ code: 0, errors: [] });
      expect(plain.out).toContain('not injected; a new pod like it would not be injected: neither the pod');
      const denied = await explainPod(bed, ['pod', `${team}/early`]);
      expect(denied.code).toBe(1);
      expect(denied.out.replaceAll(/\s+/g, ' ')).toContain('not injected; a new pod like it would be denied');
      expect(denied.out).toContain('agent-image: not allowed (pod: vault.hashicorp.com/agent-image)');
      const allowed = await explainPod(bed, ['pod', `${team}/early`, '-allow=agent-image']);
      expect(allowed.code).toBe(0);
      expect(allowed.out.replaceAll(/\s+/g, ' ')).toContain('although a new pod like it would be injected');
    });

    test('warns about a request for which no webhook entry is registered', async ({ bed }) => {
      const labelled = await bed.createNamespace({ labels: { 'vaultauth.dev/inject': 'enabled' } });
      await createPod(bed, labelled, webPod('web', { 'vaultauth.dev/role': 'web' }));
      const { code, out, errors } = await explainPod(bed, ['pod', `${labelled}/web`]);
      expect({ code, errors }).toEqual({
        code: 0,
        errors: [expect.stringContaining('the cluster has no webhook entry namespace.vaultauth.dev')],
      });
      expect(out.replaceAll(/\s+/g, ' ')).toContain('requested by a label of its namespace');
    });

    test('rejects a missing pod, and warns about objects that it may not read', async ({ bed }) => {
      expect(await explainPod(bed, ['pod', `${team}/missing`])).toEqual({
        code: 2,
        out: '',
        errors: [expect.stringContaining('pods "missing" not found')],
      });
      await bed.request('POST', `/api/v1/namespaces/${team}/serviceaccounts`, { metadata: { name: 'reader' } });
      await bed.kubectl(['-n', team, 'create', 'role', 'reader', '--verb=get', '--resource=pods,serviceaccounts']);
      await bed.kubectl(['-n', team, 'create', 'rolebinding', 'reader', '--role=reader', `--serviceaccount=${team}:reader`]);
      await untilMay(bed, userOf(team, 'reader'), { verb: 'get', resource: 'pods', namespace: team });
      const token = (await bed.kubectl(['create', 'token', 'reader', '-n', team])).trim();
      const file = join(bed.directory, 'reader.json');
      const cluster = { server: bed.url, 'certificate-authority-data': Buffer.from(bed.ca).toString('base64') };
      const config = {
        clusters: [{ name: 'bed', cluster }],
        users: [{ name: 'reader', user: { token } }],
        contexts: [{ name: 'reader', context: { cluster: 'bed', user: 'reader', namespace: team } }],
        'current-context': 'reader',
      };
      writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
      const { code, out, errors } = await runCommand(explain, ['pod', 'web', `-vault-address=${VAULT_ADDRESS}`], {
        environment: { KUBECONFIG: file },
      });
      expect({ code, errors }).toEqual({
        code: 0,
        errors: [
          expect.stringContaining("cannot read the settings of the cluster's webhook, using the flags of this command"),
          expect.stringMatching(/^cannot be read, and is ignored: .*namespaces/),
          expect.stringMatching(/^cannot be read, and is ignored: .*limitranges/),
        ],
      });
      expect(out).toContain('injected, and nothing is missing');
    });
  },
);
