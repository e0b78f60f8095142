// A pod that causes each problem and warning of environment variables, and the pod after the remedy.
import { TOKEN_MOUNT } from '../../support/pods.ts';
import type { Provocation } from './provocations.ts';

const native = { 'vaultauth.dev/profile': 'native' };

export const ENV_PROVOCATIONS = {
  'env-duplicate': {
    pod: {
      annotations: { ...native, 'vaultauth.dev/env-A': 'kv/a#b', 'vaultauth.dev/env-template-A': 'x' },
    },
    remedy: { annotations: { ...native, 'vaultauth.dev/env-A': 'kv/a#b' } },
  },
  'env-name': {
    pod: { annotations: { ...native, 'vaultauth.dev/env-1A': 'kv/a#b' } },
    remedy: { annotations: { ...native, 'vaultauth.dev/secrets': '[{name: a, path: kv/a, env: {A1: b}}]' } },
  },
  'env-text': {
    pod: { annotations: { ...native, 'vaultauth.dev/env-A': "kv/a#b?it's" } },
    remedy: { annotations: { ...native, 'vaultauth.dev/env-A': 'kv/a#b?it' } },
  },
  'env-unsupported': {
    pod: { annotations: { 'vaultauth.dev/env-A': 'kv/a#b' } },
    remedy: { annotations: { ...native, 'vaultauth.dev/env-A': 'kv/a#b' } },
  },
  'env-old-nodes': {
    pod: { annotations: { ...native, 'vaultauth.dev/env-A': 'kv/a#b' } },
    surrounding: {
      cluster: {
        namespace: () => undefined,
        serviceAccount: () => undefined,
        oldNodes: { envFiles: { name: 'worker-1', version: 'v1.34.4', count: 2 } },
      },
    },
  },
  'env-bank-vaults': {
    pod: {
      annotations: native,
      spec: { containers: [{ name: 'web', volumeMounts: [TOKEN_MOUNT], env: [{ name: 'A', value: 'vault:kv/data/a#b' }] }] },
    },
    remedy: { annotations: { ...native, 'vaultauth.dev/env-A': 'kv/data/a#b' } },
  },
  'env-overridden': {
    pod: {
      annotations: { ...native, 'vaultauth.dev/env-A': 'kv/a#b' },
      spec: { containers: [{ name: 'web', volumeMounts: [TOKEN_MOUNT], env: [{ name: 'A', value: 'own' }] }] },
    },
    remedy: { annotations: { ...native, 'vaultauth.dev/env-A': 'kv/a#b' } },
  },
  'login-overridden': {
    pod: {
      annotations: { 'vaultauth.dev/mode': 'token' },
      spec: { containers: [{ name: 'web', volumeMounts: [TOKEN_MOUNT], env: [{ name: 'VAULT_ADDR', value: 'https://own' }] }] },
    },
    remedy: { annotations: { 'vaultauth.dev/mode': 'token' } },
  },
} satisfies Readonly<Record<string, Provocation>>;
