// The permissions in Vault that the controller needs for given backends and policies, as an ACL policy.
import type { JsonObject } from '../json/json.ts';
import { vaultPolicyName, type VaultACLPolicy } from './acl-policy.ts';
import type { VaultAuthBackend } from './backend.ts';
import type { VaultEndpoint } from './endpoint.ts';
import { isObserved } from './common-fields.ts';

export type Capability = 'create' | 'read' | 'update' | 'delete' | 'list' | 'sudo';

/** Capabilities on one path, and their purpose. */
export interface Right {
  readonly path: string;
  readonly capabilities: readonly Capability[];
  readonly purpose: string;
}

export interface ControllerRightsInput {
  /** Absent for an endpoint with managementPolicy Manage. */
  readonly endpoint?: VaultEndpoint;
  readonly backends: readonly VaultAuthBackend[];
  readonly policies: readonly VaultACLPolicy[];
  /** Names of policies that may be added later, or prefixes with a trailing star. */
  readonly furtherPolicies: readonly string[];
  /** Paths of metadata of KV version 2, for a controller with -rollouts; absent: none. */
  readonly metadata?: readonly string[];
  /** The controller runs with -observe-only. */
  readonly observeOnly: boolean;
}

/**
 * The least privilege of the controller. It still is full control over these mounts: a client that can write a role can grant any
 * policy to any service account, because parameter constraints for role writes are not reliable on both products.
 */
export function controllerRights(input: ControllerRightsInput): readonly Right[] {
  return merged([
    { path: 'auth/token/lookup-self', capabilities: ['read'], purpose: 'its own token: check that it is valid' },
    { path: 'auth/token/renew-self', capabilities: ['update'], purpose: 'its own token: renew it' },
    { path: 'sys/capabilities-self', capabilities: ['update'], purpose: 'its own token: read its capabilities' },
    { path: 'sys/auth', capabilities: ['read'], purpose: 'find mounts and their accessors' },
    ...input.backends.flatMap((backend) => backendRights(backend, !isReadOnly(input, backend))),
    ...input.policies.flatMap((policy) => aclPolicyRights(policy, !isReadOnly(input, policy))),
    ...input.furtherPolicies.map((name) => policyRight(name, input.observeOnly ? ['read'] : WRITE, 'further policies')),
    ...(input.metadata ?? []).map(
      (path): Right => ({ path, capabilities: ['read'], purpose: 'rollouts: read versions, never values' }),
    ),
  ]);
}

const WRITE: readonly Capability[] = ['create', 'read', 'update', 'delete'];

const isReadOnly = ({ endpoint, observeOnly }: ControllerRightsInput, object: VaultAuthBackend | VaultACLPolicy): boolean =>
  observeOnly || isObserved(object, ...(endpoint ? [endpoint] : []));

const backendRights = ({ metadata, spec }: VaultAuthBackend, writes: boolean): readonly Right[] => {
  const { path, mount, clusterName, tenancy, deletionPolicy } = spec;
  const of = `VaultAuthBackend ${metadata.name}`;
  const tune = `sys/mounts/auth/${path}/tune`;
  const reads: readonly Right[] = [
    { path: `auth/${path}/config`, capabilities: ['read'], purpose: `${of}: configuration` },
    { path: tune, capabilities: ['read'], purpose: `${of}: tuning` },
    { path: `auth/${path}/role`, capabilities: ['list'], purpose: `${of}: list roles` },
    { path: `auth/${path}/role/*`, capabilities: ['read'], purpose: `${of}: read roles, including observed ones` },
  ];
  if (!writes) return reads;
  // With qualified names, the prefix of the cluster keeps the controller from writing roles of other clients.
  const managed = tenancy.roleNaming === 'Qualified' ? `${clusterName}.*` : '*';
  return [
    ...reads,
    { path: `auth/${path}/config`, capabilities: ['create', 'read', 'update'], purpose: `${of}: configuration` },
    { path: tune, capabilities: ['read', 'update'], purpose: `${of}: tuning` },
    { path: `auth/${path}/role/${managed}`, capabilities: WRITE, purpose: `${of}: manage roles` },
    ...(mount.create
      ? [
          {
            path: `sys/auth/${path}`,
            capabilities: ['create', 'update', 'sudo'],
            purpose: `${of}: enable the auth method (mount.create)`,
          } as const,
        ]
      : []),
    ...(deletionPolicy === 'Delete'
      ? [
          {
            path: `sys/auth/${path}`,
            capabilities: ['delete', 'sudo'],
            purpose: `${of}: disable the auth method (deletionPolicy)`,
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

/** One right for each path, for readability: both products would also merge two rules for one path. */
const merged = (rights: readonly Right[]): readonly Right[] => {
  const byPath = new Map<string, Right>();
  for (const right of rights) {
    const existing = byPath.get(right.path);
    const purposes =
      existing === undefined || existing.purpose === right.purpose ? right.purpose : `${existing.purpose}; ${right.purpose}`;
    const capabilities = ORDER.filter((one) => right.capabilities.includes(one) || existing?.capabilities.includes(one));
    byPath.set(right.path, { path: right.path, capabilities, purpose: purposes });
  }
  return [...byPath.values()];
};

const ORDER: readonly Capability[] = ['create', 'read', 'update', 'delete', 'list', 'sudo'];

/** The rights as policy text in HCL, each with its purpose as a comment. */
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
  /** Name of the policy of the role. */
  readonly policy: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

export type ControllerRole =
  | { readonly ok: true /** API path of the role. */; readonly path: string; readonly document: JsonObject }
  | { readonly ok: false; readonly problem: string };

/** The role with which the controller logs in at the endpoint's mount of type kubernetes or jwt. */
export function controllerRole({ endpoint, policy, namespace, serviceAccount }: ControllerLogin): ControllerRole {
  const { kubernetes, jwt } = endpoint.spec.auth;
  const login = kubernetes ?? jwt;
  const of = `VaultEndpoint ${endpoint.metadata.name}`;
  if (!login)
    return {
      ok: false,
      problem: `${of} does not log in with a service account: attach the policy to the identity that it logs in with`,
    };
  const { audience, serviceAccountName: name = serviceAccount } = login;
  if (!kubernetes && audience === undefined)
    return {
      ok: false,
      problem: `${of} requires auth.jwt.audience: without it, the role would accept tokens for other audiences`,
    };
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
