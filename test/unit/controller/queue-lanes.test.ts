// The lanes of the queue: which item is next, and with which cause.
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
])('of %i workers, resyncs get %i and one lane %i', (workers, resync, lane) => {
  const lanes = queueLanes(workers, { laneOf: kindOf });
  many(40, (item) => lanes.put(item, 'resync'));
  expect(turns(lanes)).toHaveLength(resync);
  many(40, (item) => lanes.put(`role/other-${item}`, 'change'));
  expect(turns(lanes)).toHaveLength(lane - resync);
  expect(lanes.ready()).toBe(80 - lane);
});

test('gives resyncs of all kinds together half of the workers', () => {
  const lanes = queueLanes(8, { laneOf: kindOf });
  many(20, (item) => lanes.put(item, 'resync'));
  many(20, (item) => lanes.put(`policy/${item}`, 'resync'));
  const taken = turns(lanes);
  expect(taken.map(({ item }) => kindOf(item))).toEqual(['role', 'policy', 'role', 'policy']);
  lanes.put('endpoint/main', 'change');
  expect(turns(lanes)).toEqual([{ item: 'endpoint/main', cause: 'change' }]);
  for (const turn of taken) lanes.ended(turn);
  expect(turns(lanes)).toHaveLength(4);
});

test('runs one resync in ten runs while both are ready, and turns only a ready resync into a change', () => {
  const lanes = queueLanes(2);
  many(100, (item) => lanes.put(item, 'resync'));
  many(100, (item) => lanes.put(`change-${item}`, 'change'));
  const causes = Array.from({ length: 40 }, () => {
    const turn = lanes.take();
    if (turn) lanes.ended(turn);
    return turn?.cause;
  });
  expect(causes.filter((cause) => cause === 'resync')).toHaveLength(4);
  expect(causes.indexOf('resync')).toBe(9);
  const other = queueLanes(2);
  other.put('a', 'resync');
  other.put('b', 'resync');
  other.hasten('b');
  other.hasten('c');
  expect(other.ready()).toBe(2);
  expect(turns(other)).toEqual([
    { item: 'b', cause: 'change' },
    { item: 'a', cause: 'resync' },
  ]);
});

const namespaceOf = (item: string): string => item.split('/')[1] ?? '';

test('a namespace with many items waits for none of its own, and lets those of others overtake', () => {
  const lanes = queueLanes(4, { laneOf: kindOf, groupOf: namespaceOf });
  for (let index = 0; index < 1000; index += 1) lanes.put(`role/many/${index}`, 'change');
  // Half of the workers, so that one is free at once.
  expect(turns(lanes)).toHaveLength(2);
  lanes.put('role/one/web', 'change');
  expect(turns(lanes)).toEqual([{ item: 'role/one/web', cause: 'change' }]);
});

test('namespaces take turns', () => {
  const lanes = queueLanes(2, { groupOf: namespaceOf });
  for (const namespace of ['a', 'b', 'c'])
    for (let index = 0; index < 2; index += 1) lanes.put(`role/${namespace}/${index}`, 'change');
  const items = Array.from({ length: 6 }, () => {
    const turn = lanes.take();
    if (turn) lanes.ended(turn);
    return turn?.item;
  });
  expect(items).toEqual(['role/a/0', 'role/b/0', 'role/c/0', 'role/a/1', 'role/b/1', 'role/c/1']);
  expect(lanes.ready()).toBe(0);
});

test('items without a namespace may use all workers', () => {
  const lanes = queueLanes(4, { groupOf: () => '' });
  many(10, (item) => lanes.put(item, 'change'));
  expect(turns(lanes)).toHaveLength(4);
});
