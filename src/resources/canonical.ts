// Whether Vault has what was sent: both sides are brought into one form, since servers answer in other words than they were told.
import { type Json, type JsonObject, isObject } from '../json/json.ts';
import { secondsOf } from './schema.ts';
import type { Difference } from './common-fields.ts';

/** How a field is compared. What the servers do to values was seen on Vault 1.21.1 and OpenBao 2.4.0. */
type Form =
  | 'seconds'
  | 'lease'
  | 'number'
  | 'flag'
  | 'text'
  | 'lowerText'
  | 'set'
  | 'lowerSet'
  | 'cidrs'
  | 'pem'
  | 'pems'
  | 'map'
  | 'secretMap'
  | 'present';

const TOKEN_FORMS = {
  token_ttl: 'seconds',
  token_max_ttl: 'seconds',
  token_explicit_max_ttl: 'seconds',
  token_period: 'seconds',
  // Kept as typed, lower-cased when used.
  token_policies: 'lowerSet',
  // A mask of one address is dropped.
  token_bound_cidrs: 'cidrs',
  token_num_uses: 'number',
  token_no_default_policy: 'flag',
  // "default" where nothing was said.
  token_type: 'text',
  token_strictly_bind_ip: 'flag',
} as const;

export const FORMS = {
  kubernetesRole: {
    ...TOKEN_FORMS,
    bound_service_account_names: 'set',
    bound_service_account_namespaces: 'set',
    bound_service_account_namespace_selector: 'text',
    // Absent when empty.
    audience: 'text',
    alias_name_source: 'text',
  },
  jwtRole: {
    ...TOKEN_FORMS,
    role_type: 'text',
    bound_audiences: 'set',
    bound_subject: 'text',
    bound_claims_type: 'text',
    bound_claims: 'map',
    user_claim: 'text',
    user_claim_json_pointer: 'flag',
    groups_claim: 'text',
    claim_mappings: 'map',
    expiration_leeway: 'seconds',
    not_before_leeway: 'seconds',
    clock_skew_leeway: 'seconds',
  },
  kubernetesConfig: {
    kubernetes_host: 'text',
    kubernetes_ca_cert: 'pem',
    // Comes back trimmed.
    pem_keys: 'pems',
    issuer: 'text',
    disable_iss_validation: 'flag',
    disable_local_ca_jwt: 'flag',
    use_annotations_as_alias_metadata: 'flag',
    // Never shown; whether there is one is (Vault 1.16, OpenBao).
    token_reviewer_jwt: 'present',
  },
  jwtConfig: {
    oidc_discovery_url: 'text',
    oidc_discovery_ca_pem: 'pem',
    oidc_client_id: 'text',
    jwks_url: 'text',
    jwks_ca_pem: 'pem',
    jwt_validation_pubkeys: 'pems',
    bound_issuer: 'text',
    jwt_supported_algs: 'set',
    default_role: 'lowerText',
    // Of some providers the key of a service account is in it (gsuite_service_account), and servers show it.
    provider_config: 'secretMap',
  },
  tune: {
    default_lease_ttl: 'lease',
    max_lease_ttl: 'lease',
    description: 'text',
    // Absent when it was reset.
    listing_visibility: 'text',
    token_type: 'text',
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Form>>>>;

export type DocumentForm = keyof typeof FORMS;

/** Longer values are cut: they go into a status. */
const LONGEST = 256;

/**
 * The fields of `want` that Vault has otherwise. An absent field, null and an empty value count as the field's zero. Fields that
 * `want` does not name are not looked at, and neither are values that Vault does not show: of those, whether there is one.
 */
export function differences(want: JsonObject, got: JsonObject, form: DocumentForm): readonly Difference[] {
  const forms: Readonly<Record<string, Form>> = FORMS[form];
  return Object.keys(want).flatMap((field) => {
    const how = forms[field] ?? 'map';
    // A lease of 0 comes back as what the server then uses: nothing can be said about it.
    if (how === 'lease' && canonical(want[field], how) === '0s') return [];
    const [wanted, found] =
      how === 'present' ? presence(field, want, got) : [canonical(want[field], how), canonical(got[field], how)];
    if (wanted === found) return [];
    return [{ field, want: cut(wanted), got: how === 'secretMap' && found !== '' ? NOT_SHOWN : cut(found) }];
  });
}

const NOT_SHOWN = '(not shown: it can hold secrets)';

const presence = (field: string, want: JsonObject, got: JsonObject): readonly [string, string] => {
  const found = got[`${field}_set`];
  const wanted = want[field] === '' || want[field] === undefined ? 'absent' : 'set';
  // Servers before Vault 1.16 do not tell: then it cannot be seen whether it differs.
  return [wanted, found === undefined ? wanted : found === true ? 'set' : 'absent'];
};

const canonical = (value: Json | undefined, form: Exclude<Form, 'present'>): string => {
  switch (form) {
    case 'seconds':
    case 'lease':
      return `${typeof value === 'string' ? durationOf(value) : Number(value ?? 0)}s`;
    case 'number':
      return String(Number(value ?? 0));
    case 'flag':
      return String(value === true || value === 'true');
    case 'text':
      return typeof value === 'string' ? value : '';
    case 'lowerText':
      return typeof value === 'string' ? value.toLowerCase() : '';
    case 'set':
      return setOf(value, (item) => item);
    case 'lowerSet':
      return setOf(value, (item) => item.toLowerCase());
    case 'cidrs':
      return setOf(value, withoutHostMask);
    case 'pem':
      return typeof value === 'string' ? trimmedLines(value) : '';
    case 'pems':
      return setOf(value, trimmedLines);
    case 'map':
    case 'secretMap':
      return stable(value);
  }
};

/** Numbers as text are seconds; anything else is a duration. */
const durationOf = (text: string): number => (/^-?\d+$/.test(text) ? Number(text) : secondsOf(text));

const setOf = (value: Json | undefined, normal: (item: string) => string): string => {
  const items = Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  return [...new Set(items.map(normal))].toSorted().join(', ');
};

const withoutHostMask = (network: string): string =>
  network.replace(network.includes(':') ? /\/128$/ : /\/32$/, '').toLowerCase();

const trimmedLines = (pem: string): string =>
  pem
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('\n');

/** Text of any value with the names of objects in order; nothing, null and what is empty are the same. */
const stable = (value: Json | undefined): string => {
  if (value === undefined || value === null || value === '') return '';
  if (Array.isArray(value)) return value.length === 0 ? '' : `[${value.map(stable).join(', ')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const entries = Object.keys(value)
    .toSorted()
    .map((key) => `${key}: ${stable(value[key])}`);
  return entries.length === 0 ? '' : `{${entries.join(', ')}}`;
};

const cut = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);
