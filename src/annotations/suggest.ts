// The nearest known name for a misspelt one.
import { families } from './families.ts';
import { kebab } from './row.ts';
import { table } from './table.ts';

const PLAIN = Object.keys(table).map(kebab);
const FAMILY = Object.values(families).map((family) => family.name);

/** Damerau-Levenshtein distance (optimal string alignment), given up as soon as it exceeds `most`. */
const distance = (one: string, other: string, most: number): number => {
  if (Math.abs(one.length - other.length) > most) return most + 1;
  let before: number[] = [];
  let previous = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const change = one[i - 1] === other[j - 1] ? 0 : 1;
      let least = Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + change);
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1])
        least = Math.min(least, (before[j - 2] ?? 0) + 1);
      current.push(least);
    }
    if (Math.min(...current) > most) return most + 1;
    before = previous;
    previous = current;
  }
  return previous[other.length] ?? most + 1;
};

/** A third of the letters may differ, three at the most: more is another word. */
const tolerance = (name: string): number => Math.min(3, Math.floor(name.length / 3));

/** Annotation names are at most 63 characters after the prefix; what is longer cannot be a misspelling of ours. */
const LONGEST_NAME = 63;

/**
 * The known name nearest to an unknown one (both without prefix), or undefined when none is near. The NAME of a family is
 * kept: `agent-inject-secrt-db` → `agent-inject-secret-db`.
 */
export function nearestName(unknown: string): string | undefined {
  if (unknown.length > 2 * LONGEST_NAME) return undefined;
  const folded = unknown.toLowerCase().replaceAll('_', '-');
  let best: { name: string; distance: number } | undefined;
  const consider = (name: string, candidate: string, against: string): void => {
    const most = tolerance(candidate);
    const found = distance(against, candidate, best ? Math.min(most, best.distance - 1) : most);
    if (found <= most && (!best || found < best.distance)) best = { name, distance: found };
  };
  for (const name of PLAIN) consider(name, name, folded);
  for (const name of FAMILY) {
    const dashes = name.split('-').length;
    const parts = unknown.split('-');
    const suffix = parts.slice(dashes).join('-');
    if (suffix !== '') consider(`${name}-${suffix}`, name, folded.split('-').slice(0, dashes).join('-'));
  }
  return best?.name;
}

/** The nearest of a list of words, or undefined when none is near. */
export function nearestWord(unknown: string, words: readonly string[]): string | undefined {
  let best: { word: string; distance: number } | undefined;
  for (const word of words) {
    const most = tolerance(word);
    const found = distance(unknown, word, best ? Math.min(most, best.distance - 1) : most);
    if (found <= most && (!best || found < best.distance)) best = { word, distance: found };
  }
  return best?.word;
}
