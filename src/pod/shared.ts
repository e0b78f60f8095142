// What many pods have in common: made once, with its JSON text. Pods of one ReplicaSet bring the same annotations, and most of
// their patch follows from these alone; forming it anew was a third of what a review cost.
import type { Json, JsonObject } from '../json/json.ts';

/** Remembers what was made of each object for as long as somebody holds the object. */
export function remembered<K extends object, T extends object>(make: (from: K) => T): (from: K) => T {
  const known = new WeakMap<K, T>();
  return (from) => {
    const before = known.get(from);
    if (before) return before;
    const made = make(from);
    known.set(from, made);
    return made;
  };
}

/**
 * Remembers what was last made of each object, and of what else: pods of one owner agree in all of it, so that one answer for each
 * object is enough. `others` are compared one by one and are as many in every call.
 */
export function rememberedLast<T>(): (from: object, others: readonly unknown[], make: () => T) => T {
  const known = new WeakMap<object, { readonly others: readonly unknown[]; readonly made: T }>();
  return (from, others, make) => {
    const last = known.get(from);
    if (last && last.others.every((other, index) => other === others[index])) return last.made;
    const made = make();
    known.set(from, { others, made });
    return made;
  };
}

const TEXTS = new WeakMap<object, string>();

/**
 * A list or object with a text of its own from now on; nobody may change it, since it ends up in many patches. It is not frozen:
 * that would add a tenth to the review of the first pod of an owner.
 */
export function shared<T extends JsonObject | readonly Json[]>(value: T): T {
  TEXTS.set(value, JSON.stringify(value));
  return value;
}

/** An object whose lists and objects are shared, one by one: what a container has in common with others. */
export function sharedMembers(object: JsonObject): JsonObject {
  for (const member of Object.values(object)) if (typeof member === 'object' && member !== null) shared(member);
  return object;
}

/** As JSON.stringify, to the letter. Looks up the text of what is shared, down to the members of objects in a list. */
export function jsonText(value: Json): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return TEXTS.get(value) ?? (isList(value) ? `[${value.map(jsonText).join(',')}]` : objectText(value));
}

const isList = (value: readonly Json[] | JsonObject): value is readonly Json[] => Array.isArray(value);

const objectText = (object: JsonObject): string => {
  let text = '';
  for (const key of Object.keys(object)) {
    const member = object[key];
    if (member === undefined) continue;
    const known = typeof member === 'object' && member !== null ? TEXTS.get(member) : undefined;
    text += `${text === '' ? '' : ','}${quoted(key)}:${known ?? JSON.stringify(member)}`;
  }
  return `{${text}}`;
};

/**
 * A text as JSON. Paths and keys of patches are few and the same in every one, and so is the configuration of an agent within
 * a rollout; whoever writes patches of their own can bring any, so that what is kept is bounded.
 */
export function quoted(text: string): string {
  const known = QUOTED.get(text);
  if (known !== undefined) return known;
  const json = JSON.stringify(text);
  if (text.length > LONGEST_TEXT) return json;
  keptCharacters += json.length;
  if (keptCharacters > MOST_CHARACTERS) {
    QUOTED.clear();
    keptCharacters = json.length;
  }
  QUOTED.set(text, json);
  return json;
}

const QUOTED = new Map<string, string>();
let keptCharacters = 0;
const MOST_CHARACTERS = 256 * 1024;
const LONGEST_TEXT = 8 * 1024;
