// Options of pods with what our objects gave them: pods of one workload get the same object, so that what follows from it can be
// remembered with it. Apart from the options that annotations alone give: those outlive any change of our objects.
import type { Parsed } from '../../annotations/parse.ts';
import type { AdmissionMode } from '../../resources/known.ts';
import type { LinkValues } from './values.ts';

/** Roles whose pods come one after another; what is remembered with each is some ten kilobytes. */
const MOST_ROLES = 128;

type Made = WeakMap<Parsed, { readonly mode: AdmissionMode; readonly parsed: Parsed }>;

/** Bounded: what was not asked for while as many others were is forgotten. Values that have changed are another object. */
let recent = new Map<LinkValues, Made>();
let earlier = new Map<LinkValues, Made>();

/** What `make` gave for the same options, values and mode before. */
export const rememberedLink = (own: Parsed, values: LinkValues, mode: AdmissionMode, make: () => Parsed): Parsed => {
  const made = madeOf(values);
  const before = made.get(own);
  if (before?.mode === mode) return before.parsed;
  const parsed = make();
  made.set(own, { mode, parsed });
  return parsed;
};

const madeOf = (values: LinkValues): Made => {
  const known = recent.get(values) ?? earlier.get(values) ?? new WeakMap();
  if (recent.has(values)) return known;
  if (recent.size >= MOST_ROLES) {
    earlier = recent;
    recent = new Map();
  }
  recent.set(values, known);
  return known;
};
