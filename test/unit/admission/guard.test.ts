// Guarded annotations: a refused and an allowed case for each, and no way round the guard.
import { PREFIXES } from '../../../src/annotations/prefix.ts';
import { kebab, type Row } from '../../../src/annotations/row.ts';
import { table, type OptionKey } from '../../../src/annotations/table.ts';
import type { Cluster } from '../../../src/cli/context.ts';
import { admit, podWith } from '../fixture.ts';

const VALUES: Readonly<Record<string, string>> = {
  service: 'https://evil.example:8200',
  'proxy-address': 'http://evil.example:3128',
  'agent-image': 'evil/agent:1',
  'tls-skip-verify': 'true',
  'agent-configmap': 'mine',
  'agent-json-patch': '[{"op":"replace","path":"/image","value":"evil"}]',
  'agent-init-json-patch': '[{"op":"replace","path":"/image","value":"evil"}]',
  'agent-config-patch': '[{"op":"replace","path":"/vault/address","value":"https://evil"}]',
  'agent-run-as-user': '0',
  'agent-run-as-group': '0',
};

const namespaceWith = (annotations: Readonly<Record<string, string>>): Cluster => ({
  namespace: () => ({ labels: new Map(), annotations: new Map(Object.entries(annotations)) }),
  serviceAccount: () => undefined,
});

test('every guarded row has a case here', () => {
  const guarded = (Object.keys(table) as OptionKey[]).filter((key) => (table[key] as Row<unknown>).guarded).map(kebab);
  expect(Object.keys(VALUES)).toEqual(expect.arrayContaining(guarded));
});

describe.each(Object.entries(VALUES))('%s', (name, value) => {
  const own = name === 'agent-config-patch' ? `vaultauth.dev/${name}` : name;
  const pod = podWith({ annotations: { [own]: value } });

  test('is refused to a pod, with the name of what would allow it', () => {
    const { outcome } = admit(pod, { command: 'webhook' });
    expect(outcome.decision).toBe('denied');
    expect(outcome.problems).toContainEqual(
      expect.objectContaining({ code: 'annotation-guarded', name, allow: 'vaultauth.dev/allow' }),
    );
  });

  test('is allowed by the namespace, by the operator, and in agent-inject', () => {
    const cluster = namespaceWith({ 'vaultauth.dev/allow': `other, ${name}` });
    expect(admit(pod, { command: 'webhook', cluster }).codes).not.toContain('annotation-guarded');
    expect(admit(pod, { command: 'webhook', flags: [`-allow=${name}`] }).codes).not.toContain('annotation-guarded');
    expect(admit(pod, { command: 'agent-inject' }).codes).not.toContain('annotation-guarded');
  });

  test('is refused to a service account, and left to a namespace', () => {
    const full = own.includes('/') ? own : `vault.hashicorp.com/${own}`;
    const metadata = { labels: new Map(), annotations: new Map([[full, value]]) };
    const byAccount: Cluster = { namespace: () => undefined, serviceAccount: () => metadata };
    expect(admit(podWith(), { command: 'webhook', cluster: byAccount }).codes).toContain('annotation-guarded');
    expect(admit(podWith(), { command: 'webhook', cluster: namespaceWith({ [full]: value }) }).codes).not.toContain(
      'annotation-guarded',
    );
  });
});

test.each(PREFIXES)('no prefix leads round the guard: %s', (prefix) => {
  const pod = podWith({ annotations: { [`${prefix}service`]: 'https://evil.example:8200' } });
  expect(admit(pod, { command: 'webhook' }).codes).toContain('annotation-guarded');
});

test.each(['compat', 'native'])('no profile leads round the guard: %s', (profile) => {
  const pod = podWith({ annotations: { 'vaultauth.dev/profile': profile, 'agent-image': 'evil/agent:1' } });
  expect(admit(pod, { command: 'webhook' }).codes).toContain('annotation-guarded');
});

test('a pod cannot allow itself', () => {
  const pod = podWith({ annotations: { 'vaultauth.dev/allow': '*', service: 'https://evil.example:8200' } });
  expect(admit(pod, { command: 'webhook' }).codes).toEqual(['annotation-guarded', 'annotation-layer']);
});

test('saying what holds anyway needs no permission', () => {
  const pod = podWith({
    annotations: { service: 'https://vault.example:8200', 'tls-skip-verify': 'false', 'agent-json-patch': '[]' },
  });
  expect(admit(pod, { command: 'webhook' }).codes).toEqual([]);
});
