// The rights in Vault that the controller needs for given backends and policies, as the text of an ACL policy.
import type { JsonObject } from '../json/json.ts';
import { vaultPolicyName, type VaultACLPolicy } from './acl-policy.ts';
import type { VaultAuthBackend } from './backend.ts';
import type { VaultEndpoint } from './endpoint.ts';
import { isObserved } from './common-fields.ts';

export type Capability = 'create' | 'read' | 'update' | 'delete' | 'list' | 'sudo';

/** Capabilities on one path, and what they are for. */
export interface Right {
  readonly path: string;
  readonly capabilities: readonly Capability[];
  readonly purpose: string;
}

export interface ControllerRightsInput {
  /** Absent: its managementPolicy is Manage. */
  readonly endpoint?: VaultEndpoint;
  readonly backends: readonly VaultAuthBackend[];
  readonly policies: readonly VaultACLPolicy[];
  /** Names of further policies that may come, or beginnings of names with a star at the end. */
  readonly furtherPolicies: readonly string[];
  /** The controller runs with -observe-only. */
  readonly observeOnly: boolean;
}

/**
 * Everything that the controller asks for, and nothing else. It is not less than the power over these mounts: whoever may write a
 * role may give any policy to whom he likes, for parameters of a role cannot be fenced in soundly on both products.
 */
export function controllerRights(situation: ControllerRightsInput): readonly Right[] {
  return merged([
    { path: 'auth/token/lookup-self', capabilities: ['read'], purpose: 'its own token: is it valid' },
    { path: 'auth/token/renew-self', capabilities: ['update'], purpose: 'its own token: renew it' },
    { path: 'sys/capabilities-self', capabilities: ['update'], purpose: 'its own token: what may it do' },
    { path: 'sys/auth', capabilities: ['read'], purpose: 'find mounts and their accessors' },
    ...situation.backends.flatMap((backend) => backendRights(backend, !isReadOnly(situation, backend))),
    ...situation.policies.flatMap((policy) => aclPolicyRights(policy, !isReadOnly(situation, policy))),
    ...situation.furtherPolicies.map((name) => policyRight(name, situation.observeOnly ? ['read'] : WRITE, 'further policies')),
  ]);
}

const WRITE: readonly Capability[] = ['create', 'read', 'update', 'delete'];

const isReadOnly = ({ endpoint, observeOnly }: ControllerRightsInput, object: VaultAuthBackend | VaultACLPolicy): boolean =>
  observeOnly || isObserved(object, ...(endpoint ? [endpoint] : []));

const backendRights = ({ metadata, spec }: VaultAuthBackend, writes: boolean): readonly Right[] => {
  const { path, mount, clusterName, tenancy, deletionPolicy } = spec;
  const of = `VaultAuthBackend ${metadata.name}`;
  const tune = `sys/mounts/auth/${path}/tune`;
  const looks: readonly Right[] = [
    { path: `auth/${path}/config`, capabilities: ['read'], purpose: `${of}: its configuration` },
    { path: tune, capabilities: ['read'], purpose: `${of}: its tuning` },
    { path: `auth/${path}/role`, capabilities: ['list'], purpose: `${of}: the names of its roles` },
    { path: `auth/${path}/role/*`, capabilities: ['read'], purpose: `${of}: roles, also those that are only observed` },
  ];
  if (!writes) return looks;
  // Those who must not write others' roles have qualified names.
  const ours = tenancy.roleNaming === 'Qualified' ? `${clusterName}.*` : '*';
  return [
    ...looks,
    { path: `auth/${path}/config`, capabilities: ['create', 'read', 'update'], purpose: `${of}: its configuration` },
    { path: tune, capabilities: ['read', 'update'], purpose: `${of}: its tuning` },
    { path: `auth/${path}/role/${ours}`, capabilities: WRITE, purpose: `${of}: the roles that it keeps` },
    ...(mount.create
      ? [
          {
            path: `sys/auth/${path}`,
            capabilities: ['create', 'update', 'sudo'],
            purpose: `${of}: make the mount (mount.create)`,
          } as const,
        ]
      : []),
    ...(deletionPolicy === 'Delete'
      ? [
          {
            path: `sys/auth/${path}`,
            capabilities: ['delete', 'sudo'],
            purpose: `${of}: disable the mount (deletionPolicy)`,
          } as const,
        ]
      : []),
  ];
};

const aclPolicyRights = (policy: VaultACLPolicy, writes: boolean): readonly Right[] => {
  const purpose = `VaultACLPolicy ${policy.metadata.name}`;
  const name = vaultPolicyName(policy);
  if (!writes) return [policyRight(name, ['read'], purpose)];
  return [policyRight(name, policy.spec.deletionPolicy === 'Delete' ? WRITE : ['create', 'read', 'update'], purpose)];
};

const policyRight = (name: string, capabilities: readonly Capability[], purpose: string): Right => ({
  path: `sys/policies/acl/${name}`,
  capabilities,
  purpose,
});

/** One right for each path: of two rules for one path Vault would take both, and OpenBao too, but people read one better. */
const merged = (rights: readonly Right[]): readonly Right[] => {
  const byPath = new Map<string, Right>();
  for (const right of rights) {
    const before = byPath.get(right.path);
    const purposes =
      before === undefined || before.purpose === right.purpose ? right.purpose : `${before.purpose}; ${right.purpose}`;
    const capabilities = ORDER.filter((one) => right.capabilities.includes(one) || before?.capabilities.includes(one));
    byPath.set(right.path, { path: right.path, capabilities, purpose: purposes });
  }
  return [...byPath.values()];
};

const ORDER: readonly Capability[] = ['create', 'read', 'update', 'delete', 'list', 'sudo'];

/** The rights as text of a policy in HCL, each with what it is for. */
export function policyOfRights(rights: readonly Right[]): string {
  return rights
    .map(
      ({ path, capabilities, purpose }) =>
        `# ${purpose}\npath ${JSON.stringify(path)} {\n  capabilities = [${capabilities.map((word) => JSON.stringify(word)).join(', ')}]\n}\n`,
    )
    .join('\n');
}

export interface ControllerLogin {
  readonly endpoint: VaultEndpoint;
  /** Name of the policy that the role gives. */
  readonly policy: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

export type ControllerRole =
  | { readonly ok: true /** Where it is written. */; readonly path: string; readonly document: JsonObject }
  | { readonly ok: false; readonly problem: string };

/** The role as which the controller logs in at the endpoint's mount of type kubernetes or jwt. */
export function controllerRole({ endpoint, policy, namespace, serviceAccount }: ControllerLogin): ControllerRole {
  const { kubernetes, jwt } = endpoint.spec.auth;
  const login = kubernetes ?? jwt;
  const of = `VaultEndpoint ${endpoint.metadata.name}`;
  if (!login) return { ok: false, problem: `${of} logs in without service account: give the policy to what it logs in as` };
  const { audience, serviceAccountName: name = serviceAccount } = login;
  if (!kubernetes && audience === undefined)
    return { ok: false, problem: `${of} has no auth.jwt.audience: without it Vault cannot know that the token is for itself` };
  const binding: JsonObject = kubernetes
    ? { bound_service_account_names: [name], bound_service_account_namespaces: [namespace], audience: audience ?? '' }
    : {
        role_type: 'jwt',
        bound_audiences: [audience ?? ''],
        bound_claims: { sub: [`system:serviceaccount:${namespace}:${name}`] },
        user_claim: 'sub',
      };
  return {
    ok: true,
    path: `auth/${login.mount}/role/${login.role}`,
    document: { ...binding, token_policies: [policy], token_ttl: 3600, token_max_ttl: 86400, token_type: 'service' },
  };
}
