// Flags, environment and defaults become settings, or one line per problem.
import { readSettings, runtimeEnvironment, type ReadSettings } from '../../../src/settings/read.ts';
import type { Command } from '../../../src/settings/table.ts';

const good = (command: Command, words: readonly string[], environment: Readonly<Record<string, string>> = {}): ReadSettings => {
  const reading = readSettings(command, words, environment);
  if (!reading.ok) throw new Error(reading.problems.join('\n'));
  return reading.value;
};

const problems = (
  command: Command,
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): readonly string[] => {
  const reading = readSettings(command, words, environment);
  return reading.ok ? [] : reading.problems;
};

describe('precedence', () => {
  it('has the environment first for agent-inject', () => {
    const { settings, options } = good('agent-inject', ['-vault-address=http://flag', '-vault-image=flag'], {
      AGENT_INJECT_VAULT_ADDR: 'http://environment',
      VAULT_AUTH_INJECTOR_VAULT_IMAGE: 'foreign',
    });
    expect([settings.vaultAddress, settings.vaultImage]).toEqual(['http://environment', 'flag']);
    expect(options).toMatchObject({ service: 'http://environment', agentImage: 'flag' });
  });

  it('has the flag first for other commands', () => {
    const environment = {
      VAULT_AUTH_INJECTOR_VAULT_ADDR: 'http://environment',
      VAULT_AUTH_INJECTOR_LOG_LEVEL: 'debug',
      AGENT_INJECT_LOG_FORMAT: 'standard',
    };
    const { settings } = good('webhook', ['-vault-address', 'http://flag'], environment);
    expect([settings.vaultAddress, settings.logLevel, settings.logFormat]).toEqual(['http://flag', 'debug', 'json']);
  });

  it('ignores an empty variable', () => {
    expect(good('agent-inject', ['-log-level=warn'], { AGENT_INJECT_LOG_LEVEL: '' }).settings.logLevel).toBe('warn');
    expect(good('agent-inject', [], { AGENT_INJECT_CPU_LIMIT: '' }).options.agentLimitsCpu).toBe('500m');
  });

  it('accepts an empty flag', () => expect(good('agent-inject', ['-cpu-limit=']).options.agentLimitsCpu).toBe(''));
});

describe('values', () => {
  it('are parsed by their kinds', () => {
    const { settings } = good('webhook', [
      '-listen=[::1]:9443',
      '-drain-min=1m30s',
      '-tls-auto-hosts=a, b',
      '-auto-inject',
      '-log-level=WARNING',
      '-cpu-limit=1000m',
    ]);
    expect(settings).toMatchObject({
      listen: { host: '::1', port: 9443 },
      drainMin: 90_000,
      tlsAutoHosts: ['a', 'b'],
      autoInject: true,
      logLevel: 'warn',
      cpuLimit: '1',
      operationsListen: { host: '', port: 8081 },
    });
    expect(Object.isFrozen(settings)).toBe(true);
  });

  it('of the CA of Vault are PEM or base64 of PEM', () => {
    const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    const packed = Buffer.from(pem).toString('base64').replaceAll(/.{20}/g, '$&\n');
    for (const value of [pem, packed])
      expect(good('agent-inject', [], { AGENT_INJECT_VAULT_CACERT_BYTES: value }).settings.vaultCacertBytes).toBe(pem);
  });

  it('of other commands have their defaults', () => {
    expect(good('inject', []).settings.listen).toEqual({ host: '', port: 8080 });
    expect(good('inject', ['-namespace=shop', 'file.yaml']).settings.namespace).toBe('shop');
  });

  it('for annotations are only those that have a value', () => {
    const { options } = good('webhook', []);
    expect(options).not.toHaveProperty('service');
    expect(options).toMatchObject({ agentRunAsUser: 100, agentSetSecurityContext: true, agentInjectDefaultTemplate: 'map' });
  });
});

describe('problems', () => {
  it('name flag or variable, value and expected form, all at once', () => {
    expect(
      problems('webhook', ['-listen=8080', '-cpu-limit=1 core', '-lisen=:1'], { VAULT_AUTH_INJECTOR_LOG_LEVEL: 'loud' }),
    ).toEqual([
      '-lisen: unknown flag; did you mean -listen?',
      '-listen: invalid value "8080", expected HOST:PORT, :PORT or [IPv6]:PORT',
      'VAULT_AUTH_INJECTOR_LOG_LEVEL: invalid value "loud", expected one of trace, debug, info, warn, error',
      '-cpu-limit: invalid value "1 core", expected a Kubernetes quantity such as 250m, 64Mi or 1Gi',
    ]);
    expect(problems('agent-inject', ['-default-template=map'], { AGENT_INJECT_DEFAULT_TEMPLATE: 'MAP' })).toEqual([
      'AGENT_INJECT_DEFAULT_TEMPLATE: invalid value "MAP", expected one of map, json',
    ]);
    expect(problems('agent-inject', [], { AGENT_INJECT_AUTH_MIN_BACKOFF: 'soon', AGENT_INJECT_RUN_AS_USER: '-1' })).toHaveLength(
      2,
    );
  });

  it.each([':70000', 'host', 'host:', '::1:80', ':-1', ': 8080'])('include the address %j', (address) =>
    expect(problems('webhook', [`-listen=${address}`])).toHaveLength(1),
  );

  it('include flags of other commands', () =>
    expect(problems('inject', ['-tls-auto=x'])).toEqual([expect.stringContaining('-tls-auto: unknown flag')]));
});

describe('further arguments', () => {
  it('are ignored by agent-inject from the first on, as manifests of vault-k8s require', () => {
    const { settings, positionals } = good('agent-inject', ['-log-level=warn', '2>&1']);
    expect([settings.logLevel, positionals]).toEqual(['warn', ['2>&1']]);
  });

  it('may be mixed with flags of the command', () => {
    const reading = readSettings(
      'inject',
      ['-f', 'a.yaml', '-diff', 'b.yaml'],
      {},
      new Map([
        ['f', { isSwitch: false }],
        ['diff', { isSwitch: true }],
      ]),
    );
    if (!reading.ok) throw new Error(reading.problems.join());
    expect([Object.fromEntries(reading.value.extra), reading.value.positionals]).toEqual([
      { f: 'a.yaml', diff: 'true' },
      ['b.yaml'],
    ]);
  });
});

describe('the runtime environment', () => {
  it('come from the kubelet and the terminal', () => {
    expect(
      runtimeEnvironment({
        NAMESPACE: 'vault',
        POD_NAME: 'injector-0',
        KUBERNETES_SERVICE_HOST: '10.0.0.1',
        KUBERNETES_SERVICE_PORT: '443',
        NO_COLOR: '1',
        HOME: '/home/me',
      }),
    ).toEqual({
      podNamespace: 'vault',
      podName: 'injector-0',
      kubeconfigs: '/home/me/.kube/config',
      kubernetesHost: '10.0.0.1',
      kubernetesPort: '443',
      noColor: true,
    });
    expect(runtimeEnvironment({})).toMatchObject({
      podNamespace: undefined,
      podName: '',
      kubernetesHost: undefined,
      noColor: false,
    });
  });
});
