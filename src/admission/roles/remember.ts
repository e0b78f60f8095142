// Options of pods with what our objects gave them: pods of one workload get the same object, so that what follows from it can be
// remembered with it. Apart from the options that annotations alone give: those outlive any change of our objects.
import type { Parsed } from '../../annotations/parse.ts';
import type { AdmissionMode } from '../../resources/backend.ts';
import type { LinkValues } from './values.ts';

/**
 * Workloads whose pods come one after another; what is remembered with each is some ten kilobytes. Counted are pairs of options and
 * role: a namespace can have hundreds of either, and all of them together would be more than the process has.
 */
const MOST_PAIRS = 256;

interface Made {
  readonly mode: AdmissionMode;
  readonly parsed: Parsed;
}
type Pairs = Map<LinkValues, Map<Parsed, Made>>;

/** What was not asked for while as many others were is forgotten. Values that have changed are another object. */
let recent: Pairs = new Map();
let earlier: Pairs = new Map();
let count = 0;

/** What `make` gave for the same options, values and mode before. */
export function rememberedLink(own: Parsed, values: LinkValues, mode: AdmissionMode, make: () => Parsed): Parsed {
  const known = recent.get(values)?.get(own);
  if (known?.mode === mode) return known.parsed;
  const before = earlier.get(values)?.get(own);
  const made = before?.mode === mode ? before : { mode, parsed: make() };
  keep(own, values, made);
  return made.parsed;
}

const keep = (own: Parsed, values: LinkValues, made: Made): void => {
  if (count >= MOST_PAIRS) {
    earlier = recent;
    recent = new Map();
    count = 0;
  }
  const ofValues = recent.get(values) ?? new Map<Parsed, Made>();
  recent.set(values, ofValues);
  if (!ofValues.has(own)) count += 1;
  ofValues.set(own, made);
};
