// The annotation `secrets`, a YAML list. Each entry becomes the annotations that declare the same secret, so that both forms are
// read alike. Unknown fields and wrong values are problems.
import { families, type FamilyKey } from './families.ts';
import type { AnnotationProblem } from './annotation-problems.ts';
import { containerName } from './text-kinds.ts';
import { INVALID, readText, type ValueKind } from './value-kinds.ts';
import { readKey, type SecretKey } from './secret-key.ts';
import { nearestWord } from './suggest.ts';

/** A YAML document without types: every scalar is its text. */
export type YamlValue = string | readonly YamlValue[] | ReadonlyMap<string, YamlValue>;

/** Reads one document, or returns why it is invalid. A map must not have a key twice. */
export type ReadYaml = (document: string) => YamlValue | { readonly because: string };

/** One secret of the list. */
export interface ListedSecret {
  readonly name: string;
  /** The annotation and index, such as `vaultauth.dev/secrets[0]`. */
  readonly location: string;
  readonly fields: ReadonlyMap<ListedField, Value>;
  /** Environment variables by name. */
  readonly variables: ReadonlyMap<string, SecretKey>;
}

export interface SecretList {
  readonly secrets: readonly ListedSecret[];
  readonly problems: readonly AnnotationProblem[];
  readonly warnings: readonly AnnotationProblem[];
}

/** Fields besides the name, and the family of annotations that each corresponds to. */
export const LISTED_FIELDS = {
  path: 'secret',
  template: 'template',
  templateFile: 'templateFile',
  format: 'format',
  file: 'file',
  perms: 'perms',
  command: 'command',
  volumePath: 'volumePath',
  containers: 'containers',
  onChange: 'onChange',
} as const satisfies Readonly<Record<string, FamilyKey>>;

export type ListedField = keyof typeof LISTED_FIELDS;
const isField = (name: string): name is ListedField => Object.hasOwn(LISTED_FIELDS, name);
const FIELDS = ['name', 'env', ...Object.keys(LISTED_FIELDS)];
/** With `env`, a file is rendered only if one of these asks for it. */
const FILE_FIELDS: readonly ListedField[] = ['template', 'templateFile', 'format', 'file', 'perms', 'command', 'volumePath'];

/** More secrets than a pod uses; each can be a template of the agent. */
const MAX_SECRETS = 200;

const NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const NAME_EXPECTED = 'at most 63 letters, digits, dashes, dots and underscores, a letter or digit first and last';

/** The secrets of an annotation, and all their problems. */
export function readSecretList(annotation: string, raw: string, readYaml: ReadYaml): SecretList {
  const problems: AnnotationProblem[] = [];
  const warnings: AnnotationProblem[] = [];
  const document = readYaml(raw);
  const invalid = (reason: string): SecretList => ({
    secrets: [],
    warnings: [],
    problems: [{ code: 'secrets-unreadable', annotation, reason }],
  });
  if (typeof document === 'object' && 'because' in document) return invalid(document.because);
  if (!Array.isArray(document)) return invalid('expected a list, each entry with name and path, template or templateFile');
  const list: readonly YamlValue[] = document;
  if (list.length > MAX_SECRETS) return invalid(`${list.length} entries, at most ${MAX_SECRETS} are allowed`);
  const secrets = list.flatMap((entry, index) => readEntry(entry, `${annotation}[${index}]`, problems, warnings) ?? []);
  const locations = new Map<string, string>();
  for (const { name, location } of secrets) {
    const other = locations.get(name);
    if (other === undefined) locations.set(name, location);
    else problems.push({ code: 'secret-duplicate', annotation: location, other, name });
  }
  return { secrets, problems, warnings };
}

const isMap = (value: YamlValue): value is ReadonlyMap<string, YamlValue> => value instanceof Map;

const readEntry = (
  entry: YamlValue,
  location: string,
  problems: AnnotationProblem[],
  warnings: AnnotationProblem[],
): ListedSecret | undefined => {
  const report = (field: string, expected: string): void => {
    problems.push({ code: 'secret-field', annotation: `${location}${field}`, expected });
  };
  if (!isMap(entry)) {
    report('', `a map with name and path, template or templateFile`);
    return undefined;
  }
  const fields = new Map<ListedField, Value>();
  for (const [field, value] of entry) {
    if (field === 'name' || field === 'env') continue;
    if (!isField(field)) {
      problems.push({ code: 'secret-field-unknown', annotation: location, field, nearest: nearestWord(field, FIELDS) });
      continue;
    }
    const warn = (written: string, meant: string): void => {
      warnings.push({ code: 'annotation-corrected', annotation: `${location}.${field}`, value: written, meant });
    };
    const read = field === 'containers' ? readNames(value) : readField(value, families[LISTED_FIELDS[field]].kind, warn);
    if (isInvalid(read)) report(`.${field}`, read.expected);
    else fields.set(field, read);
  }
  const given = entry.get('name');
  const name = typeof given === 'string' ? given.trim() : '';
  if (!NAME.test(name)) {
    report('.name', NAME_EXPECTED);
    return undefined;
  }
  if (fields.has('template') && fields.has('templateFile')) report('', 'template or templateFile, not both');
  const isDeclared = ['path', 'template', 'templateFile'].some((field) => entry.has(field));
  if (!isDeclared && !entry.has('env')) report('', 'path, template or templateFile: without one there is nothing to render');
  const variables = readVariables(entry, fields, report);
  if (variables.size > 0 && !FILE_FIELDS.some((field) => fields.has(field))) {
    // All variables of a pod are in one file, so they have one action.
    if (fields.has('onChange')) warnings.push({ code: 'secret-on-change', annotation: `${location}.onChange` });
    fields.clear();
  }
  return { name, location, fields, variables };
};

const ENV_EXPECTED = 'a map of variables and keys of the secret, or a list of keys that are names of variables';

/** The field `env` of an entry. */
const readVariables = (
  entry: ReadonlyMap<string, YamlValue>,
  fields: ReadonlyMap<ListedField, Value>,
  report: (field: string, expected: string) => void,
): ListedSecret['variables'] => {
  const env = entry.get('env');
  const variables = new Map<string, SecretKey>();
  if (env === undefined) return variables;
  const path = fields.get('path');
  const containers = fields.get('containers');
  if (typeof path !== 'string') {
    report('.env', 'path in the same entry');
    return variables;
  }
  const pairs = isMap(env) ? [...env] : Array.isArray(env) ? env.map((key: YamlValue) => [nameOf(key), key] as const) : [];
  if (pairs.length === 0) report('.env', ENV_EXPECTED);
  for (const [name, key] of pairs) {
    const read = typeof key === 'string' ? readKey(path, key) : INVALID;
    if (read === INVALID) report(`.env${typeof name === 'string' && name !== '' ? `.${name}` : ''}`, ENV_EXPECTED);
    else variables.set(name, Array.isArray(containers) ? { ...read, containers: containers as readonly string[] } : read);
  }
  return variables;
};

/** The name of the variable that a list of keys names: `PORT?5432` is PORT. */
const nameOf = (key: YamlValue): string => (typeof key === 'string' ? (key.split('?', 1)[0] ?? '').trim() : '');

interface Invalid {
  readonly expected: string;
}
type Value = string | boolean | readonly string[];

const isInvalid = (read: Value | Invalid): read is Invalid => typeof read === 'object' && 'expected' in read;

const readField = (given: YamlValue, kind: ValueKind<Value>, warn: (written: string, meant: string) => void): Value | Invalid => {
  if (typeof given !== 'string' || given.trim() === '') return { expected: 'text' };
  const { raw, value, meant } = readText(kind, given);
  if (meant !== undefined) warn(raw, meant);
  return value === INVALID ? { expected: kind.expected } : value;
};

const readNames = (value: YamlValue): readonly string[] | Invalid => {
  const names: readonly YamlValue[] = Array.isArray(value) ? value : [];
  const isNames = names.length > 0 && names.every((name) => typeof name === 'string' && containerName.read(name) !== INVALID);
  return isNames ? (names as readonly string[]) : { expected: 'a list with at least one container name' };
};
