// The table of settings: every row is valid, and all settings of vault-k8s exist.
import { text } from '../../../src/annotations/text-kinds.ts';
import { INVALID } from '../../../src/annotations/value-kinds.ts';
import { table, type OptionKey } from '../../../src/annotations/table.ts';
import { variableOf } from '../../../src/settings/variable-names.ts';
import { defaultOf, flagOf, keysOf } from '../../../src/settings/read.ts';
import { settingsTable, type Command, type SettingKey, type SettingRow } from '../../../src/settings/table.ts';

const COMMANDS: readonly Command[] = ['webhook', 'agent-inject', 'controller', 'inject', 'explain'];
const rows = (Object.keys(settingsTable) as SettingKey[]).map((key): [SettingKey, SettingRow<unknown>] => [
  key,
  settingsTable[key],
]);

describe.each(rows)('the setting %s', (key, row) => {
  it('has valid defaults', () => {
    const written = row.commands.map((command) => defaultOf(key, command)).filter((text) => text !== undefined);
    expect(written.filter((text) => row.kind.read(text) === INVALID)).toEqual([]);
  });

  it('has a kind that checks it', () => expect(row.kind).not.toBe(text));

  it('has a sentence and at least one command', () => {
    expect(row.sentence).toMatch(/\.$/);
    expect(row.commands.length).toBeGreaterThan(0);
    expect(Object.keys(row.defaults ?? {}).every((command) => row.commands.includes(command as Command))).toBe(true);
  });

  it('is parsed like the annotation whose default it is', () => {
    const option: { readonly kind: { readonly name: string }; readonly default?: unknown } =
      row.option === undefined ? row : table[row.option];
    // An annotation may ignore case where the flag of vault-k8s does not; the words are the same.
    expect(row.kind.name).toBe(option.kind.name);
    const written = row.option === undefined ? undefined : row.default;
    if (written !== undefined && option.default !== undefined) expect(row.kind.read(written)).toEqual(option.default);
  });
});

it('has at most one setting per annotation', () => {
  const options = rows.flatMap(([, { option }]) => (option === undefined ? [] : [option]));
  expect(new Set<OptionKey>(options).size).toBe(options.length);
});

it.each(COMMANDS)('%s has no duplicate flag or variable', (command) => {
  const keys = keysOf(command);
  expect(new Set(keys.map(flagOf)).size).toBe(keys.length);
  expect(new Set(keys.map((key) => variableOf(key, command))).size).toBe(keys.length);
});

/** Flags of `vault-k8s agent-inject` 1.7.6, the suffix of each one's variable, and its default ("-": none). */
const PREDECESSOR: readonly (readonly [flag: string, suffix: string, fallback: string])[] = [
  ['listen', 'LISTEN', ':8080'],
  ['log-level', 'LOG_LEVEL', 'info'],
  ['log-format', 'LOG_FORMAT', 'standard'],
  ['vault-address', 'VAULT_ADDR', '-'],
  ['vault-cacert-bytes', 'VAULT_CACERT_BYTES', ''],
  ['proxy-address', 'PROXY_ADDR', '-'],
  ['vault-image', 'VAULT_IMAGE', 'hashicorp/vault:2.0.4'],
  // Since 1.8.0.
  ['vault-binary', 'VAULT_BINARY', '-'],
  ['vault-auth-type', 'VAULT_AUTH_TYPE', 'kubernetes'],
  ['vault-auth-path', 'VAULT_AUTH_PATH', 'auth/kubernetes'],
  ['vault-namespace', 'VAULT_NAMESPACE', '-'],
  ['revoke-on-shutdown', 'REVOKE_ON_SHUTDOWN', '-'],
  ['run-as-user', 'RUN_AS_USER', '100'],
  ['run-as-group', 'RUN_AS_GROUP', '1000'],
  ['run-as-same-user', 'RUN_AS_SAME_USER', '-'],
  ['set-security-context', 'SET_SECURITY_CONTEXT', 'true'],
  ['telemetry-path', 'TELEMETRY_PATH', ''],
  ['use-leader-elector', 'USE_LEADER_ELECTOR', 'false'],
  ['default-template', 'DEFAULT_TEMPLATE', 'map'],
  ['cpu-request', 'CPU_REQUEST', '250m'],
  ['memory-request', 'MEM_REQUEST', '64Mi'],
  ['ephemeral-storage-request', 'EPHEMERAL_REQUEST', '-'],
  ['cpu-limit', 'CPU_LIMIT', '500m'],
  ['memory-limit', 'MEM_LIMIT', '128Mi'],
  ['ephemeral-storage-limit', 'EPHEMERAL_LIMIT', '-'],
  ['template-config-exit-on-retry-failure', 'TEMPLATE_CONFIG_EXIT_ON_RETRY_FAILURE', 'true'],
  ['template-static-secret-render-interval', 'TEMPLATE_STATIC_SECRET_RENDER_INTERVAL', '-'],
  ['template-max-connections-per-host', 'TEMPLATE_MAX_CONNECTIONS_PER_HOST', '-'],
  ['template-lease-renewal-threshold', 'TEMPLATE_LEASE_RENEWAL_THRESHOLD', '-'],
  ['tls-auto', 'TLS_AUTO', ''],
  ['tls-auto-hosts', 'TLS_AUTO_HOSTS', ''],
  ['tls-cert-file', 'TLS_CERT_FILE', ''],
  ['tls-key-file', 'TLS_KEY_FILE', ''],
  ['tls-ca-cert-file', 'TLS_CA_CERT_FILE', ''],
  ['tls-min-version', 'TLS_MIN_VERSION', 'tls12'],
  ['tls-cipher-suites', 'TLS_CIPHER_SUITES', ''],
  ['auth-min-backoff', 'AUTH_MIN_BACKOFF', '-'],
  ['auth-max-backoff', 'AUTH_MAX_BACKOFF', '-'],
  ['disable-idle-connections', 'DISABLE_IDLE_CONNECTIONS', '-'],
  ['disable-keep-alives', 'DISABLE_KEEP_ALIVES', '-'],
];

describe('agent-inject has the flag of vault-k8s', () => {
  const byFlag = new Map(keysOf('agent-inject').map((key) => [flagOf(key), key]));

  it.each(PREDECESSOR)('-%s, AGENT_INJECT_%s, default %j', (flag, suffix, fallback) => {
    const key = byFlag.get(flag);
    expect(key).toBeDefined();
    if (key === undefined) return;
    expect(variableOf(key, 'agent-inject')).toBe(`AGENT_INJECT_${suffix}`);
    expect(defaultOf(key, 'agent-inject') ?? '-').toBe(fallback);
  });
});
