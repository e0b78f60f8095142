// Names of annotations: the three prefixes, and full names from the keys of the tables. No other file contains a name.
import { families, type FamilyKey } from './families.ts';
import type { Row } from './row.ts';
import { table, type OptionKey } from './table.ts';

/** An annotation of vault-k8s means the same under each prefix; messages repeat the prefix that the user wrote. */
export const PREFIXES = ['vault.hashicorp.com/', 'openbao.org/', 'vaultauth.dev/'] as const;

/** Our own prefix, for names that vault-k8s does not have. */
export const OWN_PREFIX = 'vaultauth.dev/';

/** The prefix of names that documentation and remedies use. */
export const FAMILIAR_PREFIX = 'vault.hashicorp.com/';

/** The part after one of the prefixes; undefined for any other annotation. */
export function nameWithin(annotation: string): string | undefined {
  for (const prefix of PREFIXES) if (annotation.startsWith(prefix)) return annotation.slice(prefix.length);
  return undefined;
}

/** `agentInjectToken` → `agent-inject-token`. */
export function kebab(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

const prefixOf = ({ own }: Row<unknown>): string => (own ? OWN_PREFIX : FAMILIAR_PREFIX);

const NAMES = Object.fromEntries(
  (Object.keys(table) as OptionKey[]).map((key) => [key, `${prefixOf(table[key])}${kebab(key)}`]),
) as Readonly<Record<OptionKey, string>>;

/** The full name of an annotation: under vault-k8s' prefix, or under our own if vault-k8s does not have it. */
export function annotationName(key: OptionKey): string {
  return NAMES[key];
}

/** The full name of one annotation of a family. */
export function familyName(key: FamilyKey, name: string): string {
  return `${prefixOf(families[key])}${families[key].name}-${name}`;
}

/** One annotation under every prefix, in the order of precedence. */
export function allNames(key: OptionKey): readonly string[] {
  return PREFIXES.map((prefix) => `${prefix}${kebab(key)}`);
}
