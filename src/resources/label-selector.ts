// Label selectors: their schema, and whether labels match.
import { choice, list, optional, type ValueOf, struct, text, textMap } from './schema.ts';

const LABEL_KEY = '^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$';
const LABEL_VALUE = '^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$';

const requirement = struct(
  {
    key: text('The key of the label.', { min: 1, max: 317, pattern: LABEL_KEY }),
    operator: choice(['In', 'NotIn', 'Exists', 'DoesNotExist'], 'How the label is held against the values.'),
    values: optional(
      list(text('A value.', { max: 63, pattern: LABEL_VALUE }), 'The values of In and NotIn; none for the others.', {
        max: 64,
        merge: 'atomic',
      }),
    ),
  },
  'One condition on one label.',
  {
    rules: [
      {
        rule: "self.operator in ['In', 'NotIn'] ? has(self.values) && self.values.size() > 0 : !has(self.values) || self.values.size() == 0",
        message: 'In and NotIn need values; Exists and DoesNotExist have none',
      },
    ],
  },
);

/** A selector as Kubernetes has it: an empty one matches everything; everything named must hold. */
export function selector(description: string) {
  return struct(
    {
      matchLabels: optional(textMap('Labels with these values.', { max: 16, longest: 63 })),
      matchExpressions: optional(list(requirement, 'Further conditions.', { max: 16, merge: 'atomic' })),
    },
    description,
    { atomic: true },
  );
}

export type LabelSelector = ValueOf<ReturnType<typeof selector>>;

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

type Judge = (value: string | undefined, values: readonly string[]) => boolean;
const JUDGES: Readonly<Record<NonNullable<LabelSelector['matchExpressions']>[number]['operator'], Judge>> = {
  In: (value, values) => value !== undefined && values.includes(value),
  NotIn: (value, values) => value === undefined || !values.includes(value),
  Exists: (value) => value !== undefined,
  DoesNotExist: (value) => value === undefined,
};

const valueOf = (labels: Labels, key: string): string | undefined => (Object.hasOwn(labels, key) ? labels[key] : undefined);
