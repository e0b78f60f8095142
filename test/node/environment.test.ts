// Environment variables from secrets on a real node, with real agents: a program without a shell and without a mount has them at its start.
import { FAMILIAR_PREFIX } from '../../src/annotations/names.ts';
import { IMAGES } from '../bed/node/images.ts';
import type { BedWithNode } from '../bed/node/node.ts';
import { eventually } from '../support/eventually.ts';
import { prepareNative } from './native-basics.ts';
import { createPod, eventuallyContains } from './native-pods.ts';
import { onNode } from './on-node.ts';
import { PRODUCTS, type Product } from './secret-server.ts';
import type { Team } from './team-namespace.ts';
import type { PodTemplate } from './workload.ts';
import { SOON } from './workloads.ts';

const CANARY = 'hunter2-of-the-node';
const HARD: Readonly<Record<string, string>> = {
  PEM: '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA+/=\n-----END PRIVATE KEY-----\n',
  DOLLAR: '$HOME ${HOME} $(id) `id` $$(PEM) $(PEM)',
  DOUBLE: 'say "hi"',
  BACKSLASH: 'a\\nb\\\\\\',
  HASH: '# a #b',
  UNICODE: 'pässwörd€ \u{1f511} 漢字',
  KILOBYTES: `${'x'.repeat(63)}\n`.repeat(512),
  SECRET: CANARY,
  SLEEP: '10000',
};

let team: Team;

/** A pod whose container only sleeps, as the first program of its image: no shell runs before. */
const sleeping = (product: Product, annotations: Readonly<Record<string, string>>, container: object = {}): PodTemplate => {
  const asked = { 'agent-inject': 'true', role: 'native', ...team.chosen(product), ...annotations };
  const prefixed = Object.entries(asked).map(([name, value]) => [name.includes('/') ? name : `${FAMILIAR_PREFIX}${name}`, value]);
  return {
    metadata: { labels: { app: 'environment' }, annotations: Object.fromEntries(prefixed) },
    spec: {
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      containers: [{ name: 'app', image: IMAGES.app, command: ['sleep', '10000'], ...container }],
    },
  };
};

/** The variables with which the container's first program was started. */
const environmentOf = async (bed: BedWithNode, pod: string): Promise<ReadonlyMap<string, string>> => {
  const text = await bed.exec(team.namespace, pod, 'app', ['cat', '/proc/1/environ']);
  return new Map(text.split('\0').map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]));
};

onNode(
  'environment variables from secrets',
  { parts: ['openbao', 'vault'], images: ['openbao', 'vault', 'injector', 'scratchOpenbao'] },
  async (bed) => {
    team = await prepareNative(bed);
  },
  (test) => {
    for (const product of PRODUCTS) {
      test.concurrent(`with ${product}, programs without a shell and without mounts get every value byte for byte`, async (bed) => {
        const { namespace, servers } = team;
        const name = `${product}-environment`;
        await servers[product].write(`web/${name}`, HARD);
        const list = JSON.stringify([
          { name: 'all', path: `secret/data/web/${name}`, env: Object.keys(HARD) },
          { name: 'token', path: `secret/data/web/${name}`, env: { BAO_TOKEN: 'SECRET' } },
        ]);
        const template = sleeping(
          product,
          { 'vaultauth.dev/secrets': list, 'vaultauth.dev/env-template-TWICE': 'is $(not) expanded' },
          {
            // The container's own variables and arguments can refer to ours.
            command: ['sleep', '$(SLEEP)'],
            env: [{ name: 'COMPOSED', value: 'user:$(SECRET)' }],
          },
        );
        // Its image has this program and nothing else. It prints the variable.
        const first = { name: 'first', image: IMAGES.scratchOpenbao, command: ['/bin/bao', 'print', 'token'] };
        await createPod(bed, namespace, name, template, { initContainers: [first] });
        await bed.untilReady(namespace, name);
        const environment = await environmentOf(bed, name);
        for (const [key, value] of Object.entries(HARD)) expect([key, environment.get(key)]).toEqual([key, value]);
        expect(environment.get('COMPOSED')).toBe(`user:${CANARY}`);
        expect(environment.get('TWICE')).toBe('is $(not) expanded');
        expect(await bed.logs(namespace, name, 'first')).toContain(CANARY);
        const mounts = (await bed.exec(namespace, name, 'app', ['cat', '/proc/mounts'])).split('\n');
        expect(mounts.map((mount) => mount.split(' ')[1]).filter((path) => /vault|serviceaccount/.test(path ?? ''))).toEqual([]);
        const seen = [
          await bed.kubectl(['get', 'pod', '-n', namespace, name, '-o', 'yaml']),
          await bed.kubectl(['get', 'events', '-n', namespace, '-o', 'yaml']),
          await bed.logs(namespace, name, 'vault-agent'),
        ];
        for (const text of seen) expect(text).not.toContain(CANARY);
      });

      test.concurrent(`with ${product}, kubectl describe pod names a variable that cannot be set, and the pod starts once it can`, async (bed) => {
        const { namespace, servers } = team;
        const name = `${product}-quote`;
        await servers[product].write(`web/${name}`, { QUOTE: `it's ${CANARY}`, FINE: 'a' });
        const source = `secret/data/web/${name}#QUOTE`;
        await createPod(
          bed,
          namespace,
          name,
          sleeping(product, {
            ...SOON,
            'vaultauth.dev/env-QUOTE': source,
            'vaultauth.dev/env-FINE': `secret/data/web/${name}#FINE`,
          }),
        );
        const describe = (): Promise<string> => bed.kubectl(['describe', 'pod', '-n', namespace, name]);
        await eventuallyContains(`QUOTE from ${source} (its value has '`, describe);
        expect(await describe()).not.toContain(CANARY);
        await servers[product].write(`web/${name}`, { QUOTE: 'it is fine', FINE: 'a' });
        await bed.untilReady(namespace, name);
        expect((await environmentOf(bed, name)).get('QUOTE')).toBe('it is fine');
      });

      test.concurrent(`with ${product}, a restart gives a changed secret to variables and files alike`, async (bed) => {
        const { namespace, servers } = team;
        const name = `${product}-changed`;
        await servers[product].write(`web/${name}`, { password: 'v0' });
        await createPod(
          bed,
          namespace,
          name,
          sleeping(product, {
            ...SOON,
            'vaultauth.dev/on-change': 'restart',
            'vaultauth.dev/on-change-delay': '0s',
            'vaultauth.dev/env-PASSWORD': `secret/data/web/${name}#password`,
            'agent-inject-secret-file': `secret/data/web/${name}`,
            'agent-inject-template-file': `{{ with secret "secret/data/web/${name}" }}{{ .Data.data.password }}{{ end }}`,
          }),
        );
        await bed.untilReady(namespace, name);
        expect((await environmentOf(bed, name)).get('PASSWORD')).toBe('v0');
        await servers[product].write(`web/${name}`, { password: 'v1' });
        await eventually(async () => expect((await environmentOf(bed, name)).get('PASSWORD')).toBe('v1'), {
          seconds: 90,
          everyMs: 500,
        });
        expect(await bed.exec(namespace, name, 'app', ['cat', '/vault/secrets/file'])).toBe('v1');
      });
    }
  },
);
