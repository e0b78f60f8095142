// Whom a role in Vault binds, as service accounts by namespace; or why that cannot be said so.
import { isObject, type JsonObject } from '../json/json.ts';
import { isGiven, text, texts } from './export-value.ts';
import { CLAIM_MAPPINGS } from './role-document.ts';

/** Service accounts by namespace, and what else only one of the two types knows. */
export interface Binding {
  readonly accounts: ReadonlyMap<string, readonly string[]>;
  readonly audience: string;
  readonly aliasNameSource: string;
  readonly notes: readonly string[];
}

/** The binding of a role, or the reason why a role of ours cannot have it. */
export function bindingOf(document: JsonObject, type: 'kubernetes' | 'jwt'): Binding | string {
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
