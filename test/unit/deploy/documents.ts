// The manifests of this repository, parsed.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { isObject, textOf, type JsonObject } from '../../../src/json/json.ts';

const DEPLOY = join(import.meta.dirname, '..', '..', '..', 'deploy');

/** All objects of a file below deploy/. @throws when it is not well formed. */
export function objectsIn(file: string): readonly JsonObject[] {
  return parseAllDocuments(readFileSync(join(DEPLOY, file), 'utf8')).map((document) => {
    const [error] = document.errors;
    if (error) throw new Error(`${file}: ${error.message}`);
    const object: unknown = document.toJS();
    if (!isObject(object)) throw new Error(`${file} holds something that is no object`);
    return object;
  });
}

/** YAML files of a folder below deploy/, in the order of their names. */
export function filesIn(folder: string): readonly string[] {
  return readdirSync(join(DEPLOY, folder))
    .filter((name) => name.endsWith('.yaml'))
    .toSorted()
    .map((name) => `${folder}/${name}`);
}

/** The value at a path of keys and indices, or undefined. */
export function at(object: unknown, ...path: readonly (string | number)[]): unknown {
  let found = object;
  for (const key of path) found = typeof found === 'object' && found !== null ? Reflect.get(found, key) : undefined;
  return found;
}

/** The one object of a kind among those. @throws when there is none or more than one. */
export function only(objects: readonly JsonObject[], kind: string): JsonObject {
  const [object, another] = objects.filter((candidate) => textOf(candidate, 'kind') === kind);
  if (!object || another) throw new Error(`expected exactly one ${kind}`);
  return object;
}
