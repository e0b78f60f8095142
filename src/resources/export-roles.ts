// A role as Vault has it → VaultAuthRoles in Observe mode, one for each namespace that it binds; or why there is none.
import type { JsonObject } from '../json/json.ts';
import { type Binding, bindingOf } from './export-binding.ts';
import { durationOf } from './duration.ts';
import { isGiven, isSet, type Note, number, text, texts } from './export-value.ts';
import { API_VERSION } from './kinds.ts';
import { EXTERNAL_PREFIX, MAX_POLICIES, MAX_SERVICE_ACCOUNTS } from './role.ts';

/** A role as it is read. */
export interface VaultRole {
  readonly name: string;
  readonly document: JsonObject;
}

export interface ExportedRole {
  /** The role's name in Vault. */
  readonly role: string;
  readonly namespace: string;
  readonly manifest: JsonObject;
  readonly policies: readonly string[];
}

export interface RoleExport {
  readonly roles: readonly ExportedRole[];
  readonly notes: readonly Note[];
}

export interface ExportContext {
  readonly type: 'kubernetes' | 'jwt';
  readonly backend: string;
  /** The reviewer is the client, so that tokens have the API server's audience. */
  readonly isClientJWT: boolean;
}

/** Exports one role. The manifests bind nobody that the role does not bind. */
export function exportRole(found: VaultRole, surroundings: ExportContext): RoleExport {
  const subject = `role ${found.name}`;
  const binding = bindingOf(found.document, surroundings.type);
  if (typeof binding === 'string') return { roles: [], notes: [{ subject, reason: binding, expressed: false }] };
  const odd = [...binding.accounts].find(([, names]) => names.length > MAX_SERVICE_ACCOUNTS);
  if (odd)
    return {
      roles: [],
      notes: [
        {
          subject,
          reason: `binds ${odd[1].length} service accounts of ${odd[0]}, more than ${MAX_SERVICE_ACCOUNTS}`,
          expressed: false,
        },
      ],
    };
  const { policies, left } = policiesOf(found.document);
  const roles = [...binding.accounts].map(([namespace, names]) => ({
    role: found.name,
    namespace,
    policies,
    manifest: manifestOf(found, surroundings, binding, { namespace, names, policies }),
  }));
  const several = `binds ${roles.length} namespaces: there is one object for each, and managing them needs a role for each`;
  const reasons = [
    ...(roles.length > 1 ? [several] : []),
    ...binding.notes,
    ...audienceNotes(binding, surroundings),
    ...left,
    ...doublesOf(found.document),
  ];
  return { roles, notes: reasons.map((reason) => ({ subject, reason, expressed: true })) };
}

const manifestOf = (
  { name, document }: VaultRole,
  { backend, isClientJWT }: ExportContext,
  { audience, aliasNameSource }: Binding,
  {
    namespace,
    names,
    policies,
  }: { readonly namespace: string; readonly names: readonly string[]; readonly policies: readonly string[] },
): JsonObject => ({
  apiVersion: API_VERSION,
  kind: 'VaultAuthRole',
  metadata: { name: objectNameOf(name), namespace },
  spec: {
    managementPolicy: 'Observe',
    backendRef: { name: backend },
    vaultRoleName: name,
    serviceAccounts: names,
    policies,
    ...(audience === '' || isClientJWT ? {} : { audience }),
    aliasNameSource,
    token: tokenOf(document),
    // What was there before us stays.
    deletionPolicy: 'Retain',
  },
});

/** Names of roles may hold underscores, those of objects may not. */
export function objectNameOf(role: string): string {
  return (
    role
      .toLowerCase()
      .replaceAll(/[^a-z0-9.-]/g, '-')
      .replaceAll(/[.-]*\.[.-]*/g, '.')
      .replaceAll(/^[.-]+|[.-]+$/g, '') || 'role'
  );
}

const audienceNotes = ({ audience }: Binding, { isClientJWT }: ExportContext): readonly string[] => {
  if (audience === '') return isClientJWT ? [] : ['has no audience; a role of ours has that of its backend'];
  return isClientJWT ? [`has the audience ${JSON.stringify(audience)}, which tokens that review themselves cannot have`] : [];
};

const POLICY = /^[a-z0-9]([a-z0-9._/-]*[a-z0-9_])?$/;

const policiesOf = (document: JsonObject): { readonly policies: readonly string[]; readonly left: readonly string[] } => {
  const names = [...new Set(texts(document['token_policies']).map((name) => name.toLowerCase()))];
  const good = names.filter((name) => name !== 'root' && POLICY.test(name) && name.length <= 200);
  const odd = names.filter((name) => !good.includes(name));
  return {
    policies: good.slice(0, MAX_POLICIES).map((name) => `${EXTERNAL_PREFIX}${name}`),
    left: [
      ...(odd.length > 0
        ? [`has policies that a role of ours cannot name: ${odd.map((name) => JSON.stringify(name)).join(', ')}`]
        : []),
      ...(good.length > MAX_POLICIES
        ? [`has ${good.length} policies, of which the first ${MAX_POLICIES} are in the manifest`]
        : []),
    ],
  };
};

const tokenOf = (document: JsonObject): JsonObject => {
  const type = text(document, 'token_type');
  const [period, explicit, uses] = [
    number(document, 'token_period'),
    number(document, 'token_explicit_max_ttl'),
    number(document, 'token_num_uses'),
  ];
  const networks = texts(document['token_bound_cidrs']);
  return {
    ttl: durationOf(number(document, 'token_ttl')),
    maxTTL: durationOf(number(document, 'token_max_ttl')),
    ...(explicit > 0 ? { explicitMaxTTL: durationOf(explicit) } : {}),
    ...(period > 0 ? { period: durationOf(period) } : {}),
    type: type === 'service' || type === 'batch' ? type : 'default',
    ...(uses > 0 ? { numUses: uses } : {}),
    ...(isSet(document, 'token_no_default_policy') ? { noDefaultPolicy: true } : {}),
    ...(networks.length > 0 ? { boundCIDRs: networks } : {}),
    ...(isSet(document, 'token_strictly_bind_ip') ? { strictlyBindIP: true } : {}),
  };
};

/** Names that the token_* fields had before 1.2; a server shows them where they were used. */
const DOUBLES = ['policies', 'ttl', 'max_ttl', 'period', 'num_uses', 'bound_cidrs'] as const;

const doublesOf = (document: JsonObject): readonly string[] => {
  const used = DOUBLES.filter((field) => isGiven(document[field]));
  return used.length === 0
    ? []
    : [
        `has deprecated fields (${used.join(', ')}) beside the token_ fields of the same meaning; they stay until the role is deleted`,
      ];
};
