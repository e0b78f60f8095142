// What a pod has in all, as the API server's LimitRanger counts it (plugin/pkg/admission/limitranger, podRequests and podLimits).
import { amountsOf, RESOURCES, type Resource } from './limit-range.ts';
import { objectAt, objectsOf, textOf, type JsonObject } from '../json/json.ts';

export type Totals = Readonly<Record<Resource, bigint>>;

/**
 * Sum of the app containers and native sidecars, or what a single init container needs at its time, if that is more.
 * `isCounted` leaves containers out. What the pod itself says as a whole is not looked at.
 */
export function podTotal(pod: JsonObject, kind: 'requests' | 'limits', isCounted: (container: JsonObject) => boolean): Totals {
  const spec = objectAt(pod, 'spec');
  const sum: Record<Resource, bigint> = { cpu: 0n, memory: 0n, 'ephemeral-storage': 0n };
  const sidecars: Record<Resource, bigint> = { ...sum };
  const peak: Record<Resource, bigint> = { ...sum };
  const add = (to: Record<Resource, bigint>, container: JsonObject): void => {
    const amounts = amountsOf(objectAt(container, 'resources')?.[kind]);
    for (const resource of RESOURCES) to[resource] += amounts[resource] ?? 0n;
  };
  for (const container of objectsOf(spec?.['containers'])) if (isCounted(container)) add(sum, container);
  for (const container of objectsOf(spec?.['initContainers'])) {
    if (!isCounted(container)) continue;
    const isSidecar = textOf(container, 'restartPolicy') === 'Always';
    if (isSidecar) {
      add(sum, container);
      add(sidecars, container);
    }
    const now = { ...sidecars };
    if (!isSidecar) add(now, container);
    for (const resource of RESOURCES) if (now[resource] > peak[resource]) peak[resource] = now[resource];
  }
  for (const resource of RESOURCES) if (peak[resource] > sum[resource]) sum[resource] = peak[resource];
  return sum;
}
