// Conditions: what of the old ones is kept, and what they sum up to.
import { type Condition, type ConditionUpdate, mergeConditions, readyCondition } from '../../../src/resources/condition.ts';
import { isObserved } from '../../../src/resources/common-fields.ts';
import { kubernetesBackend, webRole } from '../../support/objects.ts';

const finding = (type: string, status: ConditionUpdate['status'], reason = 'R', message = 'M'): ConditionUpdate => ({
  type,
  status,
  reason,
  message,
});
const condition = (type: string, status: ConditionUpdate['status'], time: string): Condition => ({
  ...finding(type, status, 'Old', 'Old'),
  observedGeneration: 1,
  lastTransitionTime: time,
});

describe('conditions', () => {
  const before = [condition('A', 'True', 'T1'), condition('B', 'True', 'T1'), condition('Gone', 'True', 'T1')];

  it('keep their transition time exactly while the status is the same', () => {
    expect(mergeConditions(before, [finding('A', 'True'), finding('B', 'False'), finding('C', 'Unknown')], 2, 'T2')).toEqual([
      { type: 'A', status: 'True', reason: 'R', message: 'M', observedGeneration: 2, lastTransitionTime: 'T1' },
      { type: 'B', status: 'False', reason: 'R', message: 'M', observedGeneration: 2, lastTransitionTime: 'T2' },
      { type: 'C', status: 'Unknown', reason: 'R', message: 'M', observedGeneration: 2, lastTransitionTime: 'T2' },
    ]);
  });

  it('that this reconcile did not reach keep the generation that they describe', () => {
    const updates = [finding('B', 'False'), ...before.filter(({ type }) => type === 'A')];
    const generations = mergeConditions(before, [...updates, readyCondition(updates.toReversed())], 2, 'T2').map(
      ({ type, observedGeneration }) => [type, observedGeneration],
    );
    expect(generations).toEqual([
      ['B', 2],
      ['A', 1],
      ['Ready', 2],
    ]);
  });

  it('have bounded messages', () => {
    const [long] = mergeConditions([], [finding('A', 'True', 'R', 'x'.repeat(10_000))], 1, 'T');
    expect(long?.message).toHaveLength(4096);
  });
});

describe('Ready', () => {
  it.each<[string, readonly ConditionUpdate[], string, string]>([
    ['of nothing', [], 'True', 'Ready'],
    ['of what is true', [finding('A', 'True')], 'True', 'Ready'],
    [
      'of something false',
      [finding('A', 'True'), finding('B', 'False', 'First'), finding('C', 'False', 'Second')],
      'False',
      'First',
    ],
    ['of something unknown', [finding('A', 'Unknown', 'Unseen'), finding('B', 'True')], 'Unknown', 'Unseen'],
    ['of both', [finding('A', 'Unknown', 'Unseen'), finding('B', 'False', 'Wrong')], 'False', 'Wrong'],
    ['of something that does not count', [finding('Apart', 'False', 'Wrong')], 'True', 'Ready'],
  ])('%s', (_what, findings, status, reason) => {
    expect(readyCondition(findings, ['Apart'])).toMatchObject({ type: 'Ready', status, reason });
  });
});

it('is Observe if one object is', () => {
  expect(isObserved(kubernetesBackend(), webRole())).toBe(false);
  expect(isObserved(kubernetesBackend({ managementPolicy: 'Observe' }), webRole())).toBe(true);
  expect(isObserved(kubernetesBackend(), webRole({ managementPolicy: 'Observe' }))).toBe(true);
});
