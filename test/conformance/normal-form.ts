// One normal form for a recorded and an answered pod: a map from paths to leaves, in which list members with a name are found
// by that name and the order of a list is a leaf of its own.
import type { Json, JsonObject } from '../../src/json/json.ts';
import { isObject, objectsOf, textOf } from '../../src/json/json.ts';

export type Leaf = string | number | boolean | null;
export type Leaves = Map<string, Leaf>;

const CONFIG_VARIABLE = 'VAULT_CONFIG';

const decoded = (value: string): Json => {
  try {
    return { '#decoded': JSON.parse(Buffer.from(value, 'base64').toString('utf8')) as Json };
  } catch {
    return value;
  }
};

/** The generated configuration is compared as a document, not as base64 text. */
export function withDecodedConfig(pod: JsonObject): JsonObject {
  const copy = structuredClone(pod) as { spec?: { [list: string]: unknown } };
  for (const list of ['containers', 'initContainers'])
    for (const container of objectsOf(copy.spec?.[list]))
      for (const variable of objectsOf(container['env']) as { name?: string; value?: Json }[])
        if (variable.name === CONFIG_VARIABLE && typeof variable.value === 'string') variable.value = decoded(variable.value);
  return copy as JsonObject;
}

/** The member that identifies the objects of a list; mounts go by path, since one volume may be mounted twice. */
const identityOf = (list: readonly Json[]): string | undefined => {
  const isMounts = list.some((member) => isObject(member) && member['mountPath'] !== undefined);
  return ['name', 'mountPath', 'destination'].find(
    (key) =>
      !(key === 'name' && isMounts) &&
      list.length > 0 &&
      list.every((member) => isObject(member) && typeof member[key] === 'string') &&
      new Set(list.map((member) => (member as JsonObject)[key])).size === list.length,
  );
};

const escape = (part: string): string => part.replaceAll('~', '~0').replaceAll('/', '~1');

/** An empty lifecycle or resources is equal to an absent one. */
const SILENT_WHEN_EMPTY = /\/(?:lifecycle|resources)$/;

export function leavesOf(value: Json, path = '', leaves: Leaves = new Map()): Leaves {
  if (Array.isArray(value)) {
    const list: readonly Json[] = value;
    const key = identityOf(list);
    if (list.length === 0) leaves.set(path, '[]');
    else if (key === undefined) for (const [index, member] of list.entries()) leavesOf(member, `${path}/${index}`, leaves);
    else {
      const names = list.map((member) => textOf(member as JsonObject, key) ?? '');
      leaves.set(`${path}/#order`, names.join(' | '));
      for (const [index, member] of list.entries()) leavesOf(member, `${path}/{${escape(names[index] ?? '')}}`, leaves);
    }
  } else if (isObject(value)) {
    const members = Object.entries(value);
    if (members.length === 0 && !SILENT_WHEN_EMPTY.test(path)) leaves.set(path, '{}');
    for (const [key, member] of members) if (member !== undefined) leavesOf(member, `${path}/${escape(key)}`, leaves);
  } else leaves.set(path, value as Leaf);
  return leaves;
}

const CUSTOM = /^vault-secrets-custom-\d+$/;

/** Extra secret volumes by their mount path, since vault-k8s numbers them in random order (Q07). */
export function withNamedVolumes(pod: JsonObject): JsonObject {
  const copy = structuredClone(pod) as { spec?: { [list: string]: unknown } };
  const names = new Map<string, string>();
  const mounts = ['containers', 'initContainers'].flatMap((list) =>
    objectsOf(copy.spec?.[list]).flatMap(
      (container) => objectsOf(container['volumeMounts']) as { name: string; mountPath: string }[],
    ),
  );
  for (const mount of mounts) if (CUSTOM.test(mount.name)) names.set(mount.name, `vault-secrets-custom@${mount.mountPath}`);
  for (const named of [...mounts, ...(objectsOf(copy.spec?.['volumes']) as { name: string }[])])
    named.name = names.get(named.name) ?? named.name;
  return copy as JsonObject;
}
