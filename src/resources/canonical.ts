// Whether Vault has what was sent: both sides are brought into one form, since servers answer in other words than they were told.
import { type Json, type JsonObject, isObject } from '../json/json.ts';
import { JWT_CONFIG_FORMS, KUBERNETES_CONFIG_FORMS, TUNE_FORMS } from './config-document.ts';
import { ROLE_FORMS } from './role-document.ts';
import { secondsOf } from './schema.ts';
import type { Difference } from './common-fields.ts';

/** How a field is compared. What the servers do to values was seen on Vault 1.21.1 and OpenBao 2.4.0. */
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

/** Longer values are cut: they go into a status. */
const LONGEST = 256;

/**
 * The fields of `want` that Vault has otherwise. An absent field, null and an empty value count as the field's zero. Fields that
 * `want` does not name are not looked at, and neither are values that Vault does not show: of those, whether there is one.
 */
export function differences(want: JsonObject, got: JsonObject, form: DocumentForm): readonly Difference[] {
  const forms: Forms = FORMS[form];
  return Object.keys(want).flatMap((field) => {
    const how = forms[field] ?? 'map';
    // A lease of 0 comes back as what the server then uses: nothing can be said about it.
    if (how === 'lease' && canonical(want[field], how) === '0s') return [];
    const [wanted, found] =
      how === 'present' ? presence(field, want, got) : [canonical(want[field], how), canonical(got[field], how)];
    if (wanted === found) return [];
    return [{ field, want: cut(wanted), got: how === 'secretMap' && found !== '' ? NOT_SHOWN : cut(found) }];
  });
}

const NOT_SHOWN = '(not shown: it can hold secrets)';

const presence = (field: string, want: JsonObject, got: JsonObject): readonly [string, string] => {
  const found = got[`${field}_set`];
  const wanted = want[field] === '' || want[field] === undefined ? 'absent' : 'set';
  // Servers before Vault 1.16 do not tell: then it cannot be seen whether it differs.
  return [wanted, found === undefined ? wanted : found === true ? 'set' : 'absent'];
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

const cut = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);
