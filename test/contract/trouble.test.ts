// Agents of profile native during outages: the real programs, with the configuration and the startup probe of pods.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { objectAt, textOf, type JsonObject } from '../../src/json/json.ts';
import { type Bed, startBed } from '../bed/bed.ts';
import { type Gate, openGate } from '../bed/node/gate.ts';
import { obtain } from '../bed/obtain.ts';
import { silentProgress } from '../bed/progress.ts';
import { admit, containerOf, podWith } from '../support/pods.ts';
import { eventually } from '../support/eventually.ts';

const PROGRAMS = { openbao: 'bao', vault: 'vault' } as const;
const PRODUCTS = ['openbao', 'vault'] as const;
type Product = (typeof PRODUCTS)[number];

/** TTLs of logins in seconds: one outlives the outage, the other expires in it. */
const LOGINS = { kept: 600, lost: 4 } as const;
/** The back-off of agents is random, so there are several of each kind. */
const AGENTS = 3;
const OUTAGE_MS = 30_000;
/** As in docs/decisions/0050: at most 3 s between two attempts, and the rest for the attempt itself. */
const RECOVERY_MS = 5000;
/** On a busy machine no agent may take longer; without our limit its back-off would be as long as the outage. */
const BUSY_RECOVERY_MS = 15_000;

let bed: Bed;
beforeAll(async () => {
  bed = await startBed({ parts: PRODUCTS });
  await Promise.all(PRODUCTS.map(prepare));
}, 900_000);
afterAll(() => bed?.stop());

interface Agent {
  readonly name: string;
  readonly directory: string;
  readonly file: string;
  readonly pod: JsonObject;
}

interface Wanted {
  readonly service: string;
  readonly role: keyof typeof LOGINS;
  /** Path of the secret. */
  readonly secret: string;
}

const request = async (product: Product, method: string, path: string, body: object): Promise<unknown> => {
  const { address = '', rootToken = '' } = bed[product] ?? {};
  const headers = { 'X-Vault-Token': rootToken };
  const answer = await fetch(`${address}/v1/${path}`, { method, headers, body: JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path} on ${product}: ${answer.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
};

const write = (value: string): Promise<unknown> =>
  Promise.all(PRODUCTS.map((product) => request(product, 'POST', 'secret/data/web', { data: { value } })));

/** An auth method that needs no cluster, and a role for each TTL. */
const prepare = async (product: Product): Promise<void> => {
  await request(product, 'POST', 'sys/auth/approle', { type: 'approle' });
  await request(product, 'POST', 'sys/policies/acl/web', { policy: 'path "secret/data/web*" { capabilities = ["read"] }' });
  for (const [name, seconds] of Object.entries(LOGINS)) {
    const role = { token_policies: ['web'], token_ttl: seconds, token_max_ttl: seconds };
    await request(product, 'POST', `auth/approle/role/${name}`, role);
    await request(product, 'POST', `auth/approle/role/${name}/role-id`, { role_id: name });
    await request(product, 'POST', `auth/approle/role/${name}/custom-secret-id`, { secret_id: 'for-tests' });
  }
};

/** The pod of the agent. */
const podOf = ({ service, secret }: Wanted): JsonObject => {
  const annotations = {
    service,
    'agent-inject-secret-web': secret,
    'agent-inject-template-web': `{{ with secret "${secret}" }}{{ .Data.data.value }}{{ end }}`,
    'template-static-secret-render-interval': '1s',
  };
  return admit(podWith({ annotations }), { command: 'webhook', flags: ['-allow=*'] }).pod;
};

const inside = (text: string, directory: string): string =>
  text.replaceAll('/vault/secrets', directory).replaceAll('/run/vault-agent', directory);

/** The configuration of the pod's agent, with the auth method and directory of the test. */
const configuration = (pod: JsonObject, directory: string, role: string): string => {
  const text = textOf(objectAt(objectAt(pod, 'metadata'), 'annotations'), 'vaultauth.dev/agent-config') ?? '';
  const document = JSON.parse(inside(text, directory)) as { readonly auto_auth: { readonly method: readonly object[] } };
  writeFileSync(join(directory, 'role'), role);
  writeFileSync(join(directory, 'secret'), 'for-tests', { mode: 0o600 });
  const config = {
    role_id_file_path: join(directory, 'role'),
    secret_id_file_path: join(directory, 'secret'),
    remove_secret_id_file_after_reading: false,
  };
  const method = document.auto_auth.method.map((one) => ({ ...one, type: 'approle', mount_path: 'auth/approle', config }));
  return JSON.stringify({ ...document, auto_auth: { method } });
};

const startAgent = async (product: Product, name: string, wanted: Wanted): Promise<Agent> => {
  const program = (await obtain([PROGRAMS[product]], '1.36', silentProgress)).get(PROGRAMS[product]) ?? '';
  const directory = join(bed.directory, `${product}-${name}`);
  const pod = podOf(wanted);
  mkdirSync(directory);
  writeFileSync(join(directory, 'agent.json'), configuration(pod, directory, wanted.role));
  const command = ['agent', `-config=${join(directory, 'agent.json')}`];
  bed.start({ name: `${product}-${name}`, command: program, arguments: command, environment: { HOME: directory } });
  return { name: `${product}-${name}`, directory, file: join(directory, 'web'), pod };
};

const contentOf = ({ file }: Agent): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

/** Waits until every agent has rendered the value, and returns the time for each, in milliseconds since 1970. */
const rendered = async (agents: readonly Agent[], value: string): Promise<ReadonlyMap<string, number>> => {
  await eventually(`every agent renders ${value}`, () => {
    expect(agents.filter((agent) => contentOf(agent) !== value).map(({ name }) => name)).toEqual([]);
  });
  return new Map(agents.map(({ name, file }) => [name, statSync(file).mtimeMs]));
};

/** The output of the pod's startup probe, as in `kubectl describe pod`; empty when it succeeds. */
const probed = async ({ pod, directory }: Agent): Promise<string> => {
  const probe = objectAt(objectAt(containerOf(pod, 'vault-agent'), 'startupProbe'), 'exec')?.['command'] as string[];
  const [program = '', ...words] = probe.map((word) => inside(word, directory));
  return promisify(execFile)(program, words).then(
    () => '',
    (failure: unknown) => (failure as { readonly stdout: string }).stdout,
  );
};

const probeReports = (text: string, agent: Agent): Promise<void> =>
  eventually(async () => expect(await probed(agent)).toContain(text), { everyMs: 250 });

test.each(PRODUCTS)(
  '%s: the startup probe quotes why a secret is missing',
  async (product) => {
    const service = bed[product]?.address ?? '';
    const forbidden = await startAgent(product, 'forbidden', { service, role: 'kept', secret: 'secret/data/forbidden' });
    await probeReports('* permission denied', forbidden);
    await probeReports('/v1/secret/data/forbidden', forbidden);
    const missing = await startAgent(product, 'missing', { service, role: 'kept', secret: 'secret/data/web/missing' });
    await probeReports('no secret exists at secret/data/web/missing', missing);
    await request(product, 'POST', 'secret/data/web/missing', { data: { value: 'here' } });
    await rendered([missing], 'here');
    expect(await probed(missing)).toBe('');
  },
  300_000,
);

test('agents recover within 5 s after an outage, whether their login expired in it or not', async () => {
  const agents: Agent[] = [];
  const gates: Gate[] = [];
  await write('before');
  for (const product of PRODUCTS) {
    const gate = await openGate({ start: bed.start, hostAddress: '127.0.0.1' }, bed[product]?.address ?? '');
    gates.push(gate);
    for (const role of ['kept', 'lost'] as const)
      for (let index = 0; index < AGENTS; index += 1)
        agents.push(await startAgent(product, `${role}-${index}`, { service: gate.address, role, secret: 'secret/data/web' }));
  }
  await rendered(agents, 'before');
  await Promise.all(gates.map(({ shut }) => shut()));
  await sleep(OUTAGE_MS);
  await write('after');
  await Promise.all(gates.map(({ open }) => open()));
  const back = Date.now();
  const recovery = [...(await rendered(agents, 'after'))].map(([name, at]) => [name, Math.round(at - back)] as const);
  expect(recovery.filter(([, milliseconds]) => milliseconds > BUSY_RECOVERY_MS)).toEqual([]);
  const late = recovery.filter(([, milliseconds]) => milliseconds > RECOVERY_MS);
  expect([late, late.length <= recovery.length / 2]).toEqual([late, true]);
}, 300_000);
