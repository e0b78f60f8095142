// The schema of label selectors; selects.ts says whether labels match.
import { choice, list, optional, type Stored, struct, text, textMap } from './schema.ts';

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

export type LabelSelector = Stored<ReturnType<typeof selector>>;
