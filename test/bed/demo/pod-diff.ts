// What injection added to a pod, as a unified diff against the template that it was made from. What the API server gives
// to every pod (defaults, tolerations, the general API token) is left out, by comparison with an uninjected pod.
import { createTwoFilesPatch } from 'diff';
import { stringify } from 'yaml';
import { isObject, type Json, type JsonObject } from '../../../src/json/json.ts';

export interface Pods {
  /** Pod template of the workload, as a person wrote it. */
  readonly template: JsonObject;
  /** The pod as the API server stored it. */
  readonly injected: JsonObject;
  /** The same template as a pod that was not injected, as the API server would store it. */
  readonly plain: JsonObject;
}

/** Lines of the diff, without the file header; empty when nothing was added. */
export function podDiff({ template, injected, plain }: Pods): readonly string[] {
  const before = shown(template);
  const after = withoutDefaults(shown(template), shown(injected), shown(plain), containerDefaults(template, plain));
  const patch = createTwoFilesPatch('template', 'pod', yaml(before), yaml(after), '', '', { context: 2 });
  return patch
    .split('\n')
    .slice(3)
    .filter((line) => line !== '' && !line.startsWith('\\'));
}

/** The parts of a pod that are compared: annotations, labels and spec. */
function shown(pod: JsonObject): Json {
  const metadata = isObject(pod['metadata']) ? pod['metadata'] : {};
  const { 'pod-template-hash': _, ...labels } = isObject(metadata['labels']) ? metadata['labels'] : {};
  const text = JSON.stringify({ metadata: { labels, annotations: metadata['annotations'] ?? {} }, spec: pod['spec'] ?? {} });
  // The volume of the general token ends in random letters.
  return json(text.replaceAll(/kube-api-access-[a-z0-9]{5}/g, 'kube-api-access'));
}

/** The actual value in the template's order, less defaults: what the template lacks and an uninjected pod has too. */
function withoutDefaults(template: Json | undefined, actual: Json, plain: Json | undefined, defaults: JsonObject): Json {
  if (Array.isArray(actual)) {
    const kept = actual.map((item): Json | undefined => {
      const [said, given] = [template, plain].map((list) => sameItem(list, item));
      if (said === undefined && given !== undefined) return undefined;
      return withoutDefaults(said, said === undefined ? asWritten(item, defaults) : item, given, defaults);
    });
    return kept.filter((item) => item !== undefined);
  }
  if (!isObject(actual)) return actual;
  const known = isObject(template) ? template : {};
  const ordinary = isObject(plain) ? plain : {};
  const keys = [...new Set([...Object.keys(known), ...Object.keys(actual)])].filter((key) => actual[key] !== undefined);
  const entries = keys.flatMap((key): [string, Json][] => {
    const value = actual[key] ?? null;
    if (known[key] === undefined && ordinary[key] !== undefined && same(ordinary[key], value)) return [];
    return [[key, withoutDefaults(known[key], value, ordinary[key], defaults)]];
  });
  return Object.fromEntries(entries);
}

/** An item that injection added, less the fields that the API server puts into every container. */
function asWritten(item: Json, defaults: JsonObject): Json {
  if (!isObject(item)) return item;
  const entries = Object.entries(item).filter(([key, value]) => defaults[key] === undefined || !same(defaults[key], value));
  return json(JSON.stringify(Object.fromEntries(entries)).replaceAll('"fieldRef":{"apiVersion":"v1",', '"fieldRef":{'));
}

/** Plain values that the first container has and its template lacks. */
function containerDefaults(template: JsonObject, plain: JsonObject): JsonObject {
  const said = firstContainer(template);
  const given = Object.entries(firstContainer(plain)).filter(([key, value]) => !(key in said) && !Array.isArray(value));
  return { resources: {}, ...Object.fromEntries(given) };
}

function firstContainer(pod: JsonObject): JsonObject {
  const containers = isObject(pod['spec']) ? pod['spec']['containers'] : undefined;
  const first: unknown = Array.isArray(containers) ? containers[0] : undefined;
  return isObject(first) ? first : {};
}

/** The item of a list that stands for the same thing: same name, same mount path, or else the same value. */
function sameItem(list: Json | undefined, item: Json): Json | undefined {
  if (!Array.isArray(list)) return undefined;
  const candidates: readonly Json[] = list;
  const key = isObject(item) ? ['mountPath', 'name'].find((name) => name in item) : undefined;
  if (!isObject(item) || key === undefined) return candidates.find((other) => covers(item, other));
  return candidates.find((other) => isObject(other) && other[key] === item[key]);
}

/** True when the item has every field of the other: the API server adds fields, for example a port's protocol. */
const covers = (item: Json, other: Json): boolean =>
  isObject(item) && isObject(other) ? Object.entries(other).every(([key, value]) => same(item[key], value)) : same(item, other);

const same = (left: Json | undefined, right: Json | undefined): boolean => yaml(left, true) === yaml(right, true);
const yaml = (value: Json | undefined, sorted = false): string => stringify(value, { lineWidth: 0, sortMapEntries: sorted });
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what JSON.parse gives is JSON
const json = (text: string): Json => JSON.parse(text) as Json;
