// Values in what Vault answers, as exports need them: what is absent or of another type counts as its zero.
import type { Json, JsonObject } from '../pod/manifest.ts';

/** What could not be said in a manifest, or is said otherwise there. */
export interface Note {
  /** Of what: the mount, its configuration, or a role. */
  readonly subject: string;
  readonly reason: string;
  /** False: there is no manifest for the subject. */
  readonly expressed: boolean;
}

export const text = (document: JsonObject, key: string): string => {
  const value = document[key];
  return typeof value === 'string' ? value : '';
};
export const number = (document: JsonObject, key: string): number => {
  const value = document[key];
  return typeof value === 'number' ? value : 0;
};
export const isSet = (document: JsonObject, key: string): boolean => document[key] === true;
/** Texts of a list; one text counts as a list of it. */
export const texts = (value: Json | undefined): readonly string[] =>
  typeof value === 'string'
    ? value === ''
      ? []
      : [value]
    : Array.isArray(value)
      ? value.filter((item) => typeof item === 'string')
      : [];
/** Whether a value says anything at all. */
export const isGiven = (value: Json | undefined): boolean =>
  value !== undefined &&
  value !== null &&
  value !== '' &&
  value !== 0 &&
  value !== false &&
  JSON.stringify(value) !== '[]' &&
  JSON.stringify(value) !== '{}';
