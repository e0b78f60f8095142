// Whether raw JSON is a pod that can be worked on: only the parts that injection reads.
import type { PodProblem } from './pod-problems.ts';
import { isObject, objectAt, type Json, type JsonObject } from '../json/json.ts';

const malformed = (path: string, expected: string): PodProblem => ({ code: 'pod-malformed', path, expected });

const isAbsent = (value: Json | undefined): boolean => value === undefined || value === null;

/** The path is only formed when there is something to say: a large pod has hundreds of lists. */
const checkList = (value: Json | undefined, path: () => string): readonly PodProblem[] => {
  if (isAbsent(value)) return NOTHING;
  if (!Array.isArray(value)) return [malformed(path(), 'a list')];
  const index = value.findIndex((member) => !isObject(member));
  return index === -1 ? NOTHING : [malformed(`${path()}[${index}]`, 'an object')];
};

const NOTHING: readonly PodProblem[] = [];

const checkContainers = (spec: JsonObject, key: string): readonly PodProblem[] => {
  const list = spec[key];
  const found = checkList(list, () => `spec.${key}`);
  if (found.length > 0 || !Array.isArray(list)) return found;
  return list.flatMap((container: JsonObject, index) => [
    ...checkList(container['volumeMounts'], () => `spec.${key}[${index}].volumeMounts`),
    ...checkList(container['env'], () => `spec.${key}[${index}].env`),
  ]);
};

const checkTexts = (value: Json | undefined, path: string): PodProblem[] => {
  if (isAbsent(value)) return [];
  if (!isObject(value)) return [malformed(path, 'an object')];
  const bad = Object.entries(value).find(([, text]) => typeof text !== 'string');
  return bad ? [malformed(`${path}[${JSON.stringify(bad[0])}]`, 'text')] : [];
};

/** Everything about the shape of the object that keeps it from being injected. */
export function checkPod(object: Json | undefined): PodProblem[] {
  if (!isObject(object)) return [malformed('object', 'an object')];
  const found: PodProblem[] = [];
  for (const key of ['metadata', 'spec'] as const) if (!isObject(object[key])) found.push(malformed(key, 'an object'));
  const metadata = objectAt(object, 'metadata');
  const spec = objectAt(object, 'spec');
  if (metadata)
    found.push(
      ...checkTexts(metadata['annotations'], 'metadata.annotations'),
      ...checkTexts(metadata['labels'], 'metadata.labels'),
    );
  if (spec)
    found.push(
      ...checkContainers(spec, 'containers'),
      ...checkContainers(spec, 'initContainers'),
      ...checkList(spec['volumes'], () => 'spec.volumes'),
    );
  return found;
}
