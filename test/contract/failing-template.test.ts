// A template that fails after it has issued a certificate, in profile native: real agents, with the configuration of pods. It must not
// issue certificates without end (F3).
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { objectAt, textOf } from '../../src/json/json.ts';
import { type Bed, startBed } from '../bed/bed.ts';
import { obtain } from '../bed/obtain.ts';
import { silentProgress } from '../bed/progress.ts';
import { admit, podWith } from '../support/pods.ts';
import { eventually } from '../support/eventually.ts';

const PRODUCTS = { openbao: 'bao', vault: 'vault' } as const;
type Product = keyof typeof PRODUCTS;

let bed: Bed;
beforeAll(async () => {
  bed = await startBed({ parts: ['openbao', 'vault'] });
}, 900_000);
afterAll(() => bed?.stop());

const request = async (product: Product, method: string, path: string, body?: object): Promise<unknown> => {
  const { address = '', rootToken = '' } = bed[product] ?? {};
  const headers = { 'X-Vault-Token': rootToken };
  const answer = await fetch(`${address}/v1/${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path} on ${product}: ${answer.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
};

/** A CA, a role that issues certificates, and an auth method that needs no cluster. */
const prepare = async (product: Product): Promise<void> => {
  await request(product, 'POST', 'sys/mounts/pki', { type: 'pki' });
  await request(product, 'POST', 'pki/root/generate/internal', { common_name: 'edge', ttl: '1h' });
  await request(product, 'POST', 'pki/roles/edge', { allow_any_name: true, ttl: '10m' });
  await request(product, 'POST', 'sys/auth/approle', { type: 'approle' });
  await request(product, 'POST', 'sys/policies/acl/edge', { policy: 'path "pki/issue/edge" { capabilities = ["update"] }' });
  await request(product, 'POST', 'auth/approle/role/edge', { token_policies: ['edge'] });
  await request(product, 'POST', 'auth/approle/role/edge/role-id', { role_id: 'edge' });
  await request(product, 'POST', 'auth/approle/role/edge/custom-secret-id', { secret_id: 'for-tests' });
};

/** Without the CA's own. */
const certificates = async (product: Product): Promise<number> => {
  const { data } = (await request(product, 'LIST', 'pki/certs')) as { readonly data: { readonly keys: readonly string[] } };
  return data.keys.length - 1;
};

/** The template is a file, so that admission cannot see what it does. */
const TEMPLATE = `{{ with secret "pki/issue/edge" "common_name=edge" }}{{ .Data.private_key | writeToFile "/dev/null/key" "" "" "0600" }}{{ end }}`;

const startAgent = async (product: Product): Promise<ChildProcess> => {
  const program = (await obtain([PRODUCTS[product]], '1.36', silentProgress)).get(PRODUCTS[product]) ?? '';
  const directory = join(bed.directory, `${product}-failing`);
  mkdirSync(directory);
  for (const [name, text] of [
    ['template', TEMPLATE],
    ['role', 'edge'],
    ['secret', 'for-tests'],
  ] as const)
    writeFileSync(join(directory, name), text);
  const annotations = {
    service: bed[product]?.address ?? '',
    'agent-inject-template-file-edge': '/vault/custom/template',
    'agent-extra-secret': 'templates',
  };
  const { pod } = admit(podWith({ annotations }), { command: 'webhook', flags: ['-allow=*', `-flavour=${product}`] });
  const text = textOf(objectAt(objectAt(pod, 'metadata'), 'annotations'), 'vaultauth.dev/agent-config') ?? '';
  const inside = text.replaceAll(/\/vault\/(?:secrets|custom)|\/run\/vault-agent/g, directory);
  const document = JSON.parse(inside) as { readonly auto_auth: { readonly method: readonly object[] } };
  const config = {
    role_id_file_path: join(directory, 'role'),
    secret_id_file_path: join(directory, 'secret'),
    remove_secret_id_file_after_reading: false,
  };
  const method = document.auto_auth.method.map((one) => ({ ...one, type: 'approle', mount_path: 'auth/approle', config }));
  writeFileSync(join(directory, 'agent.json'), JSON.stringify({ ...document, auto_auth: { method } }));
  return spawn(program, ['agent', `-config=${join(directory, 'agent.json')}`], {
    env: { HOME: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
};

test("OpenBao's agent exits after one certificate, with the reason, and the kubelet restarts it ever later", async () => {
  await prepare('openbao');
  const agent = await startAgent('openbao');
  let output = '';
  for (const stream of [agent.stdout, agent.stderr]) stream?.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  const code = await new Promise((resolve) => agent.once('exit', resolve));
  expect([code, await certificates('openbao')]).toEqual([1, 1]);
  expect(output).toContain('/dev/null/key');
}, 60_000);

test("Vault's agent keeps running, and doubles the pause between two certificates", async () => {
  await prepare('vault');
  const agent = await startAgent('vault');
  try {
    const times: number[] = [];
    await eventually(
      'five certificates are issued',
      async () => {
        const count = await certificates('vault');
        while (times.length < count) times.push(performance.now());
        return count >= 5;
      },
      { seconds: 60, everyMs: 100 },
    );
    const [first = 0, second = 0, , fourth = 0, fifth = 0] = times;
    // Each pause is random, and at least three quarters of twice the one before it.
    expect(fifth - fourth).toBeGreaterThan(2 * (second - first));
    expect(agent.exitCode).toBeNull();
  } finally {
    agent.kill();
    await new Promise((resolve) => agent.once('exit', resolve));
  }
}, 90_000);
