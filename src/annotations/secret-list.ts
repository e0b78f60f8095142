// The annotation that declares secrets as one list. Read strictly, and written out as the annotations that say the same one by
// one, so that a secret is the same secret however it was declared.
import { families, type FamilyKey } from './families.ts';
import type { AnnotationProblem } from './annotation-problems.ts';
import { label, UNREADABLE, type Kind } from './kind.ts';
import { nearestWord } from './suggest.ts';

/** A YAML document without types: every scalar is the text that stands there. */
export type YamlValue = string | readonly YamlValue[] | ReadonlyMap<string, YamlValue>;

/** Reads one document. Total: what cannot be read is a reason. A map must not have one key twice. */
export type ReadYaml = (document: string) => YamlValue | { readonly because: string };

/** One secret of the list. */
export interface ListedSecret {
  readonly name: string;
  /** Where it stands, for messages: the annotation and the place in the list. */
  readonly place: string;
  readonly fields: ReadonlyMap<ListedField, Value>;
}

export interface SecretList {
  readonly secrets: readonly ListedSecret[];
  readonly problems: readonly AnnotationProblem[];
}

/** Fields besides the name, and the annotation that each stands for. */
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
} as const satisfies Readonly<Record<string, FamilyKey>>;

export type ListedField = keyof typeof LISTED_FIELDS;
const isField = (name: string): name is ListedField => Object.hasOwn(LISTED_FIELDS, name);
const FIELDS = ['name', ...Object.keys(LISTED_FIELDS)];

/** More secrets than any pod reads; each can cost a template of its own in the agent. */
const MOST_SECRETS = 200;

const NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const NAME_WANTED = 'at most 63 letters, digits, dashes, dots and underscores, a letter or digit first and last';

interface Reader {
  readonly annotation: string;
  readonly problems: AnnotationProblem[];
}

/** The secrets of an annotation, and every problem that they have. */
export function readSecretList(annotation: string, raw: string, readYaml: ReadYaml): SecretList {
  const problems: AnnotationProblem[] = [];
  const document = readYaml(raw);
  const refuse = (reason: string): SecretList => ({
    secrets: [],
    problems: [{ code: 'secrets-unreadable', annotation, reason }],
  });
  if (typeof document === 'object' && 'because' in document) return refuse(document.because);
  if (!Array.isArray(document)) return refuse('expected a list, each entry with name and path, template or templateFile');
  const list: readonly YamlValue[] = document;
  if (list.length > MOST_SECRETS) return refuse(`${list.length} entries, ${MOST_SECRETS} are allowed`);
  const secrets = list.flatMap((entry, index) => readEntry(entry, `${annotation}[${index}]`, { annotation, problems }) ?? []);
  const places = new Map<string, string>();
  for (const { name, place } of secrets) {
    const other = places.get(name);
    if (other === undefined) places.set(name, place);
    else problems.push({ code: 'secret-duplicate', annotation: place, other, name });
  }
  return { secrets, problems };
}

const isMap = (value: YamlValue): value is ReadonlyMap<string, YamlValue> => value instanceof Map;

const readEntry = (entry: YamlValue, place: string, reader: Reader): ListedSecret | undefined => {
  const wrong = (field: string, expected: string): void => {
    reader.problems.push({ code: 'secret-field', annotation: `${place}${field}`, expected });
  };
  if (!isMap(entry)) {
    wrong('', `a map with name and path, template or templateFile`);
    return undefined;
  }
  const fields = new Map<ListedField, Value>();
  for (const [field, value] of entry) {
    if (field === 'name') continue;
    if (!isField(field)) {
      reader.problems.push({ code: 'secret-field-unknown', annotation: place, field, nearest: nearestWord(field, FIELDS) });
      continue;
    }
    const read = field === 'containers' ? readNames(value) : readText(value, families[LISTED_FIELDS[field]].kind);
    if (isUnread(read)) wrong(`.${field}`, read.wanted);
    else fields.set(field, read);
  }
  const name = entry.get('name');
  if (typeof name !== 'string' || !NAME.test(name)) {
    wrong('.name', NAME_WANTED);
    return undefined;
  }
  if (fields.has('template') && fields.has('templateFile')) wrong('', 'template or templateFile, not both');
  const isDeclared = ['path', 'template', 'templateFile'].some((field) => entry.has(field));
  if (!isDeclared) wrong('', 'path, template or templateFile, since without one there is nothing to render');
  return { name, place, fields };
};

interface Unread {
  readonly wanted: string;
}
type Value = string | boolean | readonly string[];

const isUnread = (read: Value | Unread): read is Unread => typeof read === 'object' && 'wanted' in read;

const readText = (value: YamlValue, kind: Kind<Value>): Value | Unread => {
  if (typeof value !== 'string' || value.trim() === '') return { wanted: 'text' };
  const read = kind.read(value);
  return read === UNREADABLE ? { wanted: kind.wanted } : read;
};

const readNames = (value: YamlValue): readonly string[] | Unread => {
  const names: readonly YamlValue[] = Array.isArray(value) ? value : [];
  const isNames = names.length > 0 && names.every((name) => typeof name === 'string' && label.read(name) !== UNREADABLE);
  return isNames ? (names as readonly string[]) : { wanted: 'a list of names of containers, with one at least' };
};
