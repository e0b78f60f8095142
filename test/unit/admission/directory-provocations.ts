// A pod that causes each problem and warning of directories, and the pod after the remedy.
import type { JsonObject } from '../../../src/json/json.ts';
import { TOKEN_MOUNT } from '../../support/pods.ts';
import type { Provocation } from './provocations.ts';

const native = { 'vaultauth.dev/profile': 'native' };
const web = (more: JsonObject = {}): JsonObject => ({ name: 'web', volumeMounts: [TOKEN_MOUNT], ...more });

export const DIRECTORY_PROVOCATIONS = {
  'directory-hides': {
    pod: { annotations: { ...native, 'secret-volume-path': '/etc/ssl/certs' } },
    remedy: { annotations: { ...native, 'secret-volume-path': '/etc/ssl/certs/app' } },
  },
  'directory-read-only': {
    pod: { annotations: { ...native, 'secret-volume-path': '/tmp' } },
    remedy: { annotations: { ...native, 'secret-volume-path': '/tmp', 'vaultauth.dev/secrets-read-only': 'false' } },
  },
  'file-is-directory': {
    pod: {
      annotations: { ...native, 'agent-inject-secret-a': 'kv/a', 'agent-inject-secret-b': 'kv/b', 'agent-inject-file-b': 'a/b' },
    },
    remedy: {
      annotations: { ...native, 'agent-inject-secret-a': 'kv/a', 'agent-inject-secret-b': 'kv/b', 'agent-inject-file-b': 'c/b' },
    },
  },
  'mount-nested': {
    pod: {
      annotations: { ...native, 'secret-volume-path': '/app', 'vaultauth.dev/secrets-read-only': 'true' },
      spec: { containers: [web({ volumeMounts: [TOKEN_MOUNT, { name: 'data', mountPath: '/app/data' }] })] },
    },
    remedy: {
      annotations: { ...native, 'secret-volume-path': '/secrets', 'vaultauth.dev/secrets-read-only': 'true' },
      spec: { containers: [web({ volumeMounts: [TOKEN_MOUNT, { name: 'data', mountPath: '/app/data' }] })] },
    },
  },
  'secrets-writable': {
    pod: {
      annotations: { ...native, 'secret-volume-path': '/app' },
      spec: { containers: [web({ volumeMounts: [TOKEN_MOUNT, { name: 'data', mountPath: '/app/data' }] })] },
    },
    remedy: {
      annotations: { ...native, 'secret-volume-path': '/secrets' },
      spec: { containers: [web({ volumeMounts: [TOKEN_MOUNT, { name: 'data', mountPath: '/app/data' }] })] },
    },
  },
} satisfies Readonly<Record<string, Provocation>>;
