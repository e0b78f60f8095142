// Full names of annotations from their keys, so that no other file spells one.
import { families, type FamilyKey } from './families.ts';
import { FAMILIAR_PREFIX, OWN_PREFIX, PREFIXES } from './prefix.ts';
import { kebab, type Row } from './row.ts';
import { table, type OptionKey } from './table.ts';

const prefixOf = ({ own }: Row<unknown>): string => (own ? OWN_PREFIX : FAMILIAR_PREFIX);

const NAMES = Object.fromEntries(
  (Object.keys(table) as OptionKey[]).map((key) => [key, `${prefixOf(table[key])}${kebab(key)}`]),
) as Readonly<Record<OptionKey, string>>;

/** The full name of an annotation, under the prefix that most users know; our own ones have only ours. */
export function annotationName(key: OptionKey): string {
  return NAMES[key];
}

/** The full name of a member of a family. */
export function familyName(key: FamilyKey, name: string): string {
  return `${prefixOf(families[key])}${families[key].name}-${name}`;
}

/** One annotation under every prefix, in the order in which they are looked up. */
export function allNames(key: OptionKey): readonly string[] {
  return PREFIXES.map((prefix) => `${prefix}${kebab(key)}`);
}
