// A role that somebody else makes: whether it lets our service accounts in, by the servers' own rules.
import { isObject, type JsonObject } from '../../json/json.ts';
import type { VaultAuthBackend } from '../../resources/backend.ts';
import { serviceAccountsOf, type VaultAuthRole } from '../../resources/role.ts';
import { globMatches } from '../../resources/tenancy.ts';

/** The service accounts that a role as read from Vault does not admit. */
export function notAdmitted(
  backend: VaultAuthBackend,
  role: VaultAuthRole,
  got: JsonObject,
  namespaceLabels: Readonly<Record<string, string>>,
): readonly string[] {
  const { namespace = '' } = role.metadata;
  const accounts = serviceAccountsOf(role);
  switch (backend.spec.type) {
    case 'kubernetes':
      if (!admitsNamespace(got, namespace, namespaceLabels)) return accounts;
      return accounts.filter((name) => !someGlob(got['bound_service_account_names'], name));
    case 'jwt':
      return accounts.filter((name) => !admitsSubject(got, `system:serviceaccount:${namespace}:${name}`));
  }
}

/** The list and the selector are alternatives (auth-kubernetes); of a selector only matchLabels count. */
const admitsNamespace = (got: JsonObject, namespace: string, labels: Readonly<Record<string, string>>): boolean => {
  if (someGlob(got['bound_service_account_namespaces'], namespace)) return true;
  const selector = got['bound_service_account_namespace_selector'];
  if (typeof selector !== 'string' || selector === '') return false;
  try {
    const parsed: unknown = JSON.parse(selector);
    const wanted = isObject(parsed) && isObject(parsed['matchLabels']) ? Object.entries(parsed['matchLabels']) : [];
    return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value);
  } catch {
    // Written as YAML, which the servers take too: it cannot be said here, and nobody is told off for it.
    return true;
  }
};

const admitsSubject = (got: JsonObject, subject: string): boolean => {
  const bound = got['bound_subject'];
  if (typeof bound === 'string' && bound !== '' && bound !== subject) return false;
  const claims = got['bound_claims'];
  const wanted = isObject(claims) ? claims['sub'] : undefined;
  if (wanted === undefined || wanted === null) return true;
  const list = Array.isArray(wanted) ? wanted : [wanted];
  return got['bound_claims_type'] === 'glob' ? someGlob(list, subject) : list.includes(subject);
};

const someGlob = (patterns: unknown, text: string): boolean =>
  Array.isArray(patterns) && patterns.some((pattern) => typeof pattern === 'string' && globMatches(pattern, text));
