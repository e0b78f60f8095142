// Environment variables with real agents and a second reader of the kubelet's files: values come back byte for byte, or are refused by the
// name of the variable and its source, never with the value; a dynamic secret has one lease.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { convertPod } from '../../src/cli/offline/convert-pod.ts';
import { objectAt, textMap, textOf, type Json } from '../../src/json/json.ts';
import { obtain } from '../bed/obtain.ts';
import { silentProgress } from '../bed/progress.ts';
import { readEnvFile } from '../support/env-file.ts';
import { admit, podWith } from '../support/pods.ts';
import { onEachServer, write } from './servers.ts';

const PROGRAM = { openbao: 'bao', vault: 'vault' } as const;
const SECRET = 'hunter2';

/** Values that are hard for the grammar, and that arrive unchanged. */
const HARD: Readonly<Record<string, Json>> = {
  PEM: '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA+/=\n-----END PRIVATE KEY-----\n',
  DOLLAR: '$HOME ${HOME} $(id) `id` $$(X)',
  DOUBLE: 'say "hi"',
  BACKSLASH: 'a\\nb\\\\\\',
  HASH: '# no comment #',
  EQUALS: 'A=1\nB="2"\n',
  UNICODE: 'pässwörd€ \u{1f511} 漢字 \u00a0\u2028\ufeff\ufffd',
  CARRIAGE_RETURN: 'a\rb\r',
  CONTROLS: '\u0001\u0007\b\u000b\f\u001b\u007f\t',
  BLANKS: '  \n\n \t',
  KILOBYTES: '€x\n'.repeat(8192),
  LONG_LINE: 'x'.repeat(65_000),
  NUMBER: 12_345_678_901,
  TRUE: true,
  OBJECT: { a: ['<&>', null] },
  TEMPLATE: '{{ . }} {{/* */}} }}',
  'dots.and-dashes': 'x',
};

const REFUSED: Readonly<Record<string, Json>> = {
  QUOTE: `it's ${SECRET}`,
  NUL: `${SECRET}\0`,
  CRLF: `${SECRET}\r\n`,
  EMPTY: '',
  NULL: null,
  LINE: SECRET.repeat(9300),
  LARGE: `${SECRET}\n`.repeat(16_300),
};

const anyText = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
const hostile = fc
  .array(fc.oneof(fc.constantFrom(...`"\`$\\#=:;&|<>(){}!%~* \t\n\r`.split(''), '\n#', "A='", "'"), anyText), {
    minLength: 1,
    maxLength: 8,
  })
  .map((parts) => parts.join(''));
const name = fc.stringMatching(/^[A-Za-z_.-][A-Za-z0-9_.-]{0,20}$/).filter((text) => text !== '.' && !text.startsWith('..'));

const isRefused = (value: string): boolean => /['\0]|\r\n/.test(value) || value === '';
const textOfValue = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** The list of secrets of a pod: entries with a path, and variables by key. */
type Entries = readonly { readonly path: string; readonly env: Readonly<Record<string, string>> | readonly string[] }[];

const configFor = (address: string, directory: string, entries: Entries, more: Readonly<Record<string, string>>): string => {
  const annotations = {
    'agent-pre-populate-only': 'true',
    service: address,
    'vaultauth.dev/secrets': JSON.stringify(entries.map((entry, index) => ({ name: `s${index}`, ...entry }))),
    ...more,
  };
  const { pod, outcome } = admit(podWith({ annotations }), { command: 'webhook', flags: ['-allow=*'] });
  expect(outcome.problems).toEqual([]);
  const config = textOf(objectAt(objectAt(pod, 'metadata'), 'annotations'), 'vaultauth.dev/agent-config') ?? '';
  const moved = config.replaceAll(/\/run\/vault-(?:env|agent)|\/vault\/secrets/g, directory);
  const method = { type: 'token_file', config: { token_file_path: join(directory, 'token') } };
  return JSON.stringify({ ...(JSON.parse(moved) as object), auto_auth: { method: [method] } });
};

const variablesIn = ({ file, log }: { readonly file: string; readonly log: string }): ReadonlyMap<string, string> => {
  if (!existsSync(file)) throw new Error(log);
  return readEnvFile(readFileSync(file));
};

/** A template that reads a field of a new certificate. */
const issue = (field: string): string => `{{ with secret "pki/issue/web" "common_name=web" }}{{ .Data.${field} }}{{ end }}`;

let agents: ReadonlyMap<string, string>;
const prepare = async (): Promise<void> => {
  agents = await obtain(['bao', 'vault'], '1.36', silentProgress);
};

onEachServer([], prepare, (product, server) => {
  let runs = 0;
  /** Runs an agent until it exits. */
  const render = async (entries: Entries, more: Readonly<Record<string, string>> = {}) => {
    const { bed, address } = server();
    runs += 1;
    const directory = join(bed.directory, `${product}-environment-${runs}`);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'token'), bed[product]?.rootToken ?? '', { mode: 0o600 });
    writeFileSync(join(directory, 'agent.json'), configFor(address, directory, entries, more));
    const output = await promisify(execFile)(
      agents.get(PROGRAM[product]) ?? '',
      ['agent', `-config=${join(directory, 'agent.json')}`],
      { env: { HOME: directory }, timeout: 120_000 },
    ).catch((error: unknown) => error as { stdout: string; stderr: string });
    return { directory, file: join(directory, 'env'), log: output.stdout + output.stderr };
  };

  beforeAll(async () => {
    const { root } = server();
    await write(root, 'sys/mounts/kv1', { type: 'kv' });
  });

  test.each([1, 2])('gives hard values of KV version %i back byte for byte', async (version) => {
    const path = version === 1 ? 'kv1/hard' : 'secret/data/hard';
    const { root } = server();
    await write(root, path, version === 1 ? HARD : { data: HARD });
    const read = variablesIn(await render([{ path, env: Object.keys(HARD) }]));
    for (const [key, value] of Object.entries(HARD)) expect([key, read.get(key)]).toEqual([key, textOfValue(value)]);
  });

  test('gives generated names and values back unchanged, or refuses the variable by its name', async () => {
    const all = new Map(fc.sample(fc.tuple(name, hostile), { numRuns: 400, seed: 11 }));
    const [bad, good] = [true, false].map((refused) =>
      Object.fromEntries([...all].filter(([, value]) => isRefused(value) === refused)),
    );
    const { root } = server();
    await write(root, 'secret/data/generated', { data: good ?? {} });
    await write(root, 'secret/data/bad', { data: bad ?? {} });
    const read = variablesIn(await render([{ path: 'secret/data/generated', env: Object.keys(good ?? {}) }]));
    expect(Object.fromEntries(read)).toEqual(good);
    expect(Object.keys(bad ?? {}).length).toBeGreaterThan(30);
    const { log, file } = await render([{ path: 'secret/data/bad', env: Object.keys(bad ?? {}) }]);
    for (const key of Object.keys(bad ?? {}))
      expect(log).toContain(`${key} from secret/data/bad#${key} (its value has ', NUL or CRLF)`);
    expect(existsSync(file)).toBe(false);
  });

  test('refuses values that the file cannot hold with variable and path, without a file and without the value', async () => {
    await write(server().root, 'secret/data/refused', { data: { ...REFUSED, HARMLESS: 'a' } });
    const keys = [...Object.keys(REFUSED), 'MISSING', 'HARMLESS'];
    const { log, file } = await render([{ path: 'secret/data/refused', env: keys }]);
    for (const key of [...Object.keys(REFUSED), 'MISSING']) expect(log).toContain(`${key} from secret/data/refused#${key} (`);
    expect(log).not.toContain('HARMLESS');
    expect(log).not.toContain(SECRET);
    expect(existsSync(file)).toBe(false);
  });

  test('reads templates, optional keys and defaults', async () => {
    await write(server().root, 'secret/data/some', { data: { user: 'web', empty: '' } });
    const result = await render(
      [{ path: 'secret/data/some', env: { USER: 'user', PORT: 'port?5432', NONE: 'none?', SET: 'empty?x' } }],
      {
        'vaultauth.dev/env-template-URL':
          '{{ with secret "secret/data/some" }}{{ $u := .Data.data.user }}postgres://{{ $u }}@db{{ end }}/{{ range $i := loop 2 }}{{ $i }}{{ end }}',
        'vaultauth.dev/env-template-EMPTY': '{{ with secret "secret/data/some" }}{{ .Data.data.empty }}{{ end }}',
      },
    );
    expect(Object.fromEntries(variablesIn(result))).toEqual({ USER: 'web', PORT: '5432', SET: 'x', URL: 'postgres://web@db/01' });
  });

  test('refuses the text of a template that is not UTF-8, or has a quote', async () => {
    await write(server().root, 'secret/data/bytes', {
      data: { a: Buffer.from([0xff, 0xfe]).toString('base64'), b: `'${SECRET}` },
    });
    const { log } = await render([], {
      'vaultauth.dev/env-template-BYTES': '{{ with secret "secret/data/bytes" }}{{ base64Decode .Data.data.a }}{{ end }}',
      'vaultauth.dev/env-template-QUOTE': '{{ with secret "secret/data/bytes" }}{{ .Data.data.b }}{{ end }}',
    });
    expect(log).toContain('BYTES from its template (its value is not UTF-8)');
    expect(log).toContain("QUOTE from its template (its value has ', NUL or CRLF)");
    expect(log).not.toContain(SECRET);
  });

  test('gives what the webhook of bank-vaults would give for its values', async () => {
    const { root } = server();
    await write(root, 'secret/data/bank', { data: { user: 'web', password: 'first' } });
    await write(root, 'secret/data/bank', { data: { user: 'Web', password: 'p&p', port: 5432, 'odd?key': 'odd', mode: 'a' } });
    await write(root, 'kv1/bank', { password: 'kv1' });
    await write(root, 'sys/mounts/transit', { type: 'transit' });
    await write(root, 'transit/keys/bank', {});
    const { data = {} } = await root.request({
      method: 'POST',
      path: 'transit/encrypt/bank',
      body: { plaintext: Buffer.from('from transit').toString('base64') },
    });
    const ciphertext = data['ciphertext'] as string;
    const expected: Readonly<Record<string, readonly [string, string]>> = {
      KEY: ['vault:secret/data/bank#password', 'p&p'],
      VERSION: ['vault:secret/data/bank#password#1', 'first'],
      NUMBER: ['vault:secret/data/bank#port', '5432'],
      ODD: ['vault:secret/data/bank#odd?key', 'odd'],
      ONE: ['vault:kv1/bank#password', 'kv1'],
      TEMPLATE: [
        'vault:secret/data/bank#pg://${.user | lower}:${ .password | urlquery }@${upper "db"}/{{x',
        'pg://web:p%26p@DB/{{x',
      ],
      ROOT: ['vault:secret/data/bank#${ if eq $.mode "a" }${ with .user }${ $.port }${ end }${ end }', '5432'],
      ENCODED: ['vault:secret/data/bank#${ printf "%s:%s" .user .password | b64enc }', 'V2ViOnAmcA=='],
      OLD_TEMPLATE: ['vault:secret/data/bank#${.user}:${.password}#1', 'web:first'],
      INLINE: ['a-${vault:secret/data/bank#user}-${vault:kv1/bank#password}-z', 'a-Web-kv1-z'],
      CIPHERTEXT: [ciphertext, 'from transit'],
      WRITTEN: [`>>vault:transit/decrypt/bank#\${.plaintext | b64dec}#{"ciphertext":"${ciphertext}"}`, 'from transit'],
    };
    const env = Object.entries(expected).map(([name, [value]]) => ({ name, value }));
    const annotations = { 'vault.security.banzaicloud.io/transit-key-id': 'bank' };
    const { pod, findings } = convertPod(
      { metadata: { annotations }, spec: { containers: [{ name: 'web', env }] } },
      () => undefined,
    );
    expect(findings.filter(({ level }) => level !== 'note')).toEqual([]);
    const converted = textMap(objectAt(objectAt(pod, 'metadata'), 'annotations'));
    const result = await render([], Object.fromEntries([...converted].filter(([name]) => name.startsWith('vaultauth.dev/'))));
    expect(Object.fromEntries(variablesIn(result))).toEqual(
      Object.fromEntries(Object.entries(expected).map(([name, [, value]]) => [name, value])),
    );
  });

  describe('a dynamic secret', () => {
    test('is leased once for variables of templates and a file that read one path', async () => {
      const { root } = server();
      await write(root, 'sys/mounts/pki', { type: 'pki' });
      await write(root, 'pki/root/generate/internal', { common_name: 'test' });
      await write(root, 'pki/roles/web', { allow_any_name: true, generate_lease: true, ttl: '1h' });
      const issued = async (): Promise<number> => {
        const { data = {} } = await root.request({ method: 'LIST', path: 'pki/certs' });
        return (data['keys'] as readonly string[]).length;
      };
      const before = await issued();
      const result = await render([], {
        'vaultauth.dev/env-template-CERTIFICATE': issue('certificate'),
        'vaultauth.dev/env-template-KEY': issue('private_key'),
        'agent-inject-template-pem': issue('certificate'),
      });
      expect(variablesIn(result).get('CERTIFICATE')).toBe(readFileSync(join(result.directory, 'pem'), 'utf8'));
      expect(variablesIn(result).get('KEY')).toContain('PRIVATE KEY');
      expect((await issued()) - before).toBe(1);
    });

    // The Vault of the tests is built without this engine.
    if (product !== 'openbao') return;
    let management: Server;
    const users: string[] = [];
    beforeAll(async () => {
      // The management API of RabbitMQ, as far as the secrets engine calls it.
      management = createServer((request, response) => {
        if (request.method === 'PUT' && request.url?.startsWith('/api/users/')) users.push(request.url);
        response.writeHead(request.method === 'GET' ? 200 : 204, { 'content-type': 'application/json' });
        response.end(request.method === 'GET' ? '[]' : undefined);
      });
      await new Promise<void>((resolve) => management.listen(0, '127.0.0.1', resolve));
      const { root } = server();
      const { port } = management.address() as AddressInfo;
      await write(root, 'sys/mounts/rabbitmq', { type: 'rabbitmq' });
      const connection = { connection_uri: `http://127.0.0.1:${port}`, username: 'a', password: 'b', verify_connection: false };
      expect(await write(root, 'rabbitmq/config/connection', connection)).toBe('204');
      expect(await write(root, 'rabbitmq/roles/web', { vhosts: '{"/":{"write":".*","read":".*"}}' })).toBe('204');
    });
    afterAll(() => management.close());

    test('of a path without parameters is leased once for user, password, a template and a file of the same path', async () => {
      const result = await render([{ path: 'rabbitmq/creds/web', env: { USER: 'username', PASSWORD: 'password' } }], {
        'vaultauth.dev/env-template-URL':
          '{{ with secret "rabbitmq/creds/web" }}amqp://{{ .Data.username }}:{{ .Data.password }}@mq{{ end }}',
        'agent-inject-secret-creds': 'rabbitmq/creds/web',
        'vaultauth.dev/format-creds': 'json',
      });
      const read = variablesIn(result);
      const file = JSON.parse(readFileSync(join(result.directory, 'creds'), 'utf8')) as { username: string; password: string };
      expect(read.get('USER')).toBe(file.username);
      expect(read.get('PASSWORD')).toBe(file.password);
      expect(read.get('URL')).toBe(`amqp://${file.username}:${file.password}@mq`);
      expect(users).toHaveLength(1);
    });
  });
});
