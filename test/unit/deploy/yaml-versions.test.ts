// F10, cdk8s-core 1230: kubectl reads YAML 1.1. What is shipped must mean the same to it as to a reader of YAML 1.2.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { isObject, textsOf } from '../../../src/json/json.ts';
import { crdOf } from '../../../src/resources/crd.ts';
import { kinds, type KindName } from '../../../src/resources/kinds.ts';
import { readDocuments } from '../../../src/yaml/documents.ts';
import { table } from '../../../src/annotations/table.ts';
import type { Row } from '../../../src/annotations/row.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..', '..');
const FILES = ['deploy', 'test/bed'].flatMap((folder) =>
  readdirSync(join(REPOSITORY, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml') && !name.includes('node_modules') && !name.startsWith('chart/templates/'))
    .map((name) => `${folder}/${name}`)
    .toSorted(),
);

it.each(FILES)('F10 %s reads alike in YAML 1.1 and 1.2, and in kubectl', (file) => {
  const text = readFileSync(join(REPOSITORY, file), 'utf8');
  const valuesIn = (version: '1.1' | '1.2'): unknown[] =>
    parseAllDocuments(text, { version }).map((one) => one.toJS() as unknown);
  expect(valuesIn('1.1')).toEqual(valuesIn('1.2'));
  expect(readDocuments({ file, text }).documents.map(({ value }) => value)).toEqual(valuesIn('1.2'));
});

const DOCUMENTS = ['README.md', ...readdirSync(join(REPOSITORY, 'docs/guides')).map((name) => `docs/guides/${name}`)];

it.each(DOCUMENTS)('F10 the manifests that %s quotes read alike in YAML 1.1 and 1.2', (file) => {
  const blocks = [...readFileSync(join(REPOSITORY, file), 'utf8').matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(
    ([, text = '']) => text,
  );
  const valuesIn = (version: '1.1' | '1.2'): unknown[] =>
    blocks.flatMap((text) => parseAllDocuments(text, { version, logLevel: 'silent' }).map((one) => one.toJS() as unknown));
  expect(valuesIn('1.1')).toEqual(valuesIn('1.2'));
});

/** Every word of an enum in a schema, with its path. */
const wordsIn = (schema: unknown, path: string): readonly (readonly [string, string])[] => {
  if (Array.isArray(schema)) return schema.flatMap((member) => wordsIn(member, path));
  if (!isObject(schema)) return [];
  return Object.entries(schema).flatMap(([key, value]) =>
    key === 'enum' ? textsOf(value).map((word) => [path, word] as const) : wordsIn(value, `${path}.${key}`),
  );
};

/** The status of a condition is of Kubernetes' own type, and only the controller writes it. */
const isConditionStatus = (path: string): boolean => path.endsWith('.conditions.items.properties.status');

it('F10 no word of our enums is anything but text in YAML 1.1', () => {
  const ofKinds = Object.keys(kinds).flatMap((kind) => wordsIn(crdOf(kind as KindName), kind));
  // Words of vault-k8s stay as they are, such as those of agent-cache-use-auto-auth-token. The kind of a row with a choice is named after its words: `native | compat`.
  const ofAnnotations = Object.entries<Row<unknown>>(table).flatMap(([key, { kind, own }]) =>
    own && kind.name.includes(' \\| ') ? kind.name.split(' \\| ').map((word) => [key, word] as const) : [],
  );
  expect(ofKinds.length).toBeGreaterThan(40);
  expect(ofAnnotations.length).toBeGreaterThan(10);
  const misread = [...ofKinds, ...ofAnnotations].filter(
    ([path, word]) => parse(word, { version: '1.1' }) !== word && !isConditionStatus(path),
  );
  expect(misread).toEqual([]);
});
