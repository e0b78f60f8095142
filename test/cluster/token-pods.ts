// Pods for the policy of mode token: shapes, and ways to ask, each with who is to answer.
import fc from 'fast-check';
import type { JsonObject } from '../../src/json/json.ts';
import { APP_TOKEN_DIRECTORY, TOKEN_VOLUME } from '../../src/pod/token.ts';

type Texts = Readonly<Record<string, string>>;

export interface Ask {
  readonly labels?: Texts;
  readonly annotations: Texts;
}

const volume = (audience = 'vault'): JsonObject => ({
  name: TOKEN_VOLUME,
  projected: { sources: [{ serviceAccountToken: { path: 'token', audience, expirationSeconds: 3600 } }] },
});
const web: JsonObject = { name: 'web', image: 'nginx' };
const mounted = (name: string, mountPath = APP_TOKEN_DIRECTORY): JsonObject => ({
  ...web,
  volumeMounts: [{ name, mountPath, readOnly: true }],
});
const other: JsonObject = { name: 'other', emptyDir: {} };
const migrate: JsonObject = { name: 'migrate', image: 'nginx' };

/** Specs that the policy can do. */
export const SHAPES: Readonly<Record<string, JsonObject>> = {
  plain: { containers: [web] },
  'several containers': { containers: [web, { name: 'proxy', image: 'x' }, { name: 'metrics', image: 'y' }] },
  'no API token': { automountServiceAccountToken: false, containers: [web] },
  'its own variables': {
    containers: [
      {
        ...web,
        env: [
          { name: 'A', value: '1' },
          { name: 'VAULT_ROLE', value: 'mine' },
          { name: 'Z', value: '$(VAULT_ADDR)' },
          { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        ],
      },
      { name: 'proxy', image: 'x', env: [{ name: 'VAULT_TOKEN_PATH', value: '' }] },
    ],
  },
  'a variable twice': {
    containers: [
      {
        ...web,
        env: [
          { name: 'A', value: '1' },
          { name: 'A', value: '2' },
          { name: 'VAULT_ADDR', value: '3' },
          { name: 'VAULT_ADDR', value: '4' },
        ],
      },
    ],
  },
  'all variables': {
    containers: [
      {
        ...web,
        env: ['ADDR', 'NAMESPACE', 'AUTH_MOUNT', 'ROLE', 'TOKEN_PATH'].map((name) => ({ name: `VAULT_${name}`, value: 'x' })),
      },
    ],
  },
  'its own mounts': {
    volumes: [other, { name: 'settings', configMap: { name: 'settings' } }],
    containers: [
      {
        ...web,
        volumeMounts: [
          { name: 'other', mountPath: '/data' },
          { name: 'settings', mountPath: '/a', subPath: 'b' },
        ],
      },
      { name: 'proxy', image: 'x' },
    ],
  },
  'two protocols on one port': {
    containers: [
      {
        ...web,
        ports: [
          { containerPort: 53, protocol: 'UDP' },
          { containerPort: 53, protocol: 'TCP' },
        ],
        args: ['z', 'y'],
      },
    ],
  },
  'init containers': { initContainers: [migrate, { name: 'wait', image: 'x' }], containers: [web] },
  'a native sidecar': { initContainers: [{ name: 'mesh', image: 'x', restartPolicy: 'Always' }, migrate], containers: [web] },
  'the volume already': { volumes: [other, volume()], containers: [web] },
  'the volume and its mount': { volumes: [volume()], containers: [mounted(TOKEN_VOLUME), { name: 'proxy', image: 'x' }] },
  'a mount with a slash at its end': { volumes: [volume()], containers: [mounted(TOKEN_VOLUME, `${APP_TOKEN_DIRECTORY}/`)] },
  'fields of all kinds': {
    hostNetwork: true,
    terminationGracePeriodSeconds: 5,
    hostAliases: [{ ip: '10.0.0.1', hostnames: ['a', 'b'] }],
    tolerations: [{ operator: 'Exists' }],
    topologySpreadConstraints: [
      { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: { matchLabels: { a: 'b' } } },
    ],
    securityContext: { runAsUser: 1000, supplementalGroups: [1, 2] },
    containers: [
      { ...web, command: ['sh', '-c', 'x'], securityContext: { capabilities: { add: ['A'], drop: ['ALL'] } } },
      { name: 'proxy', image: 'x', livenessProbe: { httpGet: { port: 80 } }, resources: { limits: { cpu: '1' } } },
    ],
  },
};

const texts = (count: number): readonly JsonObject[] =>
  Array.from({ length: count }, (_, index) => ({ name: `NAME_${index}`, value: 'x'.repeat(10) }));
const places = (count: number): readonly JsonObject[] =>
  Array.from({ length: count }, (_, index) => ({ name: 'other', mountPath: `/var/run/secrets/vaultauth.dev/other/${index}` }));
/** A pod of so many containers, each with so many variables and mounts together. */
export function many(containers: number, each: number): JsonObject {
  return {
    volumes: [other],
    containers: Array.from({ length: containers }, (_, index) => ({
      ...web,
      name: `web-${index}`,
      env: texts(each / 2),
      volumeMounts: places(each / 2),
    })),
  };
}

/** As large as the policy takes it; and larger. */
export const LARGEST: JsonObject = many(64, 30);
export const TOO_LARGE: Readonly<Record<string, JsonObject>> = { containers: many(65, 0), 'variables and mounts': many(64, 32) };

/** Specs that are the webhook's to judge. */
export const ODD_SHAPES: Readonly<Record<string, JsonObject>> = {
  'another volume of that name': { volumes: [{ name: TOKEN_VOLUME, emptyDir: {} }], containers: [web] },
  'the volume for another container': { volumes: [volume('someone')], containers: [web] },
  'another mount at that place': { volumes: [other], containers: [mounted('other')] },
  'another mount in an init container': {
    volumes: [other],
    initContainers: [{ ...mounted('other'), name: 'migrate' }],
    containers: [web],
  },
};

export const MODE = { 'vaultauth.dev/mode': 'token' };
/** As most people would ask. */
export const USUAL: Ask = {
  annotations: { ...MODE, 'vault.hashicorp.com/agent-inject': 'true', 'vault.hashicorp.com/role': 'web' },
};
const also = (annotations: Texts): Ask => ({ annotations: { ...USUAL.annotations, ...annotations } });

/** Ways to ask that the policy understands. */
export const ASKS: readonly Ask[] = [
  USUAL,
  { annotations: { ...MODE, 'openbao.org/agent-inject': '1', 'openbao.org/role': 'web', other: 'x' } },
  { annotations: { ...MODE, 'vaultauth.dev/inject': 'enabled', 'vaultauth.dev/role': 'web' } },
  { labels: { 'vaultauth.dev/inject': 'enabled' }, annotations: { ...MODE, 'vaultauth.dev/role': 'web' } },
  { labels: { 'vaultauth.dev/inject': 'enabled' }, ...also({ 'vault.hashicorp.com/agent-inject': 'false' }) },
  { labels: { 'vaultauth.dev/inject': 'yes' }, ...USUAL },
  also({ 'vault.hashicorp.com/namespace': 'team/a', 'openbao.org/auth-path': 'auth/other' }),
  also({ 'vaultauth.dev/token-audience': 'https://vault.example', 'vaultauth.dev/token-expiration-seconds': '600' }),
  also({ 'vaultauth.dev/token-expiration-seconds': '86400' }),
  also({ 'vaultauth.dev/skip-containers': 'proxy, migrate,,absent ' }),
  also({ 'vaultauth.dev/skip-containers': 'web' }),
  also({ 'vaultauth.dev/init-containers': 'migrate' }),
  also({ 'vaultauth.dev/init-containers': ' , ' }),
  also({ 'vault.hashicorp.com/agent-inject-status': 'injected' }),
  also({ 'openbao.org/agent-inject-status': 'other' }),
  also({ 'vaultauth.dev/token-audience': '$(HOME) $$x "quoted" \'single\' \\ {{ x }} ü\u{1F511} next' }),
];

/** Ways to ask that the policy leaves to the webhook, which injects or refuses. */
export const ODD_ASKS: readonly Ask[] = [
  also({ 'vaultauth.dev/mode': 'tokens' }),
  also({ 'vaultauth.dev/token-expiration-seconds': '599' }),
  also({ 'vaultauth.dev/token-expiration-seconds': '0600' }),
  also({ 'vaultauth.dev/token-expiration-seconds': '' }),
  also({ 'vaultauth.dev/token-audience': '' }),
  also({ 'vault.hashicorp.com/role': '' }),
  also({ 'vault.hashicorp.com/role': ' web\n' }),
  also({ 'vault.hashicorp.com/role': '$(HOME) $$x "quoted" \'single\' \\ {{ x }}\n\tnext ü\u{1F511}' }),
  also({ 'vault.hashicorp.com/auth-path': 'kubernetes' }),
  also({ 'vault.hashicorp.com/auth-path': 'auth/kubernetes/login' }),
  also({ 'vault.hashicorp.com/namespace': 'team a' }),
  also({ 'vaultauth.dev/token-audience': ' vault' }),
  also({ 'openbao.org/role': 'web' }),
  also({ 'openbao.org/role': 'other' }),
  also({ 'openbao.org/agent-inject': 'true' }),
  also({ 'vault.hashicorp.com/agent-inject': 'maybe' }),
  also({ 'vaultauth.dev/inject': 'enabled' }),
  also({ 'vaultauth.dev/inject': 'disabled' }),
  also({ 'vaultauth.dev/service': 'http://elsewhere:8200' }),
  also({ 'vault.hashicorp.com/agent-inject-secret-database': 'secret/data/web' }),
  also({ 'vault.hashicorp.com/mode': 'token' }),
  also({ 'vaultauth.dev/skip-containers': 'Web' }),
  also({ 'vaultauth.dev/profile': 'native' }),
  also({ 'vault.hashicorp.com/auth-type': 'jwt' }),
  also({ 'vault.hashicorp.com/nonsense': 'x' }),
  { annotations: { ...MODE, 'vault.hashicorp.com/agent-inject': 'true' } },
  { annotations: { 'vault.hashicorp.com/agent-inject': 'true', 'vault.hashicorp.com/role': 'web' } },
];

/** Pods that neither may touch. */
export const NO_ASKS: readonly Ask[] = [
  also({ 'vault.hashicorp.com/agent-inject': 'false' }),
  also({ 'vault.hashicorp.com/agent-inject': '' }),
  { labels: { 'vaultauth.dev/inject': 'disabled' }, ...USUAL },
];

export function podOf(spec: JsonObject, { labels = {}, annotations }: Ask): JsonObject {
  return {
    metadata: { name: 'web', labels, annotations },
    spec,
  };
}

const word = fc.oneof(fc.constantFrom('web', '$(A)', '$$', ''), fc.string({ unit: 'grapheme', maxLength: 12 }));
const seconds = fc.oneof(fc.integer({ min: 500, max: 90_000 }).map(String), word);
const names = fc.constantFrom('web', 'proxy,web', ' migrate ', 'migrate , wait', ',', 'Web', 'mesh\u00A0,wait', '');
const key = (name: string): fc.Arbitrary<string> =>
  fc.constantFrom('vault.hashicorp.com/', 'openbao.org/', 'vaultauth.dev/').map((prefix) => `${prefix}${name}`);
const entry = (name: string, value: fc.Arbitrary<string>): fc.Arbitrary<readonly [string, string]> => fc.tuple(key(name), value);
const entries = fc.oneof(
  entry('role', word),
  entry('auth-path', word),
  entry('namespace', word),
  entry('token-audience', word),
  entry('token-expiration-seconds', seconds),
  entry('skip-containers', names),
  entry('init-containers', names),
  entry('agent-inject', fc.constantFrom('true', 'false', 'TRUE', '1', 'x', '')),
);

/** Any shape with any of the annotations, under any prefix and with any value that an API server accepts. */
export const anyPod: fc.Arbitrary<JsonObject> = fc
  .tuple(fc.constantFrom(...Object.values(SHAPES), ...Object.values(ODD_SHAPES)), fc.array(entries, { maxLength: 4 }))
  .map(([spec, more]) => podOf(spec, also(Object.fromEntries(more))));
