// A pod that causes each problem and warning of the catalogue, and the pod after the remedy.
import type { ProblemCode } from '../../../src/admission/problems.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { DIRECTORY_PROVOCATIONS } from './directory-provocations.ts';
import { ENV_PROVOCATIONS } from './env-provocations.ts';
import { ON_CHANGE_PROVOCATIONS } from './on-change-provocations.ts';
import { ROLE_PROVOCATIONS } from './role-provocations.ts';
import { TOKEN_MOUNT, TOKEN_VOLUME, type PodParts, type Surrounding } from '../../support/pods.ts';

export interface Provocation {
  readonly pod: PodParts;
  readonly surrounding?: Surrounding;
  /** The pod after the remedy, injected without this problem; absent if no pod can be. */
  readonly remedy?: PodParts;
}

const web = (more: JsonObject = {}): JsonObject => ({ name: 'web', volumeMounts: [TOKEN_MOUNT], ...more });
const LOGS = [TOKEN_MOUNT, { name: 'logs', mountPath: '/var/log/web', subPathExpr: '$(DIRECTORY)' }];
const ISTIO_CNI = { name: 'istio-validation' };
const ISTIO_PROXY = { name: 'istio-proxy', restartPolicy: 'Always' };
const native = { 'vaultauth.dev/profile': 'native' };
const own = 'agent-service-account-token-volume-name';
const projected = {
  name: 'vault-sa',
  projected: { sources: [{ serviceAccountToken: { path: 'vault-token', audience: 'vault' } }] },
};

/** A namespace of OpenShift. */
const openshift: Surrounding = {
  cluster: {
    namespace: () => ({
      labels: new Map(),
      annotations: new Map([['openshift.io/sa.scc.uid-range', '1000650000/10000']]),
    }),
    serviceAccount: () => undefined,
  },
};

export const PROVOCATIONS: { readonly [Code in ProblemCode]: Provocation } = {
  'annotation-value': {
    pod: { annotations: { 'agent-inject-token': 'tRuE' } },
    remedy: { annotations: { 'agent-inject-token': 'true' } },
  },
  ...ENV_PROVOCATIONS,
  'path-unmounted': {
    pod: { annotations: { ...native, 'agent-inject-template-db': '{{ file "/vault/custom/x" }}' } },
    remedy: { annotations: { ...native, 'agent-inject-template-db': '{{ file "/vault/custom/x" }}', 'agent-extra-secret': 'x' } },
  },
  'path-unwritable': {
    pod: { annotations: { ...native, 'agent-inject-template-db': '{{ "x" | writeToFile "/etc/edge/x" "" "" "0600" }}' } },
    remedy: { annotations: { ...native, 'agent-inject-template-db': '{{ "x" | writeToFile "/home/vault/x" "" "" "0600" }}' } },
  },
  ...DIRECTORY_PROVOCATIONS,
  'owner-impossible': {
    pod: {
      annotations: { ...native, 'agent-inject-template-db': '{{ "x" | writeToFile "/vault/secrets/x" "" "2000" "0600" }}' },
    },
    remedy: {
      annotations: { ...native, 'agent-inject-template-db': '{{ "x" | writeToFile "/vault/secrets/x" "" "2000" "0600" }}' },
      spec: { securityContext: { supplementalGroups: [2000] } },
    },
  },
  'owner-mapped': {
    pod: { annotations: { ...native, 'agent-inject-template-db': '{{ "x" | writeToFile "/vault/secrets/x" "app" "" "0600" }}' } },
    remedy: {
      annotations: { ...native, 'agent-inject-template-db': '{{ "x" | writeToFile "/vault/secrets/x" "vault" "" "0600" }}' },
    },
  },
  'annotation-conflict': { pod: { annotations: { 'openbao.org/role': 'other' } }, remedy: {} },
  'annotation-unknown': {
    pod: { annotations: { 'agent-inject-secrt-a': 'kv/a' } },
    remedy: { annotations: { 'agent-inject-secret-a': 'kv/a' } },
  },
  'annotation-corrected': {
    pod: { annotations: { 'auth-path': 'kubernetes-prod' } },
    remedy: { annotations: { 'auth-path': 'auth/kubernetes-prod' } },
  },
  'annotation-lookalike': {
    pod: { annotations: { 'agent-inject-secret-volume-path': '/etc/app' } },
    remedy: { annotations: { 'secret-volume-path': '/etc/app' } },
  },
  'secret-path-quotes': {
    pod: { annotations: { 'agent-inject-secret-a': 'kv/data/quo"te' } },
    remedy: { annotations: { 'agent-inject-secret-a': 'kv/data/quote' } },
  },
  'backoff-order': {
    pod: { annotations: { 'auth-min-backoff': '10m' } },
    remedy: { annotations: { 'auth-min-backoff': '10m', 'auth-max-backoff': '20m' } },
  },
  'profile-ignored': {
    pod: { annotations: { ...native, 'agent-enable-quit': 'true' } },
    remedy: { annotations: native },
  },
  'annotation-deprecated': { pod: { annotations: { 'ca-key': '/cas' } }, remedy: { annotations: { 'ca-path': '/cas' } } },
  'annotation-empty': { pod: { annotations: { service: '' } }, remedy: { annotations: { service: 'https://other:8200' } } },
  'annotation-layer': {
    pod: {},
    surrounding: {
      cluster: {
        namespace: () => ({ labels: new Map(), annotations: new Map([['vault.hashicorp.com/agent-inject-status', 'injected']]) }),
        serviceAccount: () => undefined,
      },
    },
  },
  'secret-collision': {
    pod: { annotations: { 'agent-inject-secret-a': 'x', 'agent-inject-secret-A': 'y' } },
    remedy: { annotations: { 'agent-inject-secret-a': 'x', 'agent-inject-secret-A': 'y', 'preserve-secret-case': 'true' } },
  },
  'secret-ambiguous': {
    pod: { annotations: { 'agent-inject-secret-file-x': 'a', 'agent-inject-template-file-x': '/t' } },
    remedy: { annotations: { 'agent-inject-secret-x': 'a', 'agent-inject-template-file-x': '/t' } },
  },
  'secret-undeclared': {
    pod: { annotations: { 'agent-inject-perms-a': '0400' } },
    remedy: { annotations: { 'agent-inject-perms-a': '0400', 'agent-inject-secret-a': 'kv/a' } },
  },
  'shell-missing': {
    pod: { annotations: { 'agent-image': 'openbao/openbao-distroless:2.6.4' } },
    remedy: { annotations: { ...native, 'agent-image': 'openbao/openbao-distroless:2.6.4' } },
  },
  'program-missing': {
    pod: { annotations: { 'agent-image': 'openbao/openbao:2.6.4' } },
    remedy: { annotations: { 'agent-image': 'openbao/openbao:2.6.4', 'agent-binary': 'bao' } },
  },
  'gate-blind': {
    pod: {
      annotations: {
        ...native,
        'agent-image': 'registry.example/agent:1',
        'agent-inject-secret-a': 'kv/a',
        'agent-inject-perms-a': '0040',
      },
    },
    remedy: {
      annotations: {
        ...native,
        'agent-image': 'registry.example/agent:1',
        'agent-inject-secret-a': 'kv/a',
        'agent-inject-perms-a': '0440',
      },
    },
  },
  'secret-escapes': {
    pod: { annotations: { 'agent-inject-secret-a': 'kv/a', 'agent-inject-file-a': '../a' } },
    remedy: { annotations: { 'agent-inject-secret-a': 'kv/a', 'agent-inject-file-a': 'sub/a' } },
  },
  'secret-duplicate': {
    pod: { annotations: { 'vaultauth.dev/secrets': '[{name: db, path: kv/a}]', 'agent-inject-secret-db': 'kv/b' } },
    remedy: { annotations: { 'vaultauth.dev/secrets': '[{name: db, path: kv/a}]', 'agent-inject-secret-web': 'kv/b' } },
  },
  'secret-containers': {
    pod: { annotations: { 'vaultauth.dev/secrets': '[{name: db, path: kv/a, containers: [web]}]' } },
    remedy: { annotations: { 'vaultauth.dev/secrets': '[{name: db, path: kv/a, containers: [web], volumePath: /db}]' } },
  },
  'secrets-unreadable': {
    pod: { annotations: { 'vaultauth.dev/secrets': '- {name: db' } },
    remedy: { annotations: { 'vaultauth.dev/secrets': '- {name: db, path: kv/a}' } },
  },
  'secret-field': {
    pod: { annotations: { 'vaultauth.dev/secrets': '- {name: db}' } },
    remedy: { annotations: { 'vaultauth.dev/secrets': '- {name: db, path: kv/a}' } },
  },
  'secret-field-unknown': {
    pod: { annotations: { 'vaultauth.dev/secrets': '- {name: db, paht: kv/a}' } },
    remedy: { annotations: { 'vaultauth.dev/secrets': '- {name: db, path: kv/a}' } },
  },
  'secret-on-change': {
    pod: {
      annotations: {
        ...native,
        'vaultauth.dev/secrets': '[{name: a, path: kv/data/a, env: {A: b}, onChange: none}]',
      },
    },
    remedy: {
      annotations: {
        ...native,
        'vaultauth.dev/on-change': 'none',
        'vaultauth.dev/secrets': '[{name: a, path: kv/data/a, env: {A: b}}]',
      },
    },
  },
  'containers-exclusive': {
    pod: { annotations: { 'agent-pre-populate': 'false', 'agent-pre-populate-only': 'true' } },
    remedy: { annotations: { 'agent-pre-populate': 'true', 'agent-pre-populate-only': 'true' } },
  },
  'pod-malformed': { pod: { spec: { containers: 'x' } }, remedy: {} },
  'role-missing': { pod: { annotations: { role: '' } }, remedy: { annotations: { role: 'web' } } },
  'address-missing': {
    pod: {},
    surrounding: { flags: ['-vault-address='] },
    remedy: { annotations: { service: 'https://vault.example:8200' } },
  },
  'image-missing': { pod: {}, surrounding: { flags: ['-vault-image='] }, remedy: { annotations: { 'agent-image': 'vault:1' } } },
  'token-missing': {
    pod: { spec: { containers: [{ name: 'web' }] } },
    remedy: { annotations: { [own]: 'vault-sa' }, spec: { containers: [{ name: 'web' }], volumes: [projected] } },
  },
  'token-volume-unknown': {
    pod: { annotations: { [own]: 'vault-sa' } },
    remedy: { annotations: { [own]: 'vault-sa' }, spec: { volumes: [{ name: TOKEN_VOLUME }, projected] } },
  },
  'token-volume-kind': {
    pod: { annotations: { [own]: 'vault-sa' }, spec: { volumes: [{ name: 'vault-sa', emptyDir: {} }] } },
    remedy: { annotations: { [own]: 'vault-sa' }, spec: { volumes: [projected] } },
  },
  'same-user-unknown': {
    pod: { annotations: { 'agent-run-as-same-user': 'true' } },
    remedy: {
      annotations: { 'agent-run-as-same-user': 'true' },
      spec: { containers: [web({ securityContext: { runAsUser: 1000 } })] },
    },
  },
  'same-user-root': {
    pod: {
      annotations: { 'agent-run-as-same-user': 'true' },
      spec: { containers: [web({ securityContext: { runAsUser: 0 } })] },
    },
    remedy: { annotations: { 'agent-run-as-user': '1000' }, spec: { containers: [web({ securityContext: { runAsUser: 0 } })] } },
  },
  'process-namespace-conflict': {
    pod: { annotations: { 'agent-share-process-namespace': 'true' }, spec: { shareProcessNamespace: false } },
    remedy: { annotations: { 'agent-share-process-namespace': 'true' } },
  },
  'process-namespace-kept': {
    pod: { annotations: { 'agent-share-process-namespace': 'false' }, spec: { shareProcessNamespace: true } },
    remedy: { spec: { shareProcessNamespace: true } },
  },
  'container-unknown': {
    pod: { annotations: { 'agent-copy-volume-mounts': 'wep' } },
    remedy: { annotations: { 'agent-copy-volume-mounts': 'web' } },
  },
  'container-conflict': {
    pod: { spec: { containers: [web(), { name: 'vault-agent' }] } },
    remedy: { spec: { containers: [web(), { name: 'agent' }] } },
  },
  'volume-conflict': {
    pod: { spec: { volumes: [{ name: 'home-init', hostPath: { path: '/' } }] } },
    remedy: { spec: { volumes: [{ name: 'home', hostPath: { path: '/' } }] } },
  },
  'mount-conflict': {
    pod: { spec: { containers: [web({ volumeMounts: [TOKEN_MOUNT, { name: 'mine', mountPath: '/vault/secrets' }] })] } },
    remedy: {
      annotations: { 'secret-volume-path': '/secrets' },
      spec: { containers: [web({ volumeMounts: [TOKEN_MOUNT, { name: 'mine', mountPath: '/vault/secrets' }] })] },
    },
  },
  'directory-conflict': {
    pod: { annotations: { ...native, 'agent-inject-secret-a': 'kv/a', 'secret-volume-path': '/vault/agent' } },
    remedy: { annotations: { ...native, 'agent-inject-secret-a': 'kv/a', 'secret-volume-path': '/vault/app' } },
  },
  'patch-rejected': {
    pod: { annotations: { 'agent-json-patch': '[{"op":"replace","path":"/nothing","value":1}]' } },
    remedy: { annotations: { 'agent-json-patch': '[{"op":"replace","path":"/image","value":"vault:1"}]' } },
  },
  'telemetry-value': {
    pod: { annotations: { 'agent-telemetry-circonus-check-id': '123' } },
    remedy: { annotations: { 'agent-telemetry-circonus-check-id': '"123"' } },
  },
  'telemetry-unknown': {
    pod: { annotations: { 'agent-telemetry-hostname-disable': 'true' } },
    remedy: { annotations: { 'agent-telemetry-disable-hostname': 'true' } },
  },
  'config-too-large': {
    pod: { annotations: { ...native, 'agent-inject-template-a': 'x'.repeat(140_000) } },
    remedy: { annotations: { ...native, 'agent-inject-template-a': 'x' } },
  },
  'profile-unsupported': {
    pod: { annotations: { ...native, 'agent-configmap': 'c' } },
    remedy: { annotations: { 'agent-configmap': 'c' } },
  },
  'limit-range': {
    pod: { annotations: { ...native, 'agent-limits-mem': '256Mi' } },
    surrounding: {
      cluster: {
        namespace: () => undefined,
        serviceAccount: () => undefined,
        limitRanges: () => [
          {
            name: 'small',
            items: [
              { type: 'Container', min: {}, max: { memory: 128n * 1024n ** 2n * 1_000_000_000n }, maxLimitRequestRatio: {} },
            ],
          },
        ],
      },
    },
    remedy: { annotations: native },
  },
  'token-loosened': {
    pod: {
      annotations: { ...native, 'agent-run-as-user': '100' },
      spec: { containers: [web({ securityContext: { runAsUser: 1000 } })] },
    },
    remedy: { annotations: native, spec: { containers: [web({ securityContext: { runAsUser: 1000 } })] } },
  },
  'jwt-path-missing': {
    pod: { annotations: { 'auth-type': 'jwt' } },
    remedy: {
      annotations: {
        'auth-type': 'jwt',
        'auth-config-path': `${TOKEN_MOUNT.mountPath}/token`,
        'auth-config-remove-jwt-after-reading': 'false',
      },
    },
  },
  'variable-too-large': {
    pod: {},
    surrounding: { flags: [`-vault-cacert-bytes=-----BEGIN CERTIFICATE-----${'C'.repeat(140_001)}`] },
  },
  'user-outside-range': {
    pod: { annotations: { ...native, 'agent-run-as-user': '100' } },
    surrounding: openshift,
    remedy: { annotations: native },
  },
  'file-unreadable': {
    pod: {
      annotations: { ...native, 'agent-inject-secret-key': 'kv/key', 'agent-inject-perms-key': '0400' },
      spec: {
        containers: [web({ securityContext: { runAsUser: 1001 } }), { name: 'helper', securityContext: { runAsUser: 1002 } }],
      },
    },
    remedy: {
      annotations: { ...native, 'agent-inject-secret-key': 'kv/key', 'agent-inject-perms-key': '0440' },
      spec: {
        securityContext: { fsGroup: 2000 },
        containers: [web({ securityContext: { runAsUser: 1001 } }), { name: 'helper', securityContext: { runAsUser: 1002 } }],
      },
    },
  },
  'file-user-unknown': {
    pod: { annotations: { ...native, 'agent-inject-secret-key': 'kv/key', 'agent-inject-perms-key': '0400' } },
    remedy: {
      annotations: { ...native, 'agent-inject-secret-key': 'kv/key', 'agent-inject-perms-key': '0400' },
      spec: { containers: [web({ securityContext: { runAsUser: 1001 } })] },
    },
  },
  'copy-source-volume': {
    pod: { annotations: { 'agent-copy-volume-mounts': TOKEN_VOLUME } },
    remedy: { annotations: { 'agent-copy-volume-mounts': 'web' } },
  },
  'mount-not-copied': {
    pod: { annotations: { 'agent-copy-volume-mounts': 'web' }, spec: { containers: [web({ volumeMounts: LOGS })] } },
    remedy: {
      annotations: { 'agent-copy-volume-mounts': 'web' },
      spec: { containers: [web({ volumeMounts: LOGS, env: [{ name: 'DIRECTORY', value: 'logs' }] })] },
    },
  },
  'init-container-early': {
    pod: { annotations: native, spec: { initContainers: [{ name: 'migrate' }, ISTIO_PROXY] } },
    remedy: { annotations: native, spec: { initContainers: [ISTIO_PROXY, { name: 'migrate' }] } },
  },
  'agent-without-network': {
    pod: { annotations: { ...native, 'agent-init-first': 'true' }, spec: { initContainers: [ISTIO_CNI, ISTIO_PROXY] } },
    remedy: { annotations: native, spec: { initContainers: [ISTIO_CNI, ISTIO_PROXY] } },
  },
  'annotation-guarded': {
    pod: { annotations: { service: 'https://other:8200' } },
    surrounding: { command: 'webhook' },
    remedy: {},
  },
  'mounts-too-many': {
    pod: {
      annotations: Object.fromEntries(
        Array.from({ length: 60 }, (_, index) => [`agent-inject-secret-s${index}`, 'kv/a']).concat(
          Array.from({ length: 60 }, (_, index) => [`secret-volume-path-s${index}`, `/s${index}`]),
        ),
      ),
      spec: { containers: [web(), ...Array.from({ length: 40 }, (_, index) => ({ name: `c${index}` }))] },
    },
    remedy: { annotations: { 'agent-inject-secret-s0': 'kv/a', 'secret-volume-path-s0': '/s0' } },
  },
  'annotations-too-large': { pod: { annotations: { note: 'x'.repeat(270_000) } }, remedy: {} },
  ...ON_CHANGE_PROVOCATIONS,
  ...ROLE_PROVOCATIONS,
  'label-value': {
    pod: { labels: { 'vaultauth.dev/inject': 'yes' } },
    surrounding: { command: 'webhook' },
    remedy: { labels: { 'vaultauth.dev/inject': 'enabled' } },
  },
  'label-conflict': {
    pod: { annotations: { 'agent-inject': 'false' }, labels: { 'vaultauth.dev/inject': 'enabled' } },
    surrounding: { command: 'webhook' },
    remedy: { labels: { 'vaultauth.dev/inject': 'enabled' } },
  },
  'namespace-excluded': { pod: {}, surrounding: { namespace: 'kube-public', flags: ['-system-namespaces=deny'] } },
  'windows-unsupported': { pod: { spec: { os: { name: 'windows' } } }, surrounding: { command: 'webhook' } },
};
