// What users write into annotations is data for the agent, whatever characters it has: the real agent reads the generated
// configuration, logs in and renders.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { objectAt, textOf, type JsonObject } from '../../src/pod/manifest.ts';
import { type Bed, startBed } from '../bed/bed.ts';
import { obtain } from '../bed/obtain.ts';
import { silentProgress } from '../bed/progress.ts';
import { admit, configOf, podWith } from '../unit/fixture.ts';

/** Text that programs in between could take for their own: shells, HCL, JSON, templates, the kubelet. */
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
  'x'.repeat(100 * 1024),
];

let bed: Bed;
let agent: string;
beforeAll(async () => {
  bed = await startBed({ parts: ['openbao'] });
  agent = (await obtain(['bao'], '1.36', silentProgress)).get('bao') ?? '';
}, 600_000);
afterAll(() => bed?.stop());

interface Method {
  readonly config: object;
  readonly namespace?: string;
}

/** The configuration as the pod has it, but for the type of login and the directory, which are those of a test. */
const adapted = (config: unknown, directory: string, isList: boolean): string => {
  const text = JSON.stringify(config)
    .replaceAll('/vault/secrets/', `${directory}/secrets/`)
    .replaceAll('/run/vault-agent', directory)
    .replaceAll('/home/vault', directory);
  const document = JSON.parse(text) as { auto_auth: { method: Method | readonly Method[] } };
  const [method] = [document.auto_auth.method].flat() as readonly Method[];
  // What the user wrote stays beside what the test's login needs.
  const login = { ...method, type: 'token_file', config: { ...method?.config, token_file_path: join(directory, 'token') } };
  return JSON.stringify({ ...document, auto_auth: { ...document.auto_auth, method: isList ? [login] : login } });
};

const render = async (name: string, config: unknown, isList: boolean): Promise<(file: string) => string> => {
  const directory = join(bed.directory, name);
  mkdirSync(join(directory, 'secrets'), { recursive: true });
  writeFileSync(join(directory, 'token'), bed.openbao?.rootToken ?? '', { mode: 0o600 });
  writeFileSync(join(directory, 'agent.json'), adapted(config, directory, isList));
  await promisify(execFile)(agent, ['agent', `-config=${join(directory, 'agent.json')}`], {
    env: { HOME: directory },
    timeout: 30_000,
  });
  return (file) => readFileSync(join(directory, 'secrets', file), 'utf8');
};

const nativeConfig = (pod: JsonObject): unknown =>
  JSON.parse(textOf(objectAt(objectAt(pod, 'metadata'), 'annotations'), 'vaultauth.dev/agent-config') ?? '');

const profiles = [
  ['native', nativeConfig],
  ['compat', (pod: JsonObject): unknown => configOf(pod, 'vault-agent-init')],
] as const;

describe.each(profiles)('profile %s', (profile, configOfPod) => {
  const inject = (annotations: Readonly<Record<string, string>>): unknown => {
    const all = {
      'vaultauth.dev/profile': profile,
      'agent-pre-populate-only': 'true',
      service: bed.openbao?.address ?? '',
      ...annotations,
    };
    const { pod, outcome } = admit(podWith({ annotations: all }), { command: 'webhook', flags: ['-allow=*'] });
    expect(outcome.problems).toEqual([]);
    return configOfPod(pod);
  };

  test('templates come out as they were written', async () => {
    const templates = HOSTILE.map((text, index) => [`agent-inject-template-t${index}`, text] as const);
    const rendered = await render(`${profile}-templates`, inject(Object.fromEntries(templates)), profile === 'native');
    for (const [index, text] of HOSTILE.entries()) expect(rendered(`t${index}`)).toBe(text);
  });

  test('generated text comes out as it was written', async () => {
    const texts = fc.sample(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((text) => !text.includes('{{') && text.trim() !== ''),
      60,
    );
    const templates = texts.map((text, index) => [`agent-inject-template-g${index}`, text] as const);
    const rendered = await render(`${profile}-generated`, inject(Object.fromEntries(templates)), profile === 'native');
    for (const [index, text] of texts.entries()) expect(rendered(`g${index}`)).toBe(text);
  });

  test.each([
    'role',
    'namespace',
    'auth-path',
    'tls-server-name',
    'auth-config-extra',
    'agent-inject-command-a',
    'agent-inject-perms-b',
  ])('%s may hold anything without touching what else the configuration says', async (name) => {
    const others = { 'agent-inject-template-a': 'a', 'agent-inject-template-b': 'b' };
    const harmless =
      name === 'agent-inject-command-a' ? 'true' : name === 'agent-inject-perms-b' ? '0640' : HOSTILE.slice(0, -1).join('');
    const rendered = await render(`${profile}-${name}`, inject({ ...others, [name]: harmless }), profile === 'native');
    expect([rendered('a'), rendered('b')]).toEqual(['a', 'b']);
  });
});
