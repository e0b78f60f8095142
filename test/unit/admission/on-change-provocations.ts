// A pod that causes each problem and warning of actions after a change, and the pod after the remedy.
import { ENDPOINT, linked, READY } from '../../support/linked-cluster.ts';
import type { Provocation } from './provocations.ts';

const SIGNAL = {
  'vaultauth.dev/on-change': 'signal',
  'agent-inject-secret-a': 'kv/data/a',
  'agent-share-process-namespace': 'true',
};
const SAME_USER = { securityContext: { runAsUser: 1000 } };
const native = { 'vaultauth.dev/profile': 'native' };

export const ON_CHANGE_PROVOCATIONS = {
  'on-change-sidecar': {
    pod: { annotations: { 'vaultauth.dev/on-change': 'restart' } },
    remedy: { annotations: { ...native, 'vaultauth.dev/on-change': 'restart' } },
  },
  'on-change-version': {
    pod: { annotations: { ...native, 'vaultauth.dev/on-change': 'restart' } },
    surrounding: { command: 'webhook', flags: ['-container-restarts=false'] },
    remedy: { annotations: { ...native, 'vaultauth.dev/on-change': 'rollout' } },
  },
  'on-change-old-nodes': {
    pod: { annotations: { ...native, 'vaultauth.dev/on-change': 'restart' } },
    surrounding: {
      cluster: {
        namespace: () => undefined,
        serviceAccount: () => undefined,
        oldNodes: { containerRestarts: { name: 'worker-1', version: 'v1.34.4', count: 2 } },
      },
    },
    remedy: { annotations: { ...native, 'vaultauth.dev/on-change': 'rollout', 'agent-inject-secret-a': 'kv/data/a' } },
  },
  'on-change-forbidden': {
    pod: { annotations: { ...native, 'vaultauth.dev/on-change': 'restart' } },
    surrounding: { command: 'webhook', flags: ['-on-change-actions=signal,rollout'] },
    remedy: { annotations: { ...native, 'vaultauth.dev/on-change': 'none' } },
  },
  'on-change-signal': {
    pod: { annotations: { ...native, ...SIGNAL }, spec: SAME_USER },
    remedy: { annotations: { ...native, ...SIGNAL, 'vaultauth.dev/on-change-process': 'nginx' }, spec: SAME_USER },
  },
  'on-change-owner': {
    pod: { owner: 'Job', annotations: { 'vaultauth.dev/on-change': 'rollout', 'agent-inject-secret-a': 'kv/data/a' } },
    remedy: { owner: 'Job', annotations: { 'vaultauth.dev/on-change': 'none', 'agent-inject-secret-a': 'kv/data/a' } },
  },
  'on-change-endpoint': {
    pod: { annotations: { 'vaultauth.dev/on-change': 'rollout', 'agent-inject-secret-a': 'kv/data/a' } },
    remedy: { annotations: { 'vaultauth.dev/on-change': 'none', 'agent-inject-secret-a': 'kv/data/a' } },
  },
  'on-change-controller': {
    pod: {
      annotations: { ...native, role: 'web', 'vaultauth.dev/on-change': 'rollout', 'agent-inject-secret-a': 'kv/data/a' },
    },
    surrounding: linked({
      roles: { web: { status: READY } },
      endpoints: { main: { spec: ENDPOINT, status: { rollouts: false } } },
    }),
    remedy: {
      annotations: { ...native, role: 'web', 'vaultauth.dev/on-change': 'none', 'agent-inject-secret-a': 'kv/data/a' },
    },
  },
  'on-change-path': {
    pod: {
      annotations: {
        ...native,
        role: 'web',
        'vaultauth.dev/on-change': 'rollout',
        'agent-inject-template-a': '{{ with secret (env "P") }}{{ end }}',
      },
    },
    surrounding: linked({ roles: { web: { status: READY } } }),
    remedy: {
      annotations: {
        ...native,
        role: 'web',
        'vaultauth.dev/on-change': 'rollout',
        'agent-inject-secret-a': 'kv/data/a',
        'agent-inject-template-a': '{{ with secret (env "P") }}{{ end }}',
      },
    },
  },
} satisfies Readonly<Record<string, Provocation>>;
