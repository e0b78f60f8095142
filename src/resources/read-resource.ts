// An object of one of our kinds from a file, as the API server would store it: with defaults, validated by the schema. Only the
// API server evaluates CEL rules.
import { Errors } from 'typebox/value';
import { isObject, type Json, type JsonObject, objectAt, textMap, textOf } from '../json/json.ts';
import type { VaultACLPolicy } from './acl-policy.ts';
import type { VaultAuthBackend } from './backend.ts';
import { definitions, structural } from './crd.ts';
import type { VaultEndpoint } from './endpoint.ts';
import { API_VERSION, type KindName, kinds } from './kinds.ts';
import type { VaultAuthRole } from './role.ts';
import type { Schema } from './schema.ts';

/** The type of each kind. */
export interface Resources {
  readonly VaultEndpoint: VaultEndpoint;
  readonly VaultAuthBackend: VaultAuthBackend;
  readonly VaultACLPolicy: VaultACLPolicy;
  readonly VaultAuthRole: VaultAuthRole;
}

export type ResourceReading<Name extends KindName> =
  | { readonly ok: true; readonly resource: Resources[Name] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** The kind of an object; undefined for an object of another API group. */
export function kindOf(object: JsonObject): KindName | undefined {
  const kind = textOf(object, 'kind');
  return object['apiVersion'] === API_VERSION && kind !== undefined && isKind(kind) ? kind : undefined;
}

const isKind = (kind: string): kind is KindName => Object.hasOwn(kinds, kind);

/** Reads an object of this kind. Metadata that only the API server sets (uid, generation) is empty. */
export function readResource<Name extends KindName>(kind: Name, object: JsonObject): ResourceReading<Name> {
  const { spec: schema } = definitions[kind];
  const spec = filled(structural(schema), object['spec'] ?? {});
  const metadata = objectAt(object, 'metadata');
  const name = textOf(metadata, 'name');
  const problems = [
    ...(name === undefined ? ['metadata.name is missing'] : []),
    ...problemsOf(schema, spec),
    ...unknownFields(structural(schema), spec, 'spec'),
  ];
  if (problems.length > 0 || name === undefined) return { ok: false, problems };
  const namespace = textOf(metadata, 'namespace');
  const resource = {
    apiVersion: API_VERSION,
    kind,
    metadata: {
      name,
      ...(kinds[kind].scope === 'Namespaced' ? { namespace: namespace ?? 'default' } : {}),
      uid: textOf(metadata, 'uid') ?? '',
      generation: 1,
      resourceVersion: '',
      labels: Object.fromEntries(textMap(metadata?.['labels'])),
      annotations: Object.fromEntries(textMap(metadata?.['annotations'])),
    },
    spec,
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- validated by the schema that the type comes from
  return { ok: true, resource: resource as unknown as Resources[Name] };
}

/** The value with the schema's defaults, filled in as the API server does: only below objects that exist. */
const filled = (schema: JsonObject, value: Json): Json => {
  const { items } = schema;
  if (Array.isArray(value)) return isObject(items) ? value.map((item) => filled(items, item)) : value;
  const properties = objectAt(schema, 'properties');
  if (!isObject(value) || !properties) return value;
  const result: Record<string, Json | undefined> = { ...value };
  for (const [key, member] of Object.entries(properties)) {
    if (!isObject(member)) continue;
    const given = value[key] ?? member['default'];
    if (given !== undefined && given !== null) result[key] = filled(member, given);
  }
  return result;
};

const problemsOf = (schema: Schema, spec: Json): readonly string[] =>
  Errors(schema, spec).map(({ instancePath, message }) => `spec${instancePath.replaceAll('/', '.')} ${message}`);

/** Fields that the schema does not have: the API server drops them, or rejects them under kubectl's default validation. */
const unknownFields = (schema: JsonObject, value: Json, path: string): readonly string[] => {
  if (Array.isArray(value)) {
    const { items } = schema;
    return isObject(items) ? value.flatMap((item, index) => unknownFields(items, item, `${path}.${index}`)) : [];
  }
  const properties = objectAt(schema, 'properties');
  if (!isObject(value) || !properties) return [];
  return Object.entries(value).flatMap(([key, member]) => {
    const field = properties[key];
    if (!isObject(field)) return [`unknown field "${path}.${key}"`];
    return member === undefined ? [] : unknownFields(field, member, `${path}.${key}`);
  });
};
