// Guarded annotations on a real API server: refused on pods unless the operator or the namespace admin allows them, without a bypass.
import { GUARDED_NAMES } from '../../src/admission/guard.ts';
import { objectAt, type JsonObject } from '../../src/json/json.ts';
import { startWebhook } from '../bed/webhook.ts';
import type { Bed } from '../bed/bed.ts';
import type { ApiAnswer } from '../bed/request.ts';
import { onEachKubernetes } from './on-each-kubernetes.ts';
import { ASKING, containerOf, podsPath, webPod } from './pods.ts';
import { registerVariant } from './deploy-variant.ts';
import { eventually } from '../support/eventually.ts';

const EVIL = 'https://evil.example:8200';
const OWN = 'vaultauth.dev/';
const PREFIXES = ['vault.hashicorp.com/', 'openbao.org/', OWN];

interface Guarded {
  readonly value: string;
  /** What is seen of it in a pod that may use it. */
  readonly effect: string | RegExp;
  readonly profile?: 'compat';
  readonly own?: true;
  readonly more?: Readonly<Record<string, string>>;
}

const ONCE = { 'vault.hashicorp.com/agent-pre-populate-only': 'true' };
const patch = (path: string, value: unknown): string => JSON.stringify([{ op: 'add', path, value }]);
const CASES: Readonly<Record<string, Guarded>> = {
  service: { value: EVIL, effect: EVIL },
  'proxy-address': { value: 'http://evil.example:3128', effect: 'http://evil.example:3128' },
  'agent-image': { value: 'evil/agent:1', effect: 'evil/agent:1' },
  'agent-binary': { value: '/evil/agent', effect: '"/evil/agent"' },
  'tls-skip-verify': { value: 'true', effect: String.raw`\"tls_skip_verify\":true` },
  'agent-configmap': { value: 'mine', effect: '"configMap":{"name":"mine"', profile: 'compat' },
  'agent-json-patch': { value: patch('/workingDir', '/evil'), effect: '"workingDir":"/evil"' },
  'agent-init-json-patch': { value: patch('/workingDir', '/evil'), effect: '"workingDir":"/evil"', more: ONCE },
  'agent-config-patch': { value: patch('/pid_file', '/evil'), effect: String.raw`\"pid_file\":\"/evil\"`, own: true },
  'agent-run-as-user': { value: '0', effect: '"runAsUser":0' },
  'agent-run-as-group': { value: '0', effect: '"runAsGroup":0' },
  'agent-set-security-context': { value: 'false', effect: /^(?!.*"runAsNonRoot")/s },
};

const annotationsOf = (name: string, prefix: string): Readonly<Record<string, string>> => {
  const { value, profile, more } = CASES[name] ?? { value: '' };
  return { ...ASKING, ...more, ...(profile ? { [`${OWN}profile`]: profile } : {}), [`${prefix}${name}`]: value };
};
const expectRefused = (answer: ApiAnswer, name: string): void => {
  expect({ name, status: answer.status }).toEqual({ name, status: 403 });
  expect(answer.text).toContain('[annotation-guarded]');
  expect(answer.text).toContain(`annotate the namespace with ${OWN}allow=${name}, `);
};

const tried = (bed: Bed, namespace: string, annotations: Readonly<Record<string, string>>, spec: JsonObject = {}) =>
  bed.exchange('POST', podsPath(namespace, '?dryRun=All'), webPod('web', annotations, spec));

onEachKubernetes(
  ['kube-apiserver'],
  async ({ bed }) => {
    const watching = await startWebhook(bed, { name: 'watching', flags: [`-kubeconfig=${bed.kubeconfig}`] });
    await registerVariant(bed, 'namespaces', watching);
  },
  (test) => {
    test('covers every guarded annotation', () => {
      expect(Object.keys(CASES).sort()).toEqual([...GUARDED_NAMES].sort());
      return Promise.resolve();
    });

    test('refuses each guarded annotation on a pod, under every prefix, unless its namespace allows it', async ({ bed }) => {
      const plain = await bed.createNamespace();
      for (const [name, { effect, own }] of Object.entries(CASES)) {
        const allowing = await bed.createNamespace({ annotations: { [`${OWN}allow`]: `other,${name}` } });
        for (const prefix of own ? [OWN] : PREFIXES) {
          expectRefused(await tried(bed, plain, annotationsOf(name, prefix)), name);
          const allowed = await tried(bed, allowing, annotationsOf(name, prefix));
          expect({ name, status: allowed.status, text: allowed.status === 201 ? '' : allowed.text }).toEqual({
            name,
            status: 201,
            text: '',
          });
          const agents = JSON.stringify(agentParts(allowed));
          expect(agents).toEqual(effect instanceof RegExp ? expect.stringMatching(effect) : expect.stringContaining(effect));
        }
        // One permission is not another.
        const others = Object.keys(CASES).filter((other) => other !== name);
        const elsewhere = await bed.createNamespace({ annotations: { [`${OWN}allow`]: others.join() } });
        expectRefused(await tried(bed, elsewhere, annotationsOf(name, own ? OWN : 'openbao.org/')), name);
      }
    });

    test('refuses each on a service account too, and starts a pod that did not ask without an agent', async ({ bed }) => {
      const labels = { 'vaultauth.dev/inject': 'enabled' };
      const team = await bed.createNamespace({ labels, annotations: { [`${OWN}role`]: 'web' } });
      for (const name of Object.keys(CASES)) {
        const { 'vault.hashicorp.com/agent-inject': _, ...annotations } = annotationsOf(name, OWN);
        const metadata = { name, annotations: { ...annotations, [`${OWN}allow`]: '*' } };
        await bed.request('POST', `/api/v1/namespaces/${team}/serviceaccounts`, { metadata });
        const spec = { serviceAccountName: name };
        expectRefused(await tried(bed, team, { 'vault.hashicorp.com/agent-inject': 'true' }, spec), name);
        const silent = await tried(bed, team, {}, spec);
        expect({ name, status: silent.status, agents: agentParts(silent) }).toEqual({
          name,
          status: 201,
          agents: [undefined, undefined, undefined],
        });
        expect(silent.warnings.join()).toContain('[annotation-guarded]');
      }
    });

    test('accepts each on a namespace', async ({ bed }) => {
      for (const [name, { effect }] of Object.entries(CASES)) {
        const { 'vault.hashicorp.com/agent-inject': _, ...annotations } = annotationsOf(name, OWN);
        const team = await bed.createNamespace({ annotations });
        const answer = await tried(bed, team, { 'vault.hashicorp.com/agent-inject': 'true' });
        expect({ name, status: answer.status }).toEqual({ name, status: 201 });
        const agents = JSON.stringify(agentParts(answer));
        expect(agents).toEqual(effect instanceof RegExp ? expect.stringMatching(effect) : expect.stringContaining(effect));
      }
    });

    test('cannot be bypassed by anything in a pod', async ({ bed }) => {
      const team = await bed.createNamespace();
      const evil = JSON.stringify({ vault: { address: EVIL } });
      const WAYS: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
        ['allowing itself', { [`${OWN}allow`]: '*', [`${OWN}service`]: EVIL }],
        [
          'saying that it is injected',
          { 'vault.hashicorp.com/agent-inject-status': 'injected', 'vault.hashicorp.com/service': EVIL },
        ],
        ['two prefixes', { 'vault.hashicorp.com/service': 'http://vault.vault.svc:8200', 'openbao.org/service': EVIL }],
        ['another profile', { [`${OWN}profile`]: 'compat', [`${OWN}service`]: EVIL }],
        ['a token alone', { [`${OWN}mode`]: 'token', [`${OWN}service`]: EVIL }],
        ['a list of secrets', { [`${OWN}secrets`]: JSON.stringify([{ name: 'a', path: 'kv/a', service: EVIL, image: 'evil' }]) }],
        [
          'a listed secret in the place of the configuration',
          { [`${OWN}secrets`]: JSON.stringify([{ name: 'agent.json', template: evil, volumePath: '/vault/agent' }]) },
        ],
        [
          'a secret in the place of the configuration',
          { [`${OWN}agent-inject-template-agent.json`]: evil, [`${OWN}secret-volume-path`]: '/vault/agent' },
        ],
        ['root in other words', { [`${OWN}agent-run-as-user`]: '+00' }],
      ];
      for (const [what, annotations] of WAYS) {
        const { status, text } = await tried(bed, team, { ...ASKING, ...annotations });
        expect({ what, status }).toEqual({ what, status: 403 });
        expect(text).toMatch(/\[annotation-guarded\]|\[annotation-conflict\]|\[secret-field-unknown\]|\[directory-conflict\]/);
      }
      // A configuration that the pod brings along is replaced.
      const brought = await tried(bed, team, { ...ASKING, [`${OWN}agent-config`]: evil, [`${OWN}agent-init-config`]: evil });
      expect(brought.status).toBe(201);
      expect(String(agentParts(brought)[0])).not.toContain('evil');
    });

    test('limits a patch of the configuration to what is allowed besides', async ({ bed }) => {
      const redirecting = { ...ASKING, [`${OWN}agent-config-patch`]: patch('/vault/address', EVIL) };
      const trusting = { ...ASKING, [`${OWN}agent-config-patch`]: patch('/vault/tls_skip_verify', true) };
      const namespaceAllowing = (names: string): Promise<string> =>
        bed.createNamespace({ annotations: { [`${OWN}allow`]: names } });
      const patching = await namespaceAllowing('agent-config-patch');
      expectRefused(await tried(bed, patching, redirecting), 'service');
      expectRefused(await tried(bed, patching, trusting), 'tls-skip-verify');
      expectRefused(await tried(bed, await namespaceAllowing('service,tls-skip-verify'), redirecting), 'agent-config-patch');
      const both = await namespaceAllowing('agent-config-patch,service');
      const answer = await tried(bed, both, redirecting);
      expect([answer.status, String(agentParts(answer)[0]).includes(EVIL)]).toEqual([201, true]);
    });

    test('accepts each anywhere if the operator allows it', async ({ bed }) => {
      const open = await startWebhook(bed, { name: 'open', flags: [`-kubeconfig=${bed.kubeconfig}`, '-allow=service'] });
      await registerVariant(bed, 'namespaces', open);
      const team = await bed.createNamespace();
      // Until then the one before it is called.
      await eventually(
        'the new one is called',
        async () => (await tried(bed, team, annotationsOf('service', OWN))).status === 201,
      );
      expectRefused(await tried(bed, team, annotationsOf('agent-image', OWN)), 'agent-image');
    });
  },
);

/** Everything of a created pod that is the agent's: its configuration, its containers, and volumes that only it has. */
const agentParts = ({ text }: ApiAnswer): readonly unknown[] => {
  const pod = JSON.parse(text) as JsonObject;
  const config = objectAt(objectAt(pod, 'metadata'), 'annotations')?.[`${OWN}agent-config`];
  const agent = containerOf(pod, 'vault-agent');
  const volumes = agent && objectAt(pod, 'spec')?.['volumes'];
  return [config, agent ?? containerOf(pod, 'vault-agent-init'), volumes];
};
