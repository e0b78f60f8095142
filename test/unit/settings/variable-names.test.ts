// Environment variables without effect are reported with the nearest name; the settings in effect name their origin.
import { unknownVariables } from '../../../src/settings/variable-names.ts';
import { readSettings } from '../../../src/settings/read.ts';
import { chartEnvironment } from '../../cluster/chart.ts';
import type { Command } from '../../../src/settings/table.ts';

const lines = (command: Command, ...names: readonly string[]): readonly string[] =>
  unknownVariables(command, Object.fromEntries(names.map((name) => [name, 'x'])));

it.each<[Command, string, string]>([
  ['webhook', 'VAULT_AUTH_INJECTOR_VAULT_ADR', 'is not a setting of webhook; did you mean VAULT_AUTH_INJECTOR_VAULT_ADDR?'],
  ['webhook', 'VAULT_AUTH_INJECTOR_ZEBRA', 'is not a setting of webhook'],
  ['webhook', 'VAULT_AUTH_INJECTOR_ROLLOUTS', 'has no effect on webhook: it is a setting of controller'],
  ['webhook', 'AGENT_INJECT_VAULT_ADDR', 'has no effect on webhook: set VAULT_AUTH_INJECTOR_VAULT_ADDR'],
  ['agent-inject', 'AGENT_INJECT_LOG_LEVLE', 'is not a setting of agent-inject; did you mean AGENT_INJECT_LOG_LEVEL?'],
  ['agent-inject', 'VAULT_AUTH_INJECTOR_CPU_LIMIT', 'has no effect on agent-inject: set AGENT_INJECT_CPU_LIMIT'],
  ['controller', 'VAULT_AUTH_INJECTOR_WORKER', 'is not a setting of controller; did you mean VAULT_AUTH_INJECTOR_WORKERS?'],
  ['explain', 'VAULT_AUTH_INJECTOR_PROFIL', 'is not a setting of explain; did you mean VAULT_AUTH_INJECTOR_PROFILE?'],
])('reports to %s that %s %s', (command, name, sentence) => {
  expect(lines(command, name, 'PATH')).toEqual([`${name} ${sentence}`]);
});

it('does not report settings, empty variables, variables of a Service, and on a workstation those of other commands', () => {
  expect(lines('webhook', 'VAULT_AUTH_INJECTOR_VAULT_ADDR', 'NAMESPACE', 'HOME')).toEqual([]);
  expect(unknownVariables('webhook', { VAULT_AUTH_INJECTOR_ZEBRA: '' })).toEqual([]);
  // What the kubelet sets for the Services vault-auth-injector and vault-auth-injector-controller.
  const service = [
    'SERVICE_HOST',
    'SERVICE_PORT',
    'SERVICE_PORT_REVIEWS',
    'PORT',
    'PORT_443_TCP',
    'PORT_443_TCP_PROTO',
    'PORT_443_TCP_PORT',
    'PORT_443_TCP_ADDR',
  ];
  expect(lines('webhook', ...service.map((end) => `VAULT_AUTH_INJECTOR_${end}`))).toEqual([]);
  expect(lines('webhook', ...service.map((end) => `VAULT_AUTH_INJECTOR_CONTROLLER_${end}`))).toEqual([]);
  expect(lines('inject', 'VAULT_AUTH_INJECTOR_ROLLOUTS', 'AGENT_INJECT_CPU_LIMIT')).toEqual([]);
});

it('does not report any variable of the vault-helm chart', () => {
  expect(unknownVariables('agent-inject', chartEnvironment(8080, 'vault', 'cfg', 'pod'))).toEqual([]);
});

it('lists the settings in effect by origin, without the password of a URL or the lines of a certificate', () => {
  const reading = readSettings(
    'webhook',
    [
      '-proxy-address=http://user:pa@ss@proxy:3128',
      `-vault-cacert-bytes=-----BEGIN CERTIFICATE-----${'x'.repeat(600)}`,
      '-auto-inject',
    ],
    { VAULT_AUTH_INJECTOR_VAULT_ADDR: 'https://vault:8200', VAULT_AUTH_INJECTOR_AUTO_INJECT: 'false', AGENT_INJECT_LISTEN: ':1' },
  );
  if (!reading.ok) throw new Error(reading.problems.join());
  const { effective, warnings } = reading.value;
  expect(effective.flags).toEqual({
    'proxy-address': 'http://…@proxy:3128',
    'vault-cacert-bytes': '627 characters',
    'auto-inject': 'true',
  });
  expect(effective.environment).toEqual({ VAULT_AUTH_INJECTOR_VAULT_ADDR: 'https://vault:8200' });
  expect(effective.defaults).toMatchObject({ listen: ':8080', 'drain-min': '10s' });
  expect(Object.keys(effective.defaults)).not.toContain('workers');
  expect(warnings).toEqual(['AGENT_INJECT_LISTEN has no effect on webhook: set VAULT_AUTH_INJECTOR_LISTEN']);
});

it('names the variable of agent-inject, which overrides the flag', () => {
  const reading = readSettings('agent-inject', ['-cpu-limit=1'], { AGENT_INJECT_CPU_LIMIT: '2' });
  if (!reading.ok) throw new Error(reading.problems.join());
  expect(reading.value.effective).toMatchObject({ flags: {}, environment: { AGENT_INJECT_CPU_LIMIT: '2' } });
});

it('prints the digest of an image, and no password of a proxy without scheme', () => {
  const image = `vault@sha256:${'0a'.repeat(32)}`;
  const reading = readSettings('webhook', [`-vault-image=${image}`, '-proxy-address=user:secret@proxy:3128'], {});
  if (!reading.ok) throw new Error(reading.problems.join());
  expect(reading.value.effective.flags).toEqual({ 'vault-image': image, 'proxy-address': '…@proxy:3128' });
});
