// Values in what Vault answers, as exports need them: what is absent or of another type counts as its zero.
import type { Json, JsonObject } from '../json/json.ts';

/** What could not be said in a manifest, or is said otherwise there. */
export interface Note {
  /** Of what: the mount, its configuration, or a role. */
  readonly subject: string;
  readonly reason: string;
  /** False: there is no manifest for the subject. */
  readonly expressed: boolean;
}

export function text(document: JsonObject, key: string): string {
  const value = document[key];
  return typeof value === 'string' ? value : '';
}
export function number(document: JsonObject, key: string): number {
  const value = document[key];
  return typeof value === 'number' ? value : 0;
}
export function isSet(document: JsonObject, key: string): boolean {
  return document[key] === true;
}
/** Texts of a list; one text counts as a list of it. */
export function texts(value: Json | undefined): readonly string[] {
  return typeof value === 'string'
    ? value === ''
      ? []
      : [value]
    : Array.isArray(value)
      ? value.filter((item) => typeof item === 'string')
      : [];
}
/** Whether a value says anything at all. */
export function isGiven(value: Json | undefined): boolean {
  return (
    value !== undefined &&
    value !== null &&
    value !== '' &&
    value !== 0 &&
    value !== false &&
    JSON.stringify(value) !== '[]' &&
    JSON.stringify(value) !== '{}'
  );
}
