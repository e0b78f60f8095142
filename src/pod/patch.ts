// JSON Patch (RFC 6902) built by intent: `add`, and `replace` of what was just read. Neither can fail on a document that has
// not changed, and a patch that does not apply rejects the pod even under failurePolicy Ignore.
import fastJsonPatch, { escapePathComponent, type Operation } from 'fast-json-patch';
import type { Json, JsonObject } from '../json/json.ts';

export interface PatchOperation {
  readonly op: 'add' | 'replace';
  readonly path: string;
  readonly value: Json;
}

/** A JSON Pointer (RFC 6901) from unescaped parts. */
export function pointer(...parts: readonly (string | number)[]): string {
  return parts.map((part) => `/${escapePathComponent(String(part))}`).join('');
}

/** Collects operations against one document and creates each missing parent exactly once. */
export interface PatchBuilder {
  /** Appends to the list at `path`, which is created when `exists` says that it is absent or not a list. */
  append(path: string, exists: boolean, values: readonly Json[]): void;
  /** Puts values at the head of the list at `path`, in their order. */
  prepend(path: string, exists: boolean, values: readonly Json[]): void;
  /** Sets a member of the object at `path`, which is created when `exists` says that it is absent. */
  set(path: string, exists: boolean, key: string, value: Json): void;
  /** Puts a value in the place of one that is known to be there. */
  replace(path: string, value: Json): void;
  readonly operations: readonly PatchOperation[];
}

/** A builder with no operations yet. */
export function patchBuilder(): PatchBuilder {
  const operations: PatchOperation[] = [];
  const created = new Map<string, Json[]>();
  const members = new Map<string, Record<string, Json>>();
  const add = (path: string, value: Json): void => {
    operations.push({ op: 'add', path, value });
  };
  const create = (path: string, values: readonly Json[]): void => {
    const list = [...values];
    created.set(path, list);
    add(path, list);
  };
  return {
    operations,
    append(path, exists, values) {
      if (values.length === 0) return;
      const list = created.get(path);
      if (list) list.push(...values);
      else if (exists) for (const value of values) add(`${path}/-`, value);
      else create(path, values);
    },
    prepend(path, exists, values) {
      if (values.length === 0) return;
      const list = created.get(path);
      if (list) list.unshift(...values);
      else if (exists) for (const value of values.toReversed()) add(`${path}/0`, value);
      else create(path, values);
    },
    set(path, exists, key, value) {
      const object = members.get(path);
      if (object) object[key] = value;
      else if (exists) add(`${path}${pointer(key)}`, value);
      else {
        const fresh: Record<string, Json> = { [key]: value };
        members.set(path, fresh);
        add(path, fresh);
      }
    },
    replace(path, value) {
      operations.push({ op: 'replace', path, value });
    },
  };
}

/** The pod with the patch applied; the given one stays as it is. Throws when an operation does not apply. */
export function patchedPod(pod: JsonObject, patch: readonly PatchOperation[]): JsonObject {
  return fastJsonPatch.applyPatch(structuredClone(pod), structuredClone(patch) as Operation[], true).newDocument;
}
