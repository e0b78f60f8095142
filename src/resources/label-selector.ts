// Label selectors: their schema, and whether labels match.
import { choice, list, optional, type ValueOf, struct, text, textMap } from './schema.ts';

const LABEL_KEY = '^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$';
const LABEL_VALUE = '^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$';

const requirement = struct(
  {
    key: text('Label key.', { min: 1, max: 317, pattern: LABEL_KEY }),
    operator: choice(['In', 'NotIn', 'Exists', 'DoesNotExist'], 'Relation of the label to the values.'),
    values: optional(
      list(
        text('A label value.', { max: 63, pattern: LABEL_VALUE }),
        'Values for In and NotIn; must be empty for Exists and DoesNotExist.',
        {
          max: 64,
          merge: 'atomic',
        },
      ),
    ),
  },
  'A requirement on one label.',
  {
    rules: [
      {
        rule: "self.operator in ['In', 'NotIn'] ? has(self.values) && self.values.size() > 0 : !has(self.values) || self.values.size() == 0",
        message: 'In and NotIn require values; Exists and DoesNotExist allow none',
      },
    ],
  },
);

/** A label selector (metav1.LabelSelector): an empty one matches everything; all requirements are ANDed. */
export function labelSelector(description: string) {
  return struct(
    {
      matchLabels: optional(textMap('Required labels and their values.', { max: 16, longest: 63 })),
      matchExpressions: optional(list(requirement, 'Further requirements.', { max: 16, merge: 'atomic' })),
    },
    description,
    { atomic: true },
  );
}

export type LabelSelector = ValueOf<ReturnType<typeof labelSelector>>;

type Labels = Readonly<Record<string, string>>;

/**
 * Whether the labels match, with the semantics of apimachinery's labels.Selector: NotIn and DoesNotExist match an absent label.
 * An undefined selector matches nothing; an empty one matches everything.
 */
export function selectorMatches(selector: LabelSelector | undefined, labels: Labels): boolean {
  return (
    selector !== undefined &&
    Object.entries(selector.matchLabels ?? {}).every(([key, value]) => valueOf(labels, key) === value) &&
    (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => OPERATORS[operator](valueOf(labels, key), values))
  );
}

type Operator = (value: string | undefined, values: readonly string[]) => boolean;
const OPERATORS: Readonly<Record<NonNullable<LabelSelector['matchExpressions']>[number]['operator'], Operator>> = {
  In: (value, values) => value !== undefined && values.includes(value),
  NotIn: (value, values) => value === undefined || !values.includes(value),
  Exists: (value) => value !== undefined,
  DoesNotExist: (value) => value === undefined,
};

const valueOf = (labels: Labels, key: string): string | undefined => (Object.hasOwn(labels, key) ? labels[key] : undefined);
