// The end of each reconcile: from conditions and status fields to the status of the object, and to the next run.
import { type ConditionUpdate, mergeConditions, readyCondition } from '../../resources/condition.ts';
import type { KindName } from '../../resources/kinds.ts';
import type { ControllerContext, Objects, ReconcileResult } from './context.ts';

/** `backOff`: the run failed, and the queue retries it with back-off. */
export type NextRun = { readonly afterMs: number } | 'backOff';

/** The retry of a failed run: after what the server asked for (Retry-After in milliseconds), or else with back-off. */
export function retryAfter(retryAfterMs: number | undefined): NextRun {
  return retryAfterMs === undefined ? 'backOff' : { afterMs: retryAfterMs };
}

/** What a reconcile reached, as data. */
export interface ObjectResult<Update extends ConditionUpdate, Status> {
  /** All but Ready, the most important first. */
  readonly conditions: readonly Update[];
  /** All fields but `conditions` and `observedGeneration`. */
  readonly status: Status;
  readonly next: NextRun;
}

/** Writes the status with the condition Ready, in which the types in `notPartOfReady` do not count. Throws for `backOff`. */
export async function reportStatus<K extends KindName>(
  context: Pick<ControllerContext, 'kube' | 'clock'>,
  kind: K,
  object: Objects[K],
  { conditions, status, next }: ObjectResult<ConditionUpdate, NonNullable<Objects[K]['status']>>,
  notPartOfReady: readonly string[] = [],
): Promise<ReconcileResult> {
  const { generation } = object.metadata;
  const ready = readyCondition(conditions, notPartOfReady);
  await context.kube.writeStatus(kind, object, {
    ...status,
    observedGeneration: generation,
    conditions: mergeConditions(
      object.status?.conditions ?? [],
      [...conditions, ready],
      generation,
      new Date(context.clock.now()).toISOString(),
    ),
  });
  if (next === 'backOff') throw new Error(ready.message);
  return { requeueAfterMs: next.afterMs };
}

/** An Event when the object becomes ready or stops being ready. */
export function emitReadyEvent(
  { report }: Pick<ControllerContext, 'report'>,
  object: Objects['VaultEndpoint' | 'VaultAuthBackend'],
  ready: ConditionUpdate,
): void {
  const before = object.status?.conditions?.find(({ type }) => type === 'Ready');
  if (before?.status === ready.status || ready.status === 'Unknown') return;
  report.emitEvent(object, ready.status === 'True' ? 'Normal' : 'Warning', ready.reason, ready.message);
}

/** Writes the condition Deletable of an object whose deletion cannot end yet; its other conditions stay. */
export async function reportDeletable<K extends 'VaultACLPolicy' | 'VaultAuthRole'>(
  { kube, clock }: Pick<ControllerContext, 'kube' | 'clock'>,
  kind: K,
  object: Objects[K],
  deletable: ConditionUpdate & { readonly type: 'Deletable' },
): Promise<void> {
  const before = object.status?.conditions ?? [];
  const others = before.filter(({ type }) => type !== 'Deletable');
  const time = new Date(clock.now()).toISOString();
  const conditions = mergeConditions(before, [...others, deletable], object.metadata.generation, time);
  await kube.writeStatus(kind, object, { ...object.status, conditions });
}
