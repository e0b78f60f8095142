// JSON Patch (RFC 6902) of the received pod: only `add`, and `replace` of an existing agent. Neither can fail on the same document;
// a patch that does not apply rejects the pod even under failurePolicy Ignore.
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

/** Collects operations for one document. A missing parent is created by the first operation that needs it. */
export interface PatchBuilder {
  /** Appends to the list at `path`; creates the list unless it `exists`. */
  append(path: string, exists: boolean, values: readonly Json[]): void;
  /** Inserts a value before the member that the list at `path` has at `index`; members behind it get another index. */
  insert(path: string, index: number, value: Json): void;
  /** Sets a member of the object at `path`; creates the object unless it `exists`. */
  set(path: string, exists: boolean, key: string, value: Json): void;
  /** Replaces an existing value. */
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
    insert(path, index, value) {
      add(`${path}/${index}`, value);
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

/** A copy of the pod with the patch applied. Throws if an operation does not apply. */
export function patchedPod(pod: JsonObject, patch: readonly PatchOperation[]): JsonObject {
  return fastJsonPatch.applyPatch(structuredClone(pod), structuredClone(patch) as Operation[], true).newDocument;
}
