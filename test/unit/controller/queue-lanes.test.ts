// Which item of the queue is next, and what it runs as.
import { queueLanes, type Turn } from '../../../src/controller/runtime/queue-lanes.ts';

const kindOf = (item: string): string => item.split('/')[0] ?? '';
const turns = (lanes: ReturnType<typeof queueLanes>): readonly Turn[] => {
  const taken: Turn[] = [];
  for (let turn = lanes.take(); turn; turn = lanes.take()) taken.push(turn);
  return taken;
};
const many = (count: number, run: (item: string) => void): void =>
  Array.from({ length: count }, (_, index) => `role/${index}`).forEach(run);

test.each([
  [16, 8, 15],
  [3, 2, 2],
  [2, 1, 1],
  [1, 1, 1],
])('of %i workers routine runs have %i, and one lane %i', (workers, routine, lane) => {
  const lanes = queueLanes(workers, kindOf);
  many(40, (item) => lanes.put(item, 'routine'));
  expect(turns(lanes)).toHaveLength(routine);
  many(40, (item) => lanes.put(`role/other-${item}`, 'change'));
  expect(turns(lanes)).toHaveLength(lane - routine);
  expect(lanes.ready()).toBe(80 - lane);
});

test('routine runs of all kinds together have half of the workers, so that one more kind that hangs changes nothing', () => {
  const lanes = queueLanes(8, kindOf);
  many(20, (item) => lanes.put(item, 'routine'));
  many(20, (item) => lanes.put(`policy/${item}`, 'routine'));
  const taken = turns(lanes);
  expect(taken.map(({ item }) => kindOf(item))).toEqual(['role', 'policy', 'role', 'policy']);
  lanes.put('endpoint/main', 'change');
  expect(turns(lanes)).toEqual([{ item: 'endpoint/main', cause: 'change' }]);
  for (const turn of taken) lanes.ended(turn);
  expect(turns(lanes)).toHaveLength(4);
});

test('one run of ten is routine while both wait; what is hastened is a change, and what does not wait stays as it is', () => {
  const lanes = queueLanes(2);
  many(100, (item) => lanes.put(item, 'routine'));
  many(100, (item) => lanes.put(`change-${item}`, 'change'));
  const causes = Array.from({ length: 40 }, () => {
    const turn = lanes.take();
    if (turn) lanes.ended(turn);
    return turn?.cause;
  });
  expect(causes.filter((cause) => cause === 'routine')).toHaveLength(4);
  expect(causes.indexOf('routine')).toBe(9);
  const other = queueLanes(2);
  other.put('a', 'routine');
  other.put('b', 'routine');
  other.hasten('b');
  other.hasten('c');
  expect(other.ready()).toBe(2);
  expect(turns(other)).toEqual([
    { item: 'b', cause: 'change' },
    { item: 'a', cause: 'routine' },
  ]);
});
