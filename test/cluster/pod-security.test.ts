// Pod Security "restricted", judged by the API server's own admission: a pod that passes before injection passes after it.
import type { JsonObject } from '../../src/json/json.ts';
import { admit, podWith, TOKEN_MOUNT } from '../support/pods.ts';
import { onEachKubernetes } from './on-each-kubernetes.ts';
import { podsPath } from './pods.ts';

const RESTRICTED = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
  runAsNonRoot: true,
};
const container = (name: string, more: JsonObject = {}): JsonObject => ({
  name,
  image: 'registry.example/web:1',
  securityContext: { ...RESTRICTED, ...more },
});
const withToken = (one: JsonObject): JsonObject => ({ ...one, volumeMounts: [TOKEN_MOUNT] });

/** Pods that pass "restricted" by themselves, by what is special about them. */
const FIXTURES: Readonly<Record<string, JsonObject>> = {
  'a user of its own': { containers: [withToken(container('web', { runAsUser: 1000 }))] },
  'no user at all': { containers: [withToken(container('web'))] },
  "the pod's user and groups": {
    securityContext: { runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000, runAsNonRoot: true },
    containers: [withToken(container('web'))],
  },
  'a read-only root': { containers: [withToken(container('web', { readOnlyRootFilesystem: true }))] },
  'two users': { containers: [withToken(container('web', { runAsUser: 1000 })), container('proxy', { runAsUser: 2000 })] },
  'an init container': { initContainers: [container('migrate')], containers: [withToken(container('web'))] },
  'a native sidecar': {
    initContainers: [{ ...container('mesh'), restartPolicy: 'Always' }],
    containers: [withToken(container('web'))],
  },
  'its own seccomp profile': {
    containers: [withToken(container('web', { seccompProfile: { type: 'Localhost', localhostProfile: 'web.json' } }))],
  },
  'a user namespace': { hostUsers: false, containers: [withToken(container('web'))] },
};

const restricted = { 'pod-security.kubernetes.io/enforce': 'restricted', 'pod-security.kubernetes.io/enforce-version': 'latest' };
const ways = {
  'profile native without native sidecars': ['-native-sidecars=false'],
  'profile native': ['-profile=native'],
  'mode token': ['-profile=native'],
} as const;

onEachKubernetes(
  ['kube-apiserver'],
  () => Promise.resolve(),
  (test) => {
    for (const [way, flags] of Object.entries(ways))
      test(`${way} stays within Pod Security restricted`, async ({ bed }) => {
        const namespace = await bed.createNamespace({ labels: restricted });
        const path = podsPath(namespace, '?dryRun=All');
        const mode: Record<string, string> = way === 'mode token' ? { 'vaultauth.dev/mode': 'token' } : {};
        for (const [what, spec] of Object.entries(FIXTURES)) {
          const plain = podWith({
            annotations: { 'agent-inject-secret-db': 'kv/db', ...mode },
            spec: { serviceAccountName: 'default', ...spec },
          });
          const { namespace: _, ...metadata } = plain['metadata'] as { namespace: string };
          const before = { ...plain, metadata } as unknown as JsonObject;
          const { pod, outcome } = admit(before, { command: 'webhook', flags });
          const answers = [await bed.exchange('POST', path, before), await bed.exchange('POST', path, pod)];
          expect({
            what,
            decision: outcome.decision,
            statuses: answers.map(({ status }) => status),
            text: answers.map(({ status, text }) => (status < 300 ? '' : text)),
          }).toEqual({
            what,
            decision: 'injected',
            statuses: [201, 201],
            text: ['', ''],
          });
        }
      });

    test('profile compat violates Pod Security restricted: as in vault-k8s, it has no seccomp profile', async ({ bed }) => {
      const namespace = await bed.createNamespace({ labels: restricted });
      const { pod } = admit(podWith({ spec: { serviceAccountName: 'default', ...FIXTURES['a user of its own'] } }), {
        command: 'webhook',
        flags: ['-profile=compat'],
      });
      const { namespace: _, ...metadata } = pod['metadata'] as { namespace: string };
      const { status, text } = await bed.exchange('POST', podsPath(namespace, '?dryRun=All'), { ...pod, metadata });
      expect(status).toBe(403);
      expect(text).toContain('seccompProfile');
    });
  },
);
