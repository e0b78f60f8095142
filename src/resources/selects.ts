// Whether labels match a selector. Apart from its schema, so that the webhook can judge without the library of schemas.
import type { LabelSelector } from './selector.ts';

type Labels = Readonly<Record<string, string>>;

/**
 * Whether the labels match, as the API server judges it (apimachinery labels.Selector): NotIn and DoesNotExist hold for a
 * label that is absent. No selector matches nothing; an empty one matches everything.
 */
export function selectorMatches(wanted: LabelSelector | undefined, labels: Labels): boolean {
  return (
    wanted !== undefined &&
    Object.entries(wanted.matchLabels ?? {}).every(([key, value]) => valueOf(labels, key) === value) &&
    (wanted.matchExpressions ?? []).every(({ key, operator, values = [] }) => JUDGES[operator](valueOf(labels, key), values))
  );
}

/** What is not of the form of a selector, such as one of a later version, selects nothing. */
export function isSelector(value: Readonly<Record<string, unknown>>): value is LabelSelector {
  const { matchLabels = {}, matchExpressions = [] } = value;
  return isRecord(matchLabels) && Array.isArray(matchExpressions) && matchExpressions.every(isExpression);
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isExpression = (value: unknown): boolean =>
  isRecord(value) &&
  typeof value['operator'] === 'string' &&
  Object.hasOwn(JUDGES, value['operator']) &&
  (value['values'] === undefined || Array.isArray(value['values']));

type Judge = (value: string | undefined, values: readonly string[]) => boolean;
const JUDGES: Readonly<Record<NonNullable<LabelSelector['matchExpressions']>[number]['operator'], Judge>> = {
  In: (value, values) => value !== undefined && values.includes(value),
  NotIn: (value, values) => value === undefined || !values.includes(value),
  Exists: (value) => value !== undefined,
  DoesNotExist: (value) => value === undefined,
};

const valueOf = (labels: Labels, key: string): string | undefined => (Object.hasOwn(labels, key) ? labels[key] : undefined);
