// What the kinds of values accept and reject, against the real agents: their parsers read every accepted value, and none that the agent
// would end at.
import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { autoAuthToken, agentLogFormat, agentLogLevel } from '../../src/annotations/text-kinds.ts';
import { fileMode } from '../../src/annotations/path-kinds.ts';
import { countText, INVALID, vaultDuration, wordList, type ValueKind } from '../../src/annotations/value-kinds.ts';
import { AGENT_FEATURES } from '../../src/annotations/table.ts';
import { obtain } from '../bed/obtain.ts';
import { silentProgress } from '../bed/progress.ts';

let agents: ReadonlyMap<string, string>;
const directory = mkdtempSync(join(tmpdir(), 'values-'));
beforeAll(async () => {
  agents = await obtain(['bao', 'vault'], '1.36', silentProgress);
}, 600_000);

interface Start {
  readonly config?: object;
  readonly environment?: Readonly<Record<string, string>>;
  /** The variables are the client's, which each command has, and the agent creates only when it runs. */
  readonly ofClient?: true;
}

/** Whether the client gets as far as the server, which does not exist. */
const connects = async (product: string, environment: Readonly<Record<string, string>>): Promise<boolean> => {
  const env = { HOME: directory, VAULT_ADDR: 'http://127.0.0.1:1', VAULT_MAX_RETRIES: '0', ...environment };
  const run = promisify(execFile)(agents.get(product) ?? '', ['status'], { env, timeout: 60_000 });
  const output = await run.then(
    () => '',
    (error: unknown) => (error as { readonly stderr?: string }).stderr ?? '',
  );
  expect(output).toMatch(/refused|deadline|could not parse|invalid syntax|[Ee]rror/);
  return /refused|deadline/.test(output);
};

const LOGIN = { type: 'token_file', config: { token_file_path: '/nowhere' } };
let runs = 0;

/** Whether the agent's parsers accept its configuration and variables; it does not run. */
const parses = async (product: string, { config = {}, environment = {}, ofClient }: Start): Promise<boolean> => {
  if (ofClient) return connects(product, environment);
  runs += 1;
  const file = join(directory, `agent-${runs}.json`);
  const sink = { type: 'file', config: { path: join(directory, 'token') } };
  const common = { vault: { address: 'http://127.0.0.1:1' }, auto_auth: { method: [LOGIN], sinks: [{ sink }] } };
  writeFileSync(file, JSON.stringify({ ...common, ...config }));
  try {
    await promisify(execFile)(agents.get(product) ?? '', ['agent', `-config=${file}`, '-test-verify-only'], {
      env: { HOME: directory, ...environment },
      timeout: 60_000,
    });
    return true;
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === 1) return false;
    throw error;
  }
};

interface Case {
  readonly title: string;
  readonly kind: ValueKind<unknown>;
  readonly valid: readonly string[];
  /** Rejected by the kind, and by the agent. */
  readonly invalid: readonly string[];
  /** The agent with the values of one kind, all at once. */
  readonly start: (values: readonly string[]) => Start;
  /** One value for each start, because the place can hold only one. */
  readonly single?: true;
}

const DURATIONS = ['', '0', '60', '2d', '007', '+5s', '.5s', '1.s', '1h30m', '1µs'];
const NO_DURATIONS = ['5 minutes', '1w', '1d12h', '1.5', '5min'];

const CASES: readonly Case[] = [
  {
    title: 'modes of files',
    kind: fileMode,
    valid: ['0640', '640', '416', '0', '7777', '000000000640'],
    invalid: ['rw-r-----', '0888', '10000', '0o640', '6 40', '-640'],
    start: (values) => ({
      config: { template: values.map((perms, index) => ({ contents: 'x', destination: join(directory, `${index}`), perms })) },
    }),
  },
  {
    title: 'intervals of templates',
    kind: vaultDuration,
    valid: DURATIONS,
    invalid: NO_DURATIONS,
    start: ([value]) => ({ config: { template_config: { static_secret_render_interval: value ?? '' } } }),
    single: true,
  },
  {
    title: 'retention times of telemetry',
    kind: vaultDuration,
    valid: ['30s', '2d'],
    invalid: ['two days'],
    start: ([value]) => ({ config: { telemetry: { prometheus_retention_time: value ?? '' } } }),
    single: true,
  },
  {
    title: 'features of the agent',
    kind: wordList(AGENT_FEATURES),
    valid: [...AGENT_FEATURES],
    invalid: ['cache', 'Caching', 'auto_auth'],
    start: (values) => ({ config: { disable_idle_connections: values, disable_keep_alives: values } }),
  },
  {
    title: 'use_auto_auth_token',
    kind: autoAuthToken,
    valid: ['true', 'FALSE', 'force', 'Force', '1', 't'],
    invalid: ['always', 'on'],
    start: ([value]) => ({
      config: {
        cache: { use_auto_auth_token: value ?? '' },
        listener: [{ type: 'tcp', address: '127.0.0.1:0', tls_disable: true }],
      },
    }),
    single: true,
  },
  {
    title: 'log levels',
    kind: agentLogLevel,
    valid: ['', 'info', 'TRACE', 'warning', 'err', 'notice'],
    invalid: ['verbose', 'fatal'],
    start: ([value]) => ({ environment: { VAULT_LOG_LEVEL: value ?? '' } }),
    single: true,
  },
  {
    title: 'log formats',
    kind: agentLogFormat,
    valid: ['', 'json', 'Standard'],
    invalid: ['text', 'logfmt'],
    start: ([value]) => ({ environment: { VAULT_LOG_FORMAT: value ?? '' } }),
    single: true,
  },
  {
    title: 'timeouts of the client',
    kind: vaultDuration,
    valid: DURATIONS,
    invalid: NO_DURATIONS,
    start: ([value]) => ({ environment: { VAULT_CLIENT_TIMEOUT: value ?? '' }, ofClient: true }),
    single: true,
  },
  {
    title: 'retries of the client',
    kind: countText,
    // More retries would take minutes.
    valid: ['0', '1', '01'],
    invalid: ['many', '-1', '0.5'],
    start: ([value]) => ({ environment: { VAULT_MAX_RETRIES: value ?? '' }, ofClient: true }),
    single: true,
  },
];

describe.each(['bao', 'vault'])('%s', (product) => {
  test.each(CASES.map((one) => [one.title, one] as const))(
    'reads %s as their kind does',
    async (_, { kind, valid, invalid, start, single }) => {
      expect(valid.filter((raw) => kind.read(raw) === INVALID)).toEqual([]);
      expect(invalid.filter((raw) => kind.read(raw) !== INVALID)).toEqual([]);
      for (const values of single ? valid.map((one) => [one]) : [valid])
        expect([values, await parses(product, start(values))]).toEqual([values, true]);
      for (const value of invalid) expect([value, await parses(product, start([value]))]).toEqual([value, false]);
    },
    120_000,
  );

  test('parses a configuration with every generated mode that the kind accepts', async () => {
    const modes = fc.sample(fc.string({ unit: fc.constantFrom(...'0123456789oxrw- '.split('')), maxLength: 6 }), 400);
    const accepted = modes.filter((raw) => fileMode.read(raw) !== INVALID);
    expect(accepted.length).toBeGreaterThan(20);
    const template = accepted.map((perms, index) => ({ contents: 'x', destination: join(directory, `${index}`), perms }));
    expect(await parses(product, { config: { template } })).toBe(true);
  });
});
