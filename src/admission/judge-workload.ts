// What the pods of a workload would get, as warnings for the author of the workload.
import { isObject, objectAt, objectsOf, textOf, type Json, type JsonObject } from '../json/json.ts';
import { KINDS } from '../pod/template-kinds.ts';
import { withTokenVolume } from '../pod/token-volume.ts';
import { admitPod, type AdmissionContext, type AdmissionResult } from './admit.ts';

/** A workload is never denied or changed. */
const ADMITTED = { decision: 'skipped', patch: [], problems: [], needs: [] } as const;

/**
 * Judges the pod template of an admission request as if its pod were created now. Nothing is reported for an update that leaves the
 * template as it is, such as a new number of replicas or a status, nor for an object that a controller creates: its warnings would
 * reach no person.
 */
export function judgeWorkload(request: JsonObject, context: AdmissionContext): AdmissionResult {
  const object = objectAt(request, 'object');
  const template = templateOf(request, object);
  if (!object || !template) return { ...ADMITTED, reason: 'not-a-pod', warnings: [] };
  const before = templateOf(request, objectAt(request, 'oldObject'));
  if (isControlled(object) || (before && JSON.stringify(before) === JSON.stringify(template)))
    return { ...ADMITTED, reason: 'not-created', warnings: [] };
  const namespace = textOf(request, 'namespace') ?? '';
  const { problems, warnings, ...result } = admitPod(podOf(template, namespace), namespace, context);
  const { reason, needs } = result;
  return { ...ADMITTED, reason, needs, warnings: [...new Set([...problems, ...warnings])] };
}

const templateOf = (request: JsonObject, object: JsonObject | undefined): JsonObject | undefined => {
  const kind = objectAt(request, 'kind');
  const name = textOf(kind, 'kind') ?? '';
  const rows = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
  const row = rows?.find(({ groups }) => groups.includes(textOf(kind, 'group') ?? ''));
  if (!row || row.template.length === 0) return undefined;
  const found = row.template.reduce<Json | undefined>((value, key) => (isObject(value) ? value[key] : undefined), object);
  return isObject(found) ? found : undefined;
};

const isControlled = (object: JsonObject): boolean =>
  objectsOf(objectAt(object, 'metadata')?.['ownerReferences']).some(({ controller }) => controller === true);

/** The pod as the ServiceAccount admission plugin would send it to the webhook. */
const podOf = (template: JsonObject, namespace: string): JsonObject =>
  withTokenVolume(
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...objectAt(template, 'metadata'), namespace },
      spec: template['spec'] ?? {},
    },
    undefined,
  ).pod;
