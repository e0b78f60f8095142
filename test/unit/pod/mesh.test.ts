// Pods of service meshes: where the agent goes among init containers, and pods whose agent waits for a proxy that waits for it.
import { objectAt, objectsOf, textOf, type JsonObject } from '../../../src/json/json.ts';
import { MESHES } from '../../../src/pod/mesh.ts';
import { admit, podWith, TOKEN_MOUNT, type Result } from '../../support/pods.ts';

const sidecar = (name: string): JsonObject => ({ name, restartPolicy: 'Always' });
const plain = (name: string): JsonObject => ({ name });
const APP = { name: 'web', volumeMounts: [TOKEN_MOUNT] };

interface Input {
  readonly inits: readonly JsonObject[];
  readonly apps?: readonly JsonObject[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
}

const inject = ({ inits, apps = [], annotations = {}, flags = [] }: Input): Result =>
  admit(
    podWith({
      annotations: { 'agent-inject-secret-db': 'kv/db', ...annotations },
      spec: {
        ...(podWith().spec as JsonObject),
        initContainers: inits,
        containers: [APP, ...apps],
      },
    }),
    { command: 'webhook', flags },
  );

const orderOf = ({ pod }: Result): readonly string[] =>
  objectsOf(objectAt(pod, 'spec')?.['initContainers']).map((container) => textOf(container, 'name') ?? '');

test.each(MESHES)('puts the agent after the proxy of $name if it is a native sidecar', ({ proxy, suffixed }) => {
  const name = suffixed ? `${proxy}-shop` : proxy;
  expect(orderOf(inject({ inits: [sidecar(name), plain('migrate')] }))).toEqual([name, 'vault-agent', 'migrate']);
  // A plain init container of this name ends before the app starts: it carries no traffic.
  expect(orderOf(inject({ inits: [plain(name), plain('migrate')] }))).toEqual(['vault-agent', name, 'migrate']);
});

test.each<[string, readonly JsonObject[], Readonly<Record<string, string>>, readonly string[]]>([
  ['first without a proxy', [plain('a'), sidecar('logs')], {}, ['vault-agent', 'a', 'logs']],
  [
    'after the last of two proxies',
    [sidecar('linkerd-proxy'), plain('a'), sidecar('istio-proxy')],
    {},
    ['linkerd-proxy', 'a', 'istio-proxy', 'vault-agent'],
  ],
  [
    'first on request, before a proxy',
    [sidecar('istio-proxy'), plain('a')],
    { 'agent-init-first': 'true' },
    ['vault-agent', 'istio-proxy', 'a'],
  ],
  ['last on request', [sidecar('own-proxy'), plain('a')], { 'agent-init-first': 'false' }, ['own-proxy', 'a', 'vault-agent']],
  ['last on request without init containers', [], { 'agent-init-first': 'false' }, ['vault-agent']],
  [
    'not after a container with a similar name',
    [sidecar('istio-proxy-exporter'), plain('a')],
    {},
    ['vault-agent', 'istio-proxy-exporter', 'a'],
  ],
])('places the agent: %s', (_, inits, annotations, expected) => {
  expect(orderOf(inject({ inits, annotations }))).toEqual(expected);
});

test.each(['true', 'false'])('agent-init-first "%s" means the same in both profiles', (value) => {
  const places = ['native', 'compat'].map((profile) => {
    const annotations = { 'agent-init-first': value, 'vaultauth.dev/profile': profile };
    const order = orderOf(inject({ inits: [plain('a'), sidecar('istio-proxy'), plain('b')], annotations }));
    return order.findIndex((name) => name.startsWith('vault-agent'));
  });
  expect(places).toEqual(value === 'true' ? [0, 0] : [3, 3]);
});

test('an init container on nodes without native sidecars goes after the proxy too', () => {
  const flags = ['-native-sidecars=false'];
  expect(orderOf(inject({ inits: [sidecar('istio-proxy'), plain('a')], flags }))).toEqual([
    'istio-proxy',
    'vault-agent-init',
    'a',
  ]);
});

test('a review after the webhook of a mesh moves no container', () => {
  const first = inject({ inits: [plain('migrate')] }).pod;
  for (const order of [
    [plain('istio-validation'), sidecar('istio-proxy'), ...objectsOf(objectAt(first, 'spec')?.['initContainers'])],
    [...objectsOf(objectAt(first, 'spec')?.['initContainers']), plain('consul-connect-inject-init'), sidecar('consul-dataplane')],
  ]) {
    const pod = { ...first, spec: { ...objectAt(first, 'spec'), initContainers: order } };
    const again = admit(pod, { command: 'webhook' });
    expect(orderOf(again)).toEqual(order.map(({ name }) => name));
    expect(again.outcome.patch.every(({ op, path }) => op === 'add' && path.includes('/volumeMounts'))).toBe(true);
    expect(again.outcome.problems).toEqual([]);
  }
});

const EXCLUDE = { 'traffic.sidecar.istio.io/excludeOutboundPorts': '3306, 8200' };
const RANGE = { 'config.linkerd.io/skip-outbound-ports': '8000-9000' };
const CONSUL = { 'consul.hashicorp.com/transparent-proxy-status': 'enabled' };
const CONSUL_CNI = { ...CONSUL, 'consul.hashicorp.com/redirect-traffic-config': '{}' };
const FIRST = { 'agent-init-first': 'true' };
const LAST = { 'agent-init-first': 'false' };

test.each<[string, Input, string | undefined]>([
  ['Istio with CNI, proxy before the agent', { inits: [plain('istio-validation'), sidecar('istio-proxy')] }, undefined],
  [
    'Istio with CNI, agent first',
    { inits: [plain('istio-validation'), sidecar('istio-proxy')], annotations: FIRST },
    'not-first',
  ],
  ['Istio without CNI, agent first', { inits: [plain('istio-init'), sidecar('istio-proxy')], annotations: FIRST }, undefined],
  ['Istio with CNI, proxy beside the app', { inits: [plain('istio-validation')], apps: [plain('istio-proxy')] }, 'exclude'],
  [
    'the same with an excluded port',
    { inits: [plain('istio-validation')], apps: [plain('istio-proxy')], annotations: EXCLUDE },
    undefined,
  ],
  [
    'the same as the user of the proxy',
    { inits: [plain('istio-validation')], apps: [plain('istio-proxy')], annotations: { 'agent-run-as-user': '1337' } },
    undefined,
  ],
  [
    'the same without a wait',
    { inits: [plain('istio-validation')], apps: [plain('istio-proxy')], annotations: { 'agent-pre-populate': 'false' } },
    undefined,
  ],
  ['Istio without CNI, proxy beside the app', { inits: [plain('istio-init')], apps: [plain('istio-proxy')] }, undefined],
  ['the same with the agent last', { inits: [plain('istio-init')], apps: [plain('istio-proxy')], annotations: LAST }, 'first'],
  [
    'the same in profile compat',
    { inits: [plain('istio-init')], apps: [plain('istio-proxy')], annotations: { 'vaultauth.dev/profile': 'compat' } },
    'first',
  ],
  [
    'Linkerd with CNI, proxy beside the app',
    { inits: [plain('linkerd-network-validator')], apps: [plain('linkerd-proxy')] },
    'exclude',
  ],
  [
    'the same with a range of ports',
    { inits: [plain('linkerd-network-validator')], apps: [plain('linkerd-proxy')], annotations: RANGE },
    undefined,
  ],
  ['Kuma with CNI, proxy beside the app', { inits: [plain('kuma-validation')], apps: [plain('kuma-sidecar')] }, 'exclude'],
  [
    'Consul with CNI, proxy beside the app',
    { inits: [plain('consul-connect-inject-init')], apps: [plain('consul-dataplane')], annotations: CONSUL_CNI },
    'exclude',
  ],
  [
    'Consul without a redirection',
    { inits: [plain('consul-connect-inject-init')], apps: [plain('consul-dataplane')], annotations: LAST },
    undefined,
  ],
  [
    'Consul with a redirection before the agent',
    { inits: [plain('consul-connect-inject-init')], apps: [plain('consul-dataplane')], annotations: { ...CONSUL, ...LAST } },
    'first',
  ],
  ['no mesh', { inits: [plain('a')] }, undefined],
])('reports an agent that waits for a proxy: %s', (_, input, remedy) => {
  const found = inject(input).outcome.warnings.filter(({ code }) => code === 'agent-without-network');
  expect(found.map((warning) => ('remedy' in warning ? warning.remedy : ''))).toEqual(remedy === undefined ? [] : [remedy]);
});

test('reports the port of the address of Vault', () => {
  for (const [service, port] of [
    ['https://vault.example', 443],
    ['http://vault.example/x', 80],
    ['https://[fd00::1]:8300', 8300],
  ] as const) {
    const flags = ['-allow=service'];
    const input = { inits: [plain('istio-validation')], apps: [plain('istio-proxy')], annotations: { service }, flags };
    expect(inject(input).outcome.warnings).toMatchObject([{ code: 'agent-without-network', port }]);
  }
});
