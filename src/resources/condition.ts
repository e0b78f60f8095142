// Conditions of an object's status (metav1.Condition), with one table of types and reasons for each kind, as the Gateway API does.
import { choice, integer, list, type ValueOf, struct, text, timeText } from './schema.ts';

/** One condition (metav1.Condition). */
export const conditionSchema = struct(
  {
    type: text('Type of the condition; "Ready" summarises the others.', { min: 1, max: 64 }),
    status: choice(
      ['True', 'False', 'Unknown'],
      'Status of the condition. Unknown: not reconciled yet, or not observable at present.',
    ),
    reason: text('Machine-readable reason of the last transition.', {
      min: 1,
      max: 128,
      pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
    }),
    message: text('Human-readable details, with the remedy.', { max: 32768 }),
    observedGeneration: integer('Generation of the spec that the condition describes.', { min: 0, max: Number.MAX_SAFE_INTEGER }),
    lastTransitionTime: timeText('When the status of the condition last changed.'),
  },
  'A condition of the object.',
);

/** All conditions of an object, one of each type. */
export const conditionsSchema = list(
  conditionSchema,
  'Conditions of the object; "kubectl wait --for=condition=Ready" works with each type.',
  {
    max: 16,
    merge: { keys: ['type'] },
  },
);

export type Condition = ValueOf<typeof conditionSchema>;

/** A condition as a reconciler returns it, without times. */
export interface ConditionUpdate {
  readonly type: string;
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
  /** Of a condition that this reconcile did not reach: the generation that it describes. Undefined: the current one. */
  readonly observedGeneration?: number | undefined;
}

/** The updates that a table of condition types and reasons allows. */
export type ConditionUpdateOf<Reasons extends Readonly<Record<string, readonly string[]>>> = {
  readonly [Type in keyof Reasons & string]: ConditionUpdate & { readonly type: Type; readonly reason: Reasons[Type][number] };
}[keyof Reasons & string];

/** Longer messages are cut: enough for the drift of a role, far below the limit of the API. */
const MAX_MESSAGE = 4096;

/**
 * The conditions of a status: exactly those of this reconcile. A condition with unchanged status keeps its last transition time;
 * the others get `time` (RFC 3339). `generation` is that of the spec that was reconciled.
 */
export function mergeConditions(
  before: readonly Condition[],
  now: readonly ConditionUpdate[],
  generation: number,
  time: string,
): readonly Condition[] {
  return now.map(({ type, status, reason, message, observedGeneration = generation }) => {
    const old = before.find((condition) => condition.type === type);
    return {
      type,
      status,
      reason,
      message: message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE - 1)}…` : message,
      observedGeneration,
      lastTransitionTime: old?.status === status ? old.lastTransitionTime : time,
    };
  });
}

/**
 * The condition Ready: status, reason and message of the first condition that is False, otherwise of the first that is Unknown.
 * Types in `excluded` do not count.
 */
export function readyCondition(updates: readonly ConditionUpdate[], excluded: readonly string[] = []): ConditionUpdate {
  const counted = updates.filter(({ type }) => !excluded.includes(type));
  const worst = counted.find(({ status }) => status === 'False') ?? counted.find(({ status }) => status === 'Unknown');
  return worst
    ? { type: 'Ready', status: worst.status, reason: worst.reason, message: worst.message }
    : { type: 'Ready', status: 'True', reason: 'Ready', message: 'Everything is as declared.' };
}
