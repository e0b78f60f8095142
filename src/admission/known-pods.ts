// Options of pods whose annotations were read before: a rollout brings the same ones again and again.
import { parseAnnotations, type Baseline, type LayeredAnnotations, type Parsed } from '../annotations/parse.ts';
import { nameWithin } from '../annotations/prefix.ts';
import { ANNOTATION_LAYERS } from '../annotations/row.ts';
import type { ReadYaml } from '../annotations/secret-list.ts';

/** Settings of one process are one baseline; tests and offline commands have several. */
const byBaseline = new WeakMap<Baseline, Known>();

/**
 * As parseAnnotations; pods with the same annotations of ours, on themselves and their surroundings, get the same object, so that
 * what follows from it can be remembered with it. Nobody changes it.
 */
export function parseKnown(layers: LayeredAnnotations, base: Baseline, readYaml: ReadYaml): Parsed {
  const key = keyOf(layers);
  let known = byBaseline.get(base);
  if (!known) byBaseline.set(base, (known = knownPods()));
  const before = known.get(key);
  if (before) return before;
  const parsed = parseAnnotations(layers, base, readYaml);
  // This problem may be gone the next time: the library that reads lists is loaded when the first one was not read.
  if (parsed.problems.every(({ code }) => code !== 'secrets-unreadable')) known.set(key, parsed);
  return parsed;
}

/** Everything that parsing reads of the layers. Lengths keep apart what a separator could not. */
const keyOf = (layers: LayeredAnnotations): string => {
  let key = '';
  for (const layer of ANNOTATION_LAYERS) {
    key += `${layer} `;
    for (const [name, value] of layers[layer] ?? [])
      if (nameWithin(name) !== undefined) key += `${name.length},${value.length}:${name}${value}`;
  }
  return key;
};

interface Known {
  get(key: string): Parsed | undefined;
  set(key: string, parsed: Parsed): void;
}

/** 256 ordinary workloads; more of them are rarely rolled out at the same time. */
const MOST_CHARACTERS = 256 * 1024;
/** Few annotations are a key of some hundred characters; what is remembered with them is about ten kilobytes nevertheless. */
const LEAST_CHARACTERS = 1024;
/** Longer ones are templates of many kilobytes, for which reading is not what takes the time. */
const LONGEST_KEY = 16 * 1024;

/** Bounded in size. What was not asked for while half of it was filled anew is forgotten. */
const knownPods = (): Known => {
  let recent = new Map<string, Parsed>();
  let earlier = new Map<string, Parsed>();
  let characters = 0;
  const set = (key: string, parsed: Parsed): void => {
    if (key.length > LONGEST_KEY) return;
    if (characters > MOST_CHARACTERS / 2) {
      earlier = recent;
      recent = new Map();
      characters = 0;
    }
    recent.set(key, parsed);
    characters += Math.max(key.length, LEAST_CHARACTERS);
  };
  return {
    get(key) {
      const parsed = recent.get(key);
      if (parsed) return parsed;
      const before = earlier.get(key);
      if (before) set(key, before);
      return before;
    },
    set,
  };
};
