// Drift: whether Vault has the desired document. Both sides are brought into one canonical form, because servers return values in
// another form than they were written, such as 1h as 3600.
import { type Json, type JsonObject, isObject } from '../json/json.ts';
import { JWT_CONFIG_FORMS, KUBERNETES_CONFIG_FORMS, TUNE_FORMS } from './config-document.ts';
import { ROLE_FORMS } from './role-document.ts';
import { secondsOf } from './schema.ts';
import type { Difference } from './common-fields.ts';

/** How a field is compared; how servers change values was observed on Vault 1.21.1 and OpenBao 2.4.0. */
export type Form =
  | 'seconds'
  | 'lease'
  | 'number'
  | 'flag'
  | 'text'
  | 'lowerText'
  | 'set'
  | 'lowerSet'
  | 'cidrs'
  | 'pem'
  | 'pems'
  | 'map'
  | 'secretMap'
  | 'present';

/** How each field of a document is compared, by the name of the field. */
export type Forms = Readonly<Record<string, Form>>;

const FORMS = {
  kubernetesRole: ROLE_FORMS.kubernetes,
  jwtRole: ROLE_FORMS.jwt,
  kubernetesConfig: KUBERNETES_CONFIG_FORMS,
  jwtConfig: JWT_CONFIG_FORMS,
  tune: TUNE_FORMS,
} as const satisfies Readonly<Record<string, Forms>>;

export type DocumentForm = keyof typeof FORMS;

/** A status holds at most this many characters of a value. */
const MAX_SHOWN = 256;

/**
 * The fields of `desired` that differ in Vault. An absent field, null and an empty value are the zero of the field. Not compared
 * are fields that `desired` does not have, and values that Vault does not return: of those, whether one is set.
 */
export function differences(desired: JsonObject, actual: JsonObject, form: DocumentForm): readonly Difference[] {
  const forms: Forms = FORMS[form];
  return Object.keys(desired).flatMap((field) => {
    const fieldForm = forms[field] ?? 'map';
    // Vault returns the default of the server for a lease of 0: that is no drift.
    if (fieldForm === 'lease' && canonical(desired[field], fieldForm) === '0s') return [];
    const [expected, found] =
      fieldForm === 'present'
        ? presence(field, desired, actual)
        : [canonical(desired[field], fieldForm), canonical(actual[field], fieldForm)];
    if (expected === found) return [];
    return [{ field, desired: cut(expected), actual: fieldForm === 'secretMap' && found !== '' ? NOT_SHOWN : cut(found) }];
  });
}

const NOT_SHOWN = '(not shown: it can hold secrets)';

const presence = (field: string, desired: JsonObject, actual: JsonObject): readonly [string, string] => {
  const found = actual[`${field}_set`];
  const expected = desired[field] === '' || desired[field] === undefined ? 'absent' : 'set';
  // Vault before 1.16 does not return whether it is set: assume no drift.
  return [expected, found === undefined ? expected : found === true ? 'set' : 'absent'];
};

const canonical = (value: Json | undefined, form: Exclude<Form, 'present'>): string => {
  switch (form) {
    case 'seconds':
    case 'lease':
      return `${typeof value === 'string' ? durationOf(value) : Number(value ?? 0)}s`;
    case 'number':
      return String(Number(value ?? 0));
    case 'flag':
      return String(value === true || value === 'true');
    case 'text':
      return typeof value === 'string' ? value : '';
    case 'lowerText':
      return typeof value === 'string' ? value.toLowerCase() : '';
    case 'set':
      return setOf(value, (item) => item);
    case 'lowerSet':
      return setOf(value, (item) => item.toLowerCase());
    case 'cidrs':
      return setOf(value, withoutHostMask);
    case 'pem':
      return typeof value === 'string' ? trimmedLines(value) : '';
    case 'pems':
      return setOf(value, trimmedLines);
    case 'map':
    case 'secretMap':
      return stable(value);
  }
};

/** Numbers as text are seconds; anything else is a duration. */
const durationOf = (text: string): number => (/^-?\d+$/.test(text) ? Number(text) : secondsOf(text));

const setOf = (value: Json | undefined, normalise: (item: string) => string): string => {
  const items = Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  return [...new Set(items.map(normalise))].toSorted().join(', ');
};

const withoutHostMask = (network: string): string =>
  network.replace(network.includes(':') ? /\/128$/ : /\/32$/, '').toLowerCase();

const trimmedLines = (pem: string): string =>
  pem
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('\n');

/** Text of any value with the names of objects in order; nothing, null and what is empty are the same. */
const stable = (value: Json | undefined): string => {
  if (value === undefined || value === null || value === '') return '';
  if (Array.isArray(value)) return value.length === 0 ? '' : `[${value.map(stable).join(', ')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const entries = Object.keys(value)
    .toSorted()
    .map((key) => `${key}: ${stable(value[key])}`);
  return entries.length === 0 ? '' : `{${entries.join(', ')}}`;
};

const cut = (text: string): string => (text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN - 1)}…` : text);
