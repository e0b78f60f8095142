// A role as Vault has it → VaultAuthRoles in Observe mode, one for each namespace that it binds; or why there is none.
import { type JsonObject, isObject, type Json } from '../json/json.ts';
import { API_VERSION } from './kinds.ts';
import { EXTERNAL_PREFIX, MAX_POLICIES, MAX_SERVICE_ACCOUNTS } from './role.ts';
import { CLAIM_MAPPINGS } from './role-document.ts';
import { exportedToken } from './role-token.ts';

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
    token: exportedToken(document),
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

// Whom a role in Vault binds, as service accounts by namespace; or why that cannot be said so.

/** Service accounts by namespace, and what else only one of the two types knows. */
export interface Binding {
  readonly accounts: ReadonlyMap<string, readonly string[]>;
  readonly audience: string;
  readonly aliasNameSource: string;
  readonly notes: readonly string[];
}

/** The binding of a role, or the reason why a role of ours cannot have it. */
function bindingOf(document: JsonObject, type: 'kubernetes' | 'jwt'): Binding | string {
  return type === 'kubernetes' ? kubernetesBinding(document) : jwtBinding(document);
}

const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const hasGlob = (names: readonly string[]): string | undefined => names.find((name) => name.includes('*'));
const isOdd = (names: readonly string[]): string | undefined => names.find((name) => !NAME.test(name));

const kubernetesBinding = (document: JsonObject): Binding | string => {
  const names = texts(document['bound_service_account_names']);
  const namespaces = texts(document['bound_service_account_namespaces']);
  if (isGiven(document['bound_service_account_namespace_selector']))
    return 'binds namespaces by a selector, which a role of ours cannot: it binds its own namespace';
  const glob = hasGlob([...names, ...namespaces]);
  if (glob !== undefined) return `binds by the pattern ${JSON.stringify(glob)}, which a role of ours cannot`;
  const odd = isOdd([...names, ...namespaces]);
  if (odd !== undefined) return `binds ${JSON.stringify(odd)}, which is no name in Kubernetes`;
  if (names.length === 0 || namespaces.length === 0) return 'binds nobody';
  return {
    accounts: new Map([...new Set(namespaces)].map((namespace) => [namespace, [...new Set(names)]])),
    audience: text(document, 'audience'),
    aliasNameSource: text(document, 'alias_name_source') === 'serviceaccount_name' ? 'ServiceAccountName' : 'ServiceAccountUID',
    notes: isGiven(document['alias_metadata']) ? ['has alias_metadata, for which a role of ours has no field'] : [],
  };
};

const UID_CLAIM = '/kubernetes.io/serviceaccount/uid';
const SUBJECT = /^system:serviceaccount:([a-z0-9-]+):([a-z0-9][-a-z0-9.]*)$/;

const jwtBinding = (document: JsonObject): Binding | string => {
  if (text(document, 'role_type') !== 'jwt') return 'is of role_type oidc, for people with browsers';
  const { sub, ...others } = isObject(document['bound_claims']) ? document['bound_claims'] : {};
  const [claim] = Object.keys(others);
  if (claim !== undefined) return `binds the claim ${JSON.stringify(claim)}; a role of ours binds the subject alone`;
  const isGlob = text(document, 'bound_claims_type') === 'glob';
  const subjects = [...texts(sub), ...texts(document['bound_subject'])];
  const odd = subjects.find((subject) => !SUBJECT.test(subject) || (isGlob && subject.includes('*')));
  if (odd !== undefined) return `binds the subject ${JSON.stringify(odd)}, which is no service account by its name`;
  if (subjects.length === 0) return 'binds no subject: every token of the issuer may log in';
  if (isGiven(sub) && isGiven(document['bound_subject'])) return 'binds both bound_subject and the claim "sub"';
  const audiences = texts(document['bound_audiences']);
  if (audiences.length > 1) return `takes ${audiences.length} audiences; a role of ours has one`;
  const userClaim = text(document, 'user_claim');
  if (userClaim !== UID_CLAIM && userClaim !== 'sub')
    return `names identities by the claim ${JSON.stringify(userClaim)}; a role of ours by the UID or the subject, which would make new ones`;
  return {
    accounts: bySubject(subjects),
    audience: audiences[0] ?? '',
    aliasNameSource: userClaim === UID_CLAIM ? 'ServiceAccountUID' : 'ServiceAccountName',
    notes: [
      ...(isGiven(document['groups_claim']) ? ['has groups_claim, for which a role of ours has no field'] : []),
      ...(isSame(document['claim_mappings'], CLAIM_MAPPINGS) ? [] : ['maps other claims to metadata than a role of ours']),
    ],
  };
};

const isSame = (found: unknown, wanted: Readonly<Record<string, string>>): boolean =>
  isObject(found) &&
  Object.keys(found).length === Object.keys(wanted).length &&
  Object.entries(wanted).every(([key, value]) => found[key] === value);

const bySubject = (subjects: readonly string[]): ReadonlyMap<string, readonly string[]> => {
  const accounts = new Map<string, string[]>();
  for (const subject of new Set(subjects)) {
    const [, namespace = '', name = ''] = SUBJECT.exec(subject) ?? [];
    accounts.set(namespace, [...(accounts.get(namespace) ?? []), name]);
  }
  return accounts;
};

// Values in what Vault answers, as exports need them: what is absent or of another type counts as its zero.

/** What could not be said in a manifest, or is said otherwise there. */
export interface Note {
  /** Of what: the mount, its configuration, or a role. */
  readonly subject: string;
  readonly reason: string;
  /** False: there is no manifest for the subject. */
  readonly expressed: boolean;
}

export function text(document: JsonObject, key: string): string {
  const value = document[key];
  return typeof value === 'string' ? value : '';
}
export function number(document: JsonObject, key: string): number {
  const value = document[key];
  return typeof value === 'number' ? value : 0;
}
export function isSet(document: JsonObject, key: string): boolean {
  return document[key] === true;
}
/** Texts of a list; one text counts as a list of it. */
export function texts(value: Json | undefined): readonly string[] {
  return typeof value === 'string'
    ? value === ''
      ? []
      : [value]
    : Array.isArray(value)
      ? value.filter((item) => typeof item === 'string')
      : [];
}
/** Whether a value says anything at all. */
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
