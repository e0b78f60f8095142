// Broken states of Vault and of our objects, and of a login: each with the one line that the command check prints, and the repair.
import { type JsonObject, objectAt, textOf } from '../../src/json/json.ts';
import { objectPath } from '../../src/resources/kinds.ts';
import { backendYAML, NAME, type Stage, unsealKey } from './check-stage.ts';
import type { BrokenState } from './check-states.ts';
import { untilCondition } from '../bed/controller.ts';
import { tokenOf } from './seeds/stage.ts';

const MAIN = objectPath('VaultEndpoint', { name: 'main' });

const setToken = ({ patch }: Stage, token: string): Promise<unknown> =>
  patch(`/api/v1/namespaces/${NAME}/secrets/token`, { stringData: { token } });

const addressOf = ({ vault }: Stage): JsonObject => ({ spec: { address: vault.address } });

const seal = ({ vault }: Stage): Promise<unknown> => vault.ask('PUT', 'sys/seal');
const unseal = async ({ bed, vault }: Stage): Promise<unknown> => vault.ask('PUT', 'sys/unseal', { key: await unsealKey(bed) });

const roleYAML = (namespace: string, name: string, spec: string): string => `
apiVersion: vaultauth.dev/v1alpha1
kind: VaultAuthRole
metadata: { name: ${name}, namespace: ${namespace} }
spec: ${spec}
`;

const remove = ({ bed }: Stage, namespace: string, name: string): Promise<unknown> =>
  bed.kubectl(['delete', 'vaultauthrole', '-n', namespace, name]);

export const VAULT_STATES: readonly BrokenState[] = [
  {
    title: 'a token that Vault does not accept',
    break: (stage) => setToken(stage, 'wrong'),
    finding: 'fail endpoint',
    message: /VaultEndpoint main: LoginDenied/,
    repair: (stage) => setToken(stage, stage.vault.rootToken),
  },
  {
    title: 'a token without rights',
    break: async (stage) => {
      const { json } = await stage.vault.ask('POST', 'auth/token/create-orphan', { policies: ['default'] });
      await setToken(stage, textOf(objectAt(json, 'auth'), 'client_token') ?? '');
    },
    finding: 'fail endpoint',
    message: /VaultEndpoint main: RightsMissing/,
    repair: (stage) => setToken(stage, stage.vault.rootToken),
  },
  {
    title: 'an address at which nothing listens',
    break: ({ patch }) => patch(MAIN, { spec: { address: 'http://127.0.0.1:1' } }),
    finding: 'fail endpoint',
    message: /VaultEndpoint main: ConnectionFailed/,
    repair: (stage) => stage.patch(MAIN, addressOf(stage)),
  },
  {
    title: 'a sealed server',
    break: seal,
    finding: 'fail endpoint',
    message: /VaultEndpoint main: Sealed/,
    repair: unseal,
  },
  {
    title: 'a mount that does not exist',
    break: ({ apply, bed }) =>
      apply(backendYAML('gone', bed.url, '  rbac: { manageAuthDelegator: true }\n  mount: { create: false }\n')),
    finding: 'fail backend',
    message: /VaultAuthBackend gone: Missing/,
    repair: ({ patch }) => patch(objectPath('VaultAuthBackend', { name: 'gone' }), { spec: { mount: { create: true } } }),
  },
  {
    title: 'two default backends',
    break: ({ patch }) => patch(objectPath('VaultAuthBackend', { name: 'gone' }), { spec: { isDefault: true } }),
    finding: 'fail default-backend',
    message: /gone, main all have isDefault/,
    repair: ({ patch }) => patch(objectPath('VaultAuthBackend', { name: 'gone' }), { spec: { isDefault: false } }),
  },
  {
    title: 'a reviewer without the right to review tokens',
    break: ({ apply, bed }) => apply(backendYAML('unbound', bed.url)),
    finding: 'fail backend',
    message: /VaultAuthBackend unbound: (?:ProbeDenied|BindingMissing)/,
    repair: ({ bed }) =>
      bed.kubectl([
        'create',
        'clusterrolebinding',
        'reviewer-unbound',
        '--clusterrole=system:auth-delegator',
        `--serviceaccount=${NAME}:vault-reviewer-unbound`,
      ]),
  },
  {
    title: 'a policy that reaches the system paths of the server',
    break: ({ apply }) =>
      apply(`
apiVersion: vaultauth.dev/v1alpha1
kind: VaultACLPolicy
metadata: { name: wide }
spec: { endpointRef: { name: main }, policy: 'path "sys/*" { capabilities = ["update"] }' }
`),
    finding: 'fail policy',
    message: /VaultACLPolicy wide: /,
    repair: ({ patch }) =>
      patch(objectPath('VaultACLPolicy', { name: 'wide' }), { spec: { policy: 'path "kv/*" { capabilities = ["read"] }' } }),
  },
  {
    title: 'a role in a namespace that the backend does not admit',
    break: async ({ apply, bed }) => {
      await bed.createNamespace({ name: 'closed' });
      await apply(roleYAML('closed', 'web', '{}'));
    },
    finding: 'fail role',
    message: /VaultAuthRole closed\/web: NamespaceNotAllowed/,
    repair: ({ bed }) => bed.kubectl(['label', 'namespace', 'closed', 'vault=yes']),
  },
  {
    title: 'a role with a policy that is not allowed',
    break: ({ apply }) => apply(roleYAML('shop', 'admin', '{ policies: [admin] }')),
    finding: 'fail role',
    message: /VaultAuthRole shop\/admin: PolicyNotAllowed/,
    repair: ({ patch }) => patch(objectPath('VaultAuthRole', { namespace: 'shop', name: 'admin' }), { spec: { policies: [] } }),
  },
  {
    title: 'a role of a backend that does not exist',
    break: ({ apply }) => apply(roleYAML('shop', 'lost', '{ backendRef: { name: absent } }')),
    finding: 'fail role',
    message: /VaultAuthRole shop\/lost: BackendNotFound/,
    repair: (stage) => remove(stage, 'shop', 'lost'),
  },
];

const account = ({ bed }: Stage, name: string): Promise<unknown> =>
  bed.request('POST', '/api/v1/namespaces/shop/serviceaccounts', { metadata: { name } });

const untilInVault = ({ bed }: Stage, name: string): Promise<unknown> =>
  untilCondition(bed, 'VaultAuthRole', { namespace: 'shop', name }, 'Ready=True');

/** Flags for a mount that no object describes. */
const manual = (role: string): readonly string[] => [
  'login',
  'shop/web',
  `-role=${role}`,
  '-path=manual',
  '-audience=manual',
  '-address={{ADDRESS}}',
];

const config = async (stage: Stage, host: string): Promise<unknown> => {
  const { bed, vault } = stage;
  const reviewer = await tokenOf(bed, { namespace: NAME, serviceAccount: 'vault-reviewer-main' });
  return vault.ask('POST', 'auth/manual/config', {
    kubernetes_host: host,
    kubernetes_ca_cert: bed.ca,
    token_reviewer_jwt: reviewer,
  });
};

const manualRole = ({ vault }: Stage, name: string, bound: string): Promise<unknown> =>
  vault.ask('POST', `auth/manual/role/${name}`, {
    bound_service_account_names: bound,
    bound_service_account_namespaces: 'shop',
    audience: 'manual',
  });

export const LOGIN_STATES: readonly BrokenState[] = [
  {
    title: 'a service account that does not exist',
    words: ['login', 'shop/late'],
    break: async (stage) => {
      await stage.apply(roleYAML('shop', 'late', '{}'));
      await untilInVault(stage, 'late');
    },
    finding: 'fail service-account',
    message: /there is no service account late in shop/,
    repair: 'printed',
  },
  {
    title: 'a service account without a role',
    words: ['login', 'shop/lonely'],
    break: (stage) => account(stage, 'lonely'),
    finding: 'fail login-role',
    message: /VaultAuthRole "lonely" not found in namespace shop/,
    repair: async (stage) => {
      await stage.apply(roleYAML('shop', 'lonely', '{}'));
      await untilInVault(stage, 'lonely');
    },
  },
  {
    title: 'a service account with two roles',
    words: ['login', 'shop/shared'],
    break: async (stage) => {
      await account(stage, 'shared');
      for (const name of ['one', 'two']) await stage.apply(roleYAML('shop', name, '{ serviceAccounts: [shared] }'));
      await untilInVault(stage, 'two');
    },
    finding: 'fail login-role',
    message: /several VaultAuthRoles bind service account "shared": one, two/,
    repair: async () => undefined,
    repairedWords: ['login', 'shop/shared', '-role=two'],
  },
  {
    title: 'a sealed server',
    words: ['login', 'shop/web'],
    break: seal,
    finding: 'fail vault-server',
    message: /is sealed/,
    repair: unseal,
  },
  {
    title: 'an address at which nothing listens',
    words: ['login', 'shop/web', '-address=http://127.0.0.1:1'],
    break: async () => undefined,
    finding: 'fail vault-server',
    message: /127\.0\.0\.1:1/,
    repair: async () => undefined,
    repairedWords: ['login', 'shop/web'],
  },
  {
    title: 'a mount that does not exist',
    words: ['login', 'shop/web', '-path=manual'],
    break: async () => undefined,
    finding: 'fail vault-mount',
    message: /there is no auth mount auth\/manual/,
    repair: async () => undefined,
    repairedWords: ['login', 'shop/web'],
  },
  {
    title: 'a mount without configuration',
    words: manual('web'),
    break: async (stage) => {
      await stage.vault.ask('POST', 'sys/auth/manual', { type: 'kubernetes' });
      await manualRole(stage, 'web', 'web');
    },
    finding: 'fail vault-mount',
    message: /auth\/manual has no configuration/,
    repair: (stage) => config(stage, stage.bed.url),
  },
  {
    title: 'a role that does not exist in Vault',
    words: manual('missing'),
    break: async () => undefined,
    finding: 'fail vault-role',
    message: /auth\/manual has no role missing/,
    repair: (stage) => manualRole(stage, 'missing', 'web'),
  },
  {
    title: 'a wrong audience',
    words: ['login', 'shop/web', '-audience=wrong'],
    break: async () => undefined,
    finding: 'fail audience',
    message: /does not accept the audience "wrong"/,
    repair: async () => undefined,
    repairedWords: ['login', 'shop/web'],
  },
  {
    title: 'a role that is bound to another service account',
    words: manual('other'),
    break: (stage) => manualRole(stage, 'other', 'other'),
    finding: 'fail binding',
    message: /role other is not bound to shop\/web/,
    repair: (stage) => manualRole(stage, 'other', 'web'),
  },
  {
    title: 'an API server that Vault does not reach',
    words: manual('web'),
    break: (stage) => config(stage, 'https://127.0.0.1:1'),
    finding: 'fail token-review',
    message: /does not reach the API server that auth\/manual names/,
    repair: (stage) => config(stage, stage.bed.url),
  },
  {
    title: 'a reviewer without the right to review tokens',
    words: ['login', 'shop/reviewed'],
    break: async (stage) => {
      await account(stage, 'reviewed');
      await stage.apply(roleYAML('shop', 'reviewed', '{ backendRef: { name: unbound } }'));
      await untilInVault(stage, 'reviewed');
      await stage.bed.kubectl(['delete', 'clusterrolebinding', 'reviewer-unbound']);
    },
    finding: 'fail reviewer',
    message: /the token reviewer vault-auth-injector\/vault-reviewer-unbound may not create tokenreviews/,
    repair: 'printed',
  },
];
