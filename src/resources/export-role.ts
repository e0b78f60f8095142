// A role in Vault → VaultAuthRoles with managementPolicy Observe, one for each bound namespace; or the reason why there is none.
import { type JsonObject, isObject, type Json } from '../json/json.ts';
import { API_VERSION } from './kinds.ts';
import { EXTERNAL_PREFIX, MAX_POLICIES, MAX_SERVICE_ACCOUNTS } from './role.ts';
import { CLAIM_MAPPINGS } from './role-document.ts';
import { exportedToken } from './role-token.ts';

/** A role as read from Vault. */
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
  /** Reviewer mode ClientJWT: tokens have the API server's audience. */
  readonly isClientJWT: boolean;
}

/** Exports one role. The manifests bind no service account that the role does not bind. */
export function exportRole(vaultRole: VaultRole, context: ExportContext): RoleExport {
  const subject = `role ${vaultRole.name}`;
  const binding = bindingOf(vaultRole.document, context.type);
  if (typeof binding === 'string') return { roles: [], notes: [{ subject, reason: binding, expressed: false }] };
  const tooMany = [...binding.accounts].find(([, names]) => names.length > MAX_SERVICE_ACCOUNTS);
  if (tooMany)
    return {
      roles: [],
      notes: [
        {
          subject,
          reason: `binds ${tooMany[1].length} service accounts of ${tooMany[0]}, more than ${MAX_SERVICE_ACCOUNTS}`,
          expressed: false,
        },
      ],
    };
  const { policies, notes } = policiesOf(vaultRole.document);
  const roles = [...binding.accounts].map(([namespace, names]) => ({
    role: vaultRole.name,
    namespace,
    policies,
    manifest: manifestOf(vaultRole, context, binding, { namespace, names, policies }),
  }));
  const several = `binds ${roles.length} namespaces: there is one object for each, and managementPolicy Manage creates one role for each`;
  const reasons = [
    ...(roles.length > 1 ? [several] : []),
    ...binding.notes,
    ...audienceNotes(binding, context),
    ...notes,
    ...deprecationNotes(vaultRole.document),
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
    token: exportedToken(document),
    // The role existed before the export.
    deletionPolicy: 'Retain',
  },
});

/** The name of a role as an object name: in lower case, without underscores. */
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
  if (audience === '') return isClientJWT ? [] : ['has no audience; a VaultAuthRole has the audience of its backend'];
  return isClientJWT ? [`has the audience ${JSON.stringify(audience)}, which is impossible with reviewer mode ClientJWT`] : [];
};

const POLICY = /^[a-z0-9]([a-z0-9._/-]*[a-z0-9_])?$/;

const policiesOf = (document: JsonObject): { readonly policies: readonly string[]; readonly notes: readonly string[] } => {
  const names = [...new Set(texts(document['token_policies']).map((name) => name.toLowerCase()))];
  const valid = names.filter((name) => name !== 'root' && POLICY.test(name) && name.length <= 200);
  const invalid = names.filter((name) => !valid.includes(name));
  return {
    policies: valid.slice(0, MAX_POLICIES).map((name) => `${EXTERNAL_PREFIX}${name}`),
    notes: [
      ...(invalid.length > 0
        ? [`has policies that a VaultAuthRole cannot reference: ${invalid.map((name) => JSON.stringify(name)).join(', ')}`]
        : []),
      ...(valid.length > MAX_POLICIES ? [`has ${valid.length} policies; the manifest has the first ${MAX_POLICIES}`] : []),
    ],
  };
};

/** Names of the token_* fields before Vault 1.2; a server returns them for roles that were written with them. */
const DEPRECATED = ['policies', 'ttl', 'max_ttl', 'period', 'num_uses', 'bound_cidrs'] as const;

const deprecationNotes = (document: JsonObject): readonly string[] => {
  const used = DEPRECATED.filter((field) => isGiven(document[field]));
  return used.length === 0
    ? []
    : [
        `has deprecated fields (${used.join(', ')}) beside the token_ fields that replace them; they remain until the role is deleted`,
      ];
};

/** What a role binds, for both types: service accounts by namespace, audience and alias. */
export interface Binding {
  readonly accounts: ReadonlyMap<string, readonly string[]>;
  readonly audience: string;
  readonly aliasNameSource: string;
  readonly notes: readonly string[];
}

/** The binding of a role, or the reason why a VaultAuthRole cannot express it. */
function bindingOf(document: JsonObject, type: 'kubernetes' | 'jwt'): Binding | string {
  return type === 'kubernetes' ? kubernetesBinding(document) : jwtBinding(document);
}

const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const firstGlob = (names: readonly string[]): string | undefined => names.find((name) => name.includes('*'));
const firstInvalid = (names: readonly string[]): string | undefined => names.find((name) => !NAME.test(name));

const kubernetesBinding = (document: JsonObject): Binding | string => {
  const names = texts(document['bound_service_account_names']);
  const namespaces = texts(document['bound_service_account_namespaces']);
  if (isGiven(document['bound_service_account_namespace_selector']))
    return 'binds namespaces by a selector; a VaultAuthRole binds only its own namespace';
  const glob = firstGlob([...names, ...namespaces]);
  if (glob !== undefined) return `binds by the pattern ${JSON.stringify(glob)}; a VaultAuthRole binds exact names`;
  const invalid = firstInvalid([...names, ...namespaces]);
  if (invalid !== undefined) return `binds ${JSON.stringify(invalid)}, which is not a valid name in Kubernetes`;
  if (names.length === 0 || namespaces.length === 0) return 'binds no service account';
  return {
    accounts: new Map([...new Set(namespaces)].map((namespace) => [namespace, [...new Set(names)]])),
    audience: text(document, 'audience'),
    aliasNameSource: text(document, 'alias_name_source') === 'serviceaccount_name' ? 'ServiceAccountName' : 'ServiceAccountUID',
    notes: isGiven(document['alias_metadata']) ? ['has alias_metadata, which cannot be expressed'] : [],
  };
};

const UID_CLAIM = '/kubernetes.io/serviceaccount/uid';
const SUBJECT = /^system:serviceaccount:([a-z0-9-]+):([a-z0-9][-a-z0-9.]*)$/;

const jwtBinding = (document: JsonObject): Binding | string => {
  if (text(document, 'role_type') !== 'jwt') return 'has role_type oidc, which is for the OIDC browser flow';
  const { sub, ...others } = isObject(document['bound_claims']) ? document['bound_claims'] : {};
  const [claim] = Object.keys(others);
  if (claim !== undefined) return `binds the claim ${JSON.stringify(claim)}; a VaultAuthRole binds only the subject`;
  const isGlob = text(document, 'bound_claims_type') === 'glob';
  const subjects = [...texts(sub), ...texts(document['bound_subject'])];
  const invalid = subjects.find((subject) => !SUBJECT.test(subject) || (isGlob && subject.includes('*')));
  if (invalid !== undefined)
    return `binds the subject ${JSON.stringify(invalid)}, which is not the exact name of a service account`;
  if (subjects.length === 0) return 'binds no subject: every token of the issuer can log in';
  if (isGiven(sub) && isGiven(document['bound_subject'])) return 'binds both bound_subject and the claim "sub"';
  const audiences = texts(document['bound_audiences']);
  if (audiences.length > 1) return `accepts ${audiences.length} audiences; a VaultAuthRole has one`;
  const userClaim = text(document, 'user_claim');
  if (userClaim !== UID_CLAIM && userClaim !== 'sub')
    return `names entity aliases by the claim ${JSON.stringify(userClaim)}; a VaultAuthRole uses the UID or the subject, which would create new entities`;
  return {
    accounts: bySubject(subjects),
    audience: audiences[0] ?? '',
    aliasNameSource: userClaim === UID_CLAIM ? 'ServiceAccountUID' : 'ServiceAccountName',
    notes: [
      ...(isGiven(document['groups_claim']) ? ['has groups_claim, which cannot be expressed'] : []),
      ...(isSame(document['claim_mappings'], CLAIM_MAPPINGS) ? [] : ['maps other claims to metadata than a VaultAuthRole']),
    ],
  };
};

const isSame = (found: unknown, expected: Readonly<Record<string, string>>): boolean =>
  isObject(found) &&
  Object.keys(found).length === Object.keys(expected).length &&
  Object.entries(expected).every(([key, value]) => found[key] === value);

const bySubject = (subjects: readonly string[]): ReadonlyMap<string, readonly string[]> => {
  const accounts = new Map<string, string[]>();
  for (const subject of new Set(subjects)) {
    const [, namespace = '', name = ''] = SUBJECT.exec(subject) ?? [];
    accounts.set(namespace, [...(accounts.get(namespace) ?? []), name]);
  }
  return accounts;
};

/** Something that a manifest cannot express, or expresses differently. */
export interface Note {
  /** The mount, its configuration, or a role. */
  readonly subject: string;
  readonly reason: string;
  /** False: there is no manifest for the subject. */
  readonly expressed: boolean;
}

/** A text in an answer of Vault; empty when absent. */
export function text(document: JsonObject, key: string): string {
  const value = document[key];
  return typeof value === 'string' ? value : '';
}
/** A number in an answer of Vault; 0 when absent. */
export function number(document: JsonObject, key: string): number {
  const value = document[key];
  return typeof value === 'number' ? value : 0;
}
/** A flag in an answer of Vault; false when absent. */
export function isSet(document: JsonObject, key: string): boolean {
  return document[key] === true;
}
/** The texts of a list; Vault returns some lists of one text as that text. */
export function texts(value: Json | undefined): readonly string[] {
  return typeof value === 'string'
    ? value === ''
      ? []
      : [value]
    : Array.isArray(value)
      ? value.filter((item) => typeof item === 'string')
      : [];
}
/** Whether a value is present and not the zero of its type. */
export function isGiven(value: Json | undefined): boolean {
  return (
    value !== undefined &&
    value !== null &&
    value !== '' &&
    value !== 0 &&
    value !== false &&
    JSON.stringify(value) !== '[]' &&
    JSON.stringify(value) !== '{}'
  );
}
