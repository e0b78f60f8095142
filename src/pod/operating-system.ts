// The operating system of the nodes that a pod can run on, from every field that the scheduler and the API server obey.
import { objectAt, objectsOf, textOf, textsOf, type Json, type JsonObject } from '../json/json.ts';

/** Labels of nodes with their operating system; the kubelet sets both. */
const SYSTEM_LABELS = ['kubernetes.io/os', 'beta.kubernetes.io/os'];
/** A label that the kubelet sets on Windows nodes alone. */
const WINDOWS_BUILD_LABEL = 'node.kubernetes.io/windows-build';
const WINDOWS = 'windows';
const LINUX = 'linux';

/**
 * `windows`, `linux` or another name; undefined if nothing decides. `os.name` wins, then nodeSelector, then the required node
 * affinity. A runtime class needs no look: the API server copies its nodeSelector into the pod before webhooks run. Tolerations
 * allow Windows nodes and do not require them.
 */
export function operatingSystemOf(spec: JsonObject | undefined): string | undefined {
  if (!spec) return undefined;
  return (
    textOf(objectAt(spec, 'os'), 'name') ??
    ofNodeSelector(objectAt(spec, 'nodeSelector')) ??
    ofAffinity(objectAt(objectAt(spec, 'affinity'), 'nodeAffinity')) ??
    (hasWindowsOptions(spec) ? WINDOWS : undefined)
  );
}

const ofNodeSelector = (selector: JsonObject | undefined): string | undefined => {
  if (!selector) return undefined;
  const label = SYSTEM_LABELS.map((name) => textOf(selector, name)).find((value) => value !== undefined);
  return label ?? (selector[WINDOWS_BUILD_LABEL] === undefined ? undefined : WINDOWS);
};

/** Terms are alternatives: only a system that each of them requires is certain. */
const ofAffinity = (affinity: JsonObject | undefined): string | undefined => {
  const required = objectAt(affinity, 'requiredDuringSchedulingIgnoredDuringExecution');
  // A term without expressions and fields selects no node.
  const terms = objectsOf(required?.['nodeSelectorTerms']).filter(
    (term) => isFilled(term['matchExpressions']) || isFilled(term['matchFields']),
  );
  const systems = new Set(terms.map((term) => ofTerm(objectsOf(term['matchExpressions']))));
  return systems.size === 1 ? [...systems][0] : undefined;
};

const isFilled = (list: Json | undefined): boolean => Array.isArray(list) && list.length > 0;

const ofTerm = (expressions: readonly JsonObject[]): string | undefined =>
  expressions.map(ofExpression).find((system) => system !== undefined);

const ofExpression = (expression: JsonObject): string | undefined => {
  const key = textOf(expression, 'key') ?? '';
  const operator = textOf(expression, 'operator') ?? '';
  const values = textsOf(expression['values']);
  if (key === WINDOWS_BUILD_LABEL) return operator === 'NotIn' ? undefined : operator === 'DoesNotExist' ? LINUX : WINDOWS;
  if (!SYSTEM_LABELS.includes(key)) return undefined;
  if (operator === 'In') return values.length > 0 && values.every((value) => value === values[0]) ? values[0] : undefined;
  // Kubernetes has nodes of two systems: what excludes one requires the other.
  if (operator !== 'NotIn' || (values.includes(WINDOWS) && values.includes(LINUX))) return undefined;
  return values.includes(LINUX) ? WINDOWS : values.includes(WINDOWS) ? LINUX : undefined;
};

const LISTS = ['containers', 'initContainers', 'ephemeralContainers'] as const;

/** Options that only a Windows node can fulfil, such as a HostProcess container. `{}` is no request. */
const hasWindowsOptions = (spec: JsonObject): boolean =>
  [spec, ...LISTS.flatMap((list) => objectsOf(spec[list]))].some(
    (one) => Object.keys(objectAt(objectAt(one, 'securityContext'), 'windowsOptions') ?? {}).length > 0,
  );
