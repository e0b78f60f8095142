// Suggestions for misspelt names: the nearest annotation name or word.
import { families } from './families.ts';
import { kebab } from './names.ts';
import { table } from './table.ts';

const PLAIN = Object.keys(table).map(kebab);
const FAMILY = Object.values(families).map((family) => family.name);

/** Damerau-Levenshtein distance (optimal string alignment); `max + 1` as soon as it exceeds `max`. */
const distance = (one: string, other: string, max: number): number => {
  if (Math.abs(one.length - other.length) > max) return max + 1;
  let before: number[] = [];
  let previous = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const change = one[i - 1] === other[j - 1] ? 0 : 1;
      let nearest = Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + change);
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1])
        nearest = Math.min(nearest, (before[j - 2] ?? 0) + 1);
      current.push(nearest);
    }
    if (Math.min(...current) > max) return max + 1;
    before = previous;
    previous = current;
  }
  return previous[other.length] ?? max + 1;
};

/** At most a third of the letters may differ, and no more than three: otherwise it is another word. */
const tolerance = (name: string): number => Math.min(3, Math.floor(name.length / 3));

/** The API server's limit for the name of an annotation, without its prefix. */
const MAX_NAME_LENGTH = 63;

/** Words before a name that pod authors add or leave out: agent-error-on-missing-key-db is error-on-missing-key-db. */
const LEADING_WORDS = /^(?:vault-)?(?:agent-)?(?:inject-)?(?=.)/;
const core = (name: string): string => name.replace(LEADING_WORDS, '');

interface Candidate {
  readonly name: string;
  /** A smaller one is nearer. */
  readonly distance: number;
}

/**
 * The annotation name nearest to an unknown one (both without prefix), or undefined if none is near. The NAME of a family is
 * kept: `agent-inject-secrt-db` → `agent-inject-secret-db`.
 */
export function nearestName(unknown: string): string | undefined {
  if (unknown.length > 2 * MAX_NAME_LENGTH) return undefined;
  const folded = unknown.toLowerCase().replaceAll('_', '-');
  let best: Candidate | undefined;
  const compare = (name: string, candidate: string, against: string, penalty: number): void => {
    const max = best ? Math.min(tolerance(candidate), best.distance - penalty - 1) : tolerance(candidate);
    const found = distance(against, candidate, max);
    if (found <= max) best = { name, distance: found + penalty };
  };
  const consider = (name: string, candidate: string, against: string): void => {
    compare(name, candidate, against, 0);
    compare(name, core(candidate), core(against), 1);
  };
  for (const name of PLAIN) consider(name, name, folded);
  // A family without a NAME, such as `agent-inject-secret`.
  for (const name of FAMILY) consider(`${name}-NAME`, name, folded);
  for (const name of FAMILY)
    for (const { head, suffix } of splits(unknown, folded, name)) consider(`${name}-${suffix}`, name, head);
  return best?.name;
}

/** The ways to take an unknown name for one of a family: with as many words as the family has, with one more, or with fewer. */
const splits = (
  unknown: string,
  folded: string,
  family: string,
): readonly { readonly head: string; readonly suffix: string }[] => {
  const words = folded.split('-');
  const dashes = family.split('-').length;
  return [dashes, dashes + 1, dashes - 1, dashes - 2].flatMap((count) => {
    const head = words.slice(0, count).join('-');
    // The name is cut by length, so that its own underscores and capitals stay.
    const suffix = unknown.slice(head.length + 1);
    return count > 0 && suffix !== '' ? [{ head, suffix }] : [];
  });
};

/**
 * The option that a name of a family differs from only in its leading words: `agent-inject-secret-volume-path` is the secret
 * `volume-path`, and secret-volume-path is an option. So is secret-volume-path-NAME. Undefined: none.
 */
export function lookalike(name: string): string | undefined {
  const other = core(name);
  if (other === name) return undefined;
  return PLAIN.includes(other) || FAMILY.some((family) => other.startsWith(`${family}-`)) ? other : undefined;
}

/** The nearest of a list of words, or undefined if none is near. */
export function nearestWord(unknown: string, words: readonly string[]): string | undefined {
  let best: { word: string; distance: number } | undefined;
  for (const word of words) {
    const max = tolerance(word);
    const found = distance(unknown, word, best ? Math.min(max, best.distance - 1) : max);
    if (found <= max && (!best || found < best.distance)) best = { word, distance: found };
  }
  return best?.word;
}
