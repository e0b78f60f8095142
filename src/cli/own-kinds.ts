// Objects of our four kinds from files: what `policy` and others are told with -f.
import { isObject, objectAt, objectsOf, textOf, type Json, type JsonObject } from '../json/json.ts';
import type { KindName } from '../resources/kinds.ts';
import { kindOf, readResource, type Resources } from '../resources/read-resource.ts';
import { readDocuments } from '../yaml/document.ts';
import { readSources } from '../yaml/sources.ts';

export type OwnKinds = { readonly [Name in KindName]: readonly Resources[Name][] } & {
  /** One line each, with file and line. */
  readonly problems: readonly string[];
};

/** Reads files, directories and standard input (-); objects of other kinds are passed over. */
export async function readOwnKinds(names: readonly string[], stdin: () => Promise<string>): Promise<OwnKinds> {
  const { texts, problems } = await readSources(names, stdin);
  const found = { VaultEndpoint: [], VaultAuthBackend: [], VaultACLPolicy: [], VaultAuthRole: [] } as {
    readonly [Name in KindName]: Resources[Name][];
  };
  const all = [...problems];
  for (const text of texts) {
    const { documents, problems: unread } = readDocuments(text);
    all.push(...unread);
    for (const { value, lineOf, start } of documents)
      for (const object of membersOf(value)) {
        const kind = kindOf(object);
        if (kind !== undefined) all.push(...keep(kind, object, found).map((what) => `${text.file}:${lineOf(start)}: ${what}`));
      }
  }
  return { ...found, problems: all };
}

/** The objects of a List, or the one object. */
const membersOf = (value: Json): readonly JsonObject[] => {
  if (!isObject(value)) return [];
  return value['kind'] === 'List' ? objectsOf(value['items']) : [value];
};

const keep = (
  kind: KindName,
  object: JsonObject,
  found: { readonly [Each in KindName]: Resources[Each][] },
): readonly string[] => {
  const reading = readResource(kind, object);
  const name = textOf(objectAt(object, 'metadata'), 'name') ?? 'without name';
  if (!reading.ok) return reading.problems.map((problem) => `${kind} ${name}: ${problem}`);
  (found[kind] as Resources[KindName][]).push(reading.resource);
  return [];
};
