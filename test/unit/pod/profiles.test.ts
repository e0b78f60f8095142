// Each annotation has an effect in both profiles, or its row says in which one (profile), and the pod author gets a problem or warning.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { annotationName, kebab } from '../../../src/annotations/names.ts';
import { PROFILES, type Row } from '../../../src/annotations/row.ts';
import { table, type OptionKey } from '../../../src/annotations/table.ts';
import { writtenText } from '../../../src/annotations/text-kinds.ts';
import { admit, podWith, TOKEN_MOUNT, TOKEN_VOLUME } from '../../support/pods.ts';

/** Read before there is a profile, or without effect on a pod in any profile: its row says so. */
const ELSEWHERE: ReadonlySet<OptionKey> = new Set<OptionKey>([
  'agentInject',
  'inject',
  'agentInjectStatus',
  'agentRequestNamespace',
  'mode',
  'profile',
  'backend',
  'allow',
  'onChange',
]);

/** A value that differs from the default, where the example of the row does not. */
const OTHER: Readonly<Partial<Record<OptionKey, string>>> = {
  agentPrePopulate: 'false',
  secretVolumePath: '/etc/app',
  authType: 'jwt',
  authPath: 'auth/other',
  tlsSkipVerify: 'true',
  logLevel: 'debug',
  agentRunAsUser: '7',
  agentRunAsGroup: '7',
  agentSetSecurityContext: 'false',
  agentLimitsCpu: '400m',
  agentLimitsMem: '100Mi',
  agentRequestsCpu: '20m',
  agentRequestsMem: '30Mi',
  agentCacheUseAutoAuthToken: 'force',
  agentCacheListenerPort: '8300',
  agentRevokeGrace: '7',
  templateConfigExitOnRetryFailure: 'false',
  agentCopyVolumeMounts: 'web',
  agentInjectContainers: 'web',
  skipContainers: 'worker',
  initContainers: 'other',
  tokenAudience: 'other',
  tokenExpirationSeconds: '900',
  containerName: 'other',
  agentServiceAccountTokenVolumeName: 'mine',
  preserveSecretCase: 'true',
  agentImage: 'registry.example/vault:1',
  service: 'https://other:8200',
  secrets: '- {name: other, path: kv/other}',
  imagePullPolicy: 'Never',
};

/** What profile native does without the annotation. */
const NATIVE_ANYWAY: ReadonlySet<OptionKey> = new Set<OptionKey>(['agentRunAsSameUser']);
/** Flags whose default depends on the profile: true in native. */
const NATIVE_DEFAULTS: ReadonlySet<OptionKey> = new Set<OptionKey>(['secretsReadOnly', 'agentInitFirst']);

/** Options that need another one in profile native. */
const NATIVE_WITH: ReadonlySet<OptionKey> = new Set<OptionKey>([
  'agentInitJsonPatch',
  'envContainers',
  'onChangeDelay',
  'onChangeSignal',
  'onChangeProcess',
]);

/** Options without which another one has no effect. */
const WITH: Readonly<Partial<Record<OptionKey, Readonly<Record<string, string>>>>> = {
  agentRevokeGrace: { 'agent-revoke-on-shutdown': 'true' },
  agentCacheUseAutoAuthToken: { 'agent-cache-enable': 'true' },
  agentCacheListenerPort: { 'agent-cache-enable': 'true' },
  agentCacheExitOnErr: { 'agent-cache-enable': 'true' },
  agentInitJsonPatch: { 'agent-pre-populate-only': 'true' },
  envContainers: { 'vaultauth.dev/env-A': 'kv/a#b' },
  onChangeDelay: { 'vaultauth.dev/on-change': 'restart' },
  onChangeSignal: {
    'vaultauth.dev/on-change': 'signal',
    'vaultauth.dev/on-change-process': 'web',
    'agent-share-process-namespace': 'true',
  },
  onChangeProcess: {
    'vaultauth.dev/on-change': 'signal',
    'vaultauth.dev/on-change-process': 'web',
    'agent-share-process-namespace': 'true',
  },
};

const spec = {
  serviceAccountName: 'web',
  securityContext: { runAsUser: 1000 },
  volumes: [
    { name: TOKEN_VOLUME, projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
    { name: 'mine', projected: { sources: [{ serviceAccountToken: { path: 'mine' } }] } },
    { name: 'data', emptyDir: {} },
  ],
  containers: [
    { name: 'web', securityContext: { runAsUser: 1000 }, volumeMounts: [TOKEN_MOUNT, { name: 'data', mountPath: '/data' }] },
    { name: 'worker', volumeMounts: [TOKEN_MOUNT] },
  ],
  initContainers: [{ name: 'migrate' }],
};

const outcome = (profile: string, annotations: Readonly<Record<string, string>>) =>
  admit(podWith({ annotations: { 'vaultauth.dev/profile': profile, 'agent-inject-secret-DB': 'kv/db', ...annotations }, spec }), {
    command: 'webhook',
    flags: ['-allow=*'],
  }).outcome;

const keys = (Object.keys(table) as OptionKey[]).filter(
  // The webhook and the controller write annotations of this kind.
  (key) => !ELSEWHERE.has(key) && (table[key] as Row<unknown>).kind !== writtenText,
);

describe.each(PROFILES)('in profile %s', (profile) => {
  test.each(keys)('%s has an effect, or a problem or warning', (key) => {
    const { profile: own, example }: Row<unknown> = table[key];
    const annotation = annotationName(key);
    const surrounding = NATIVE_WITH.has(key) === (profile === 'native') || key === 'agentInitJsonPatch' ? (WITH[key] ?? {}) : {};
    const before = outcome(profile, surrounding);
    const after = outcome(profile, {
      ...surrounding,
      [annotation]: NATIVE_DEFAULTS.has(key) ? String(profile === 'compat') : (OTHER[key] ?? example),
    });
    const reported = [...after.problems, ...after.warnings].filter(
      ({ code }) => code === 'profile-unsupported' || code === 'profile-ignored',
    );
    if (own === undefined || own.only === profile) {
      expect(reported).toEqual([]);
      expect(after.problems).toEqual([]);
      // The annotation itself is no part of the patch.
      const isChanged = JSON.stringify(after.patch) !== JSON.stringify(before.patch);
      expect(isChanged).toBe(!(profile === 'native' && NATIVE_ANYWAY.has(key)));
    } else if (own.elsewhere === 'denied') {
      expect(reported).toEqual([{ code: 'profile-unsupported', annotation, profile }]);
      expect(after.decision).toBe('denied');
    } else {
      expect(reported).toEqual([{ code: 'profile-ignored', annotation, only: own.only }]);
      expect(after.decision).toBe('injected');
      expect(after.patch).toEqual(before.patch);
    }
  });
});

test('the guide lists what has no effect in profile native', () => {
  const guide = readFileSync(join(import.meta.dirname, '../../../docs/guides/replace-vault-k8s.md'), 'utf8');
  const line = guide.split('\n').find((one) => one.includes('#profile-ignored')) ?? '';
  const ignored = (Object.keys(table) as OptionKey[]).filter((key) => {
    const { profile }: Row<unknown> = table[key];
    return profile?.only === 'compat' && profile.elsewhere === 'ignored';
  });
  expect(ignored.filter((key) => !line.includes(`\`${kebab(key)}\``))).toEqual([]);
});
