// explain about pods of a real cluster: with the webhook's own settings, the namespace and the service account as they are there.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { explain } from '../../src/cli/explain.ts';
import type { JsonObject } from '../../src/json/json.ts';
import type { Bed } from '../bed/bed.ts';
import { untilMay, userOf } from '../bed/rights.ts';
import { registerWebhook, untilInjecting, VAULT_ADDRESS } from '../bed/webhook.ts';
import { ask, type Said } from '../unit/cli/person.ts';
import { onEachKubernetes } from './cluster.ts';
import { ASKING, createPod, webPod } from './pods.ts';

const INSTALLED = 'vault-auth-injector';
const SELECTOR = { app: INSTALLED };

/** What a person finds of an installation: registration, Service, and a pod with the flags of the webhook. */
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
    // Those of deploy/manifests, without the one for labelled namespaces.
    webhooks: ['label', 'annotation'].map((entry) => ({
      name: `${entry}.vaultauth.dev`,
      clientConfig: { service: { namespace: INSTALLED, name: INSTALLED } },
      objectSelector: { matchLabels: { nobody: 'has-it' } },
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      rules: [],
    })),
  });
};

let team: string;
let early: JsonObject;

const told = (bed: Bed, words: readonly string[]): Promise<Said> => ask(explain, [...words, `-kubeconfig=${bed.kubeconfig}`]);

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
  (JSON.parse((await told(bed, [...words, '-o', 'json'])).out) as Answer).pods[0];

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
    test("explains an injected pod by the cluster's layers, the webhook's settings there, and what would change now", async ({
      bed,
    }) => {
      const { code, out, errors } = await told(bed, ['pod', `${team}/web`]);
      expect({ code, errors }).toEqual({ code: 0, errors: [] });
      expect(out).toContain(`Pod ${team}/web (the cluster)`);
      expect(out).toContain(`of ${VAULT_ADDRESS}`);
      expect(out).toMatch(/auth-path +auth\/team +namespace: vaultauth\.dev\/auth-path/);
      expect(out).toMatch(/cpu +30m +settings: -cpu-request/);
      expect(out).toContain('init container vault-agent');
      // The webhook of the bed runs by itself and knows neither the namespace nor the settings of the installation.
      const answer = await data(bed, ['pod', `${team}/web`]);
      expect(answer?.live).toEqual({
        injected: true,
        phase: 'Pending',
        differs: [expect.stringMatching(/^metadata\.annotations\.vaultauth\.dev\/agent-config$/)],
      });
      expect(answer?.login).toMatchObject({ mount: 'auth/team', role: 'web' });
      const same = await bed.createNamespace();
      await createPod(bed, same, webPod('web', ASKING));
      const current = await told(bed, ['pod/web', '-n', same]);
      expect(current.out).toContain('it has what injection gave it, and nothing is missing');
    });

    test('explains a pod that does not ask, and one that was created before the webhook', async ({ bed }) => {
      const plain = await told(bed, ['pod', `${team}/plain`]);
      expect(plain).toMatchObject({ code: 0, errors: [] });
      expect(plain.out).toContain('it has nothing of ours; a new pod like it would be left alone: nobody asks for it');
      const refused = await told(bed, ['pod', `${team}/early`]);
      expect(refused.code).toBe(1);
      expect(refused.out.replaceAll(/\s+/g, ' ')).toContain('it has nothing of ours; a new pod like it would be refused');
      expect(refused.out).toContain('agent-image: refused (pod: vault.hashicorp.com/agent-image)');
      const allowed = await told(bed, ['pod', `${team}/early`, '-allow=agent-image']);
      expect(allowed.code).toBe(0);
      expect(allowed.out.replaceAll(/\s+/g, ' ')).toContain('although a new pod like it would be injected');
    });

    test('explains a pod that asks in a way for which no webhook entry is registered', async ({ bed }) => {
      const labelled = await bed.createNamespace({ labels: { 'vaultauth.dev/inject': 'enabled' } });
      await createPod(bed, labelled, webPod('web', { 'vaultauth.dev/role': 'web' }));
      const { code, out, errors } = await told(bed, ['pod', `${labelled}/web`]);
      expect({ code, errors }).toEqual({
        code: 0,
        errors: [expect.stringContaining('no entry namespace.vaultauth.dev is registered in the cluster')],
      });
      expect(out.replaceAll(/\s+/g, ' ')).toContain('a label of its namespace asks for it');
    });

    test('reports a missing pod and missing rights', async ({ bed }) => {
      expect(await told(bed, ['pod', `${team}/nobody`])).toEqual({
        code: 2,
        out: '',
        errors: [expect.stringContaining('pods "nobody" not found')],
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
      const { code, out, errors } = await ask(explain, ['pod', 'web', `-vault-address=${VAULT_ADDRESS}`], {
        environment: { KUBECONFIG: file },
      });
      expect({ code, errors }).toEqual({
        code: 0,
        errors: [
          expect.stringContaining('the settings of the webhook in the cluster are not known, those of this call count'),
          expect.stringMatching(/^not known, and not counted in: .*namespaces/),
          expect.stringMatching(/^not known, and not counted in: .*limitranges/),
        ],
      });
      expect(out).toContain('it has what injection gave it, and nothing is missing');
    });
  },
);
