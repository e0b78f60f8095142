// Text of annotations stays data, whatever characters it has: the real agent reads the generated configuration, logs in and renders.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { readText } from '../../src/annotations/value-kinds.ts';
import { annotationName, kebab } from '../../src/annotations/names.ts';
import type { Row } from '../../src/annotations/row.ts';
import { table, type OptionKey } from '../../src/annotations/table.ts';
import { objectAt, textOf, type JsonObject } from '../../src/json/json.ts';
import { type Bed, startBed } from '../bed/bed.ts';
import { obtain } from '../bed/obtain.ts';
import { silentProgress } from '../bed/progress.ts';
import { admit, configOf, podWith } from '../support/pods.ts';

/** Text with syntax of the programs in between: shells, HCL, JSON, templates, the kubelet. */
const HOSTILE = [
  'plain',
  '"double" \'single\'',
  'back`tick` $(command) $(X) ${variable} $$',
  'line\nline\r\n\ttab',
  '\\ \\n \\" \\u0041',
  '# comment // comment /* comment */',
  '<b>&amp;</b> \u2028 \u2029',
  'ünïcödé 🔑 \u200b',
  '%{ if true } ${jsonencode("x")} <<EOT\nEOT',
  '[[ ]] << >> %{ }',
  // Profile compat denies a configuration of more than 128 KiB in base64 (Q46).
  'x'.repeat(64 * 1024),
];

type Product = 'bao' | 'vault';
const FLAVOUR = { bao: 'openbao', vault: 'vault' } as const;

const ALL = HOSTILE.slice(0, -1).join('');
let bed: Bed;
let agents: ReadonlyMap<string, string>;
beforeAll(async () => {
  bed = await startBed({ parts: ['openbao', 'vault'] });
  agents = await obtain(['bao', 'vault'], '1.36', silentProgress);
}, 600_000);
afterAll(() => bed?.stop());

interface Method {
  readonly config: object;
  readonly namespace?: string;
}

/** The configuration of the pod, with the auth method and the directory of the test. */
const adapted = (config: unknown, directory: string, isList: boolean): string => {
  const text = JSON.stringify(config)
    .replaceAll('/vault/secrets/', `${directory}/secrets/`)
    .replaceAll('/run/vault-agent', directory)
    .replaceAll('/home/vault', directory);
  const document = JSON.parse(text) as { auto_auth: { method: Method | readonly Method[] } };
  const [method] = [document.auto_auth.method].flat() as readonly Method[];
  // The pod author's text stays beside the fields of the test's login.
  const login = { ...method, type: 'token_file', config: { ...method?.config, token_file_path: join(directory, 'token') } };
  return JSON.stringify({ ...document, auto_auth: { ...document.auto_auth, method: isList ? [login] : login } });
};

const render = async (product: Product, name: string, config: unknown, isList: boolean): Promise<(file: string) => string> => {
  const directory = join(bed.directory, `${product}-${name}`);
  mkdirSync(join(directory, 'secrets'), { recursive: true });
  writeFileSync(join(directory, 'token'), bed[FLAVOUR[product]]?.rootToken ?? '', { mode: 0o600 });
  writeFileSync(join(directory, 'agent.json'), adapted(config, directory, isList));
  await promisify(execFile)(agents.get(product) ?? '', ['agent', `-config=${join(directory, 'agent.json')}`], {
    env: { HOME: directory },
    timeout: 120_000,
  });
  return (file) => readFileSync(join(directory, 'secrets', file), 'utf8');
};

const nativeConfig = (pod: JsonObject): unknown =>
  JSON.parse(textOf(objectAt(objectAt(pod, 'metadata'), 'annotations'), 'vaultauth.dev/agent-config') ?? '');

const compatConfig = (pod: JsonObject): unknown => configOf(pod, 'vault-agent-init');
const cases = (['bao', 'vault'] as const).flatMap((product) => [
  [product, 'native', nativeConfig] as const,
  [product, 'compat', compatConfig] as const,
]);

/** Text annotations on which the test's login or its files depend. */
const NEEDED = new Set([
  'service',
  'auth-type',
  'agent-inject-secret',
  'agent-inject-template-file',
  'agent-inject-file',
  'secret-volume-path',
]);
/** Files that the agent opens at its start, and annotations of profile compat alone. */
const OPENED = [
  'ca-cert',
  'ca-path',
  'ca-key',
  'client-cert',
  'client-key',
  'template-static-secret-render-interval',
  'agent-configmap',
  'agent-service-account-token-volume-name',
  'agent-cache-use-auto-auth-token',
  'agent-cache-listener-port',
];
/** The hostile text as one line, without white space, or the example of the row: the first one that the kind accepts. */
const acceptedBy = ({ kind, example }: Row<unknown>): string => {
  const line = ALL.replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' ');
  const texts = [ALL, line, line.replaceAll(/\s/gu, ''), line.replaceAll(/[^\w.-]/g, ''), line.replaceAll(/[^a-z]/g, '')];
  return texts.find((one) => readText(kind, one).value === one.trim()) ?? example;
};

const isFree = (key: OptionKey): boolean => {
  const { namespaceOnly, profile, kind }: Row<unknown> = table[key];
  // Verbatim are the documents of the webhook, and the list of secrets.
  return !namespaceOnly && profile === undefined && !kind.verbatim && ![...NEEDED, ...OPENED].includes(kebab(key));
};
const TEXTS = (Object.keys(table) as OptionKey[]).flatMap((key) => {
  const text = isFree(key) ? acceptedBy(table[key]) : '';
  return text === '' || text === table[key].example ? [] : [[annotationName(key), text] as const];
});

describe.each(cases)('%s with profile %s', (product, profile, configOfPod) => {
  const inject = (annotations: Readonly<Record<string, string>>): unknown => {
    const all = {
      'vaultauth.dev/profile': profile,
      'agent-pre-populate-only': 'true',
      service: bed[FLAVOUR[product]]?.address ?? '',
      ...annotations,
    };
    const { pod, outcome } = admit(podWith({ annotations: all }), { command: 'webhook', flags: ['-allow=*'] });
    expect(outcome.problems).toEqual([]);
    return configOfPod(pod);
  };

  test('renders templates as written', async () => {
    const templates = HOSTILE.map((template, index) => [`agent-inject-template-t${index}`, template] as const);
    const rendered = await render(product, `${profile}-templates`, inject(Object.fromEntries(templates)), profile === 'native');
    for (const [index, template] of HOSTILE.entries()) expect(rendered(`t${index}`)).toBe(template);
  });

  test('renders generated text as written', async () => {
    const texts = fc.sample(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((one) => !one.includes('{{') && one.trim() !== ''),
      60,
    );
    const templates = texts.map((one, index) => [`agent-inject-template-g${index}`, one] as const);
    const rendered = await render(product, `${profile}-generated`, inject(Object.fromEntries(templates)), profile === 'native');
    for (const [index, one] of texts.entries()) expect(rendered(`g${index}`)).toBe(one);
  });

  test('renders a list of secrets as written', async () => {
    const list = HOSTILE.map((template, index) => ({ name: `l${index}`, template }));
    for (const write of [stringify, JSON.stringify]) {
      const annotations = { 'vaultauth.dev/secrets': write(list) };
      const rendered = await render(product, `${profile}-listed-${write.name}`, inject(annotations), profile === 'native');
      for (const [index, template] of HOSTILE.entries()) expect(rendered(`l${index}`)).toBe(template);
    }
  });

  test('accepts any text in all text annotations at once', async () => {
    const annotations = Object.fromEntries(TEXTS);
    expect(TEXTS.length).toBeGreaterThan(8);
    const config = inject({ ...annotations, 'agent-inject-template-a': ALL });
    expect((await render(product, `${profile}-all`, config, profile === 'native'))('a')).toBe(ALL);
  });

  test.each(['role', 'namespace', 'auth-path', 'tls-server-name', 'auth-config-extra', 'agent-inject-command-a'])(
    'accepts any text in %s without a change to the rest of the configuration',
    async (name) => {
      const others = { 'agent-inject-template-a': 'a', 'agent-inject-template-b': 'b' };
      const text = TEXTS.find(([annotation]) => annotation.endsWith(`/${name}`))?.[1];
      const harmless = name === 'agent-inject-command-a' ? 'true' : (text ?? 'auth/extra');
      const rendered = await render(product, `${profile}-${name}`, inject({ ...others, [name]: harmless }), profile === 'native');
      expect([rendered('a'), rendered('b')]).toEqual(['a', 'b']);
    },
  );
});
