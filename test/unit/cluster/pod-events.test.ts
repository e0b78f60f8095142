// Events on owners: limited by namespace and in total, and never with made-up names.
import type { PodReport, Reply } from '../../../src/admission/review.ts';
import { withPodEvents } from '../../../src/cluster/pod-events.ts';
import type { EventSubject, EventText } from '../../../src/kube/events.ts';

const REPORT: PodReport = {
  namespace: 'shop',
  owner: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-7d9c5', uid: 'u' },
  denied: true,
  note: 'why',
};

/** Sends reports through the review, a millisecond apart, and gives what was recorded. */
const recorded = (reports: readonly (PodReport | undefined)[], everyMs = 1): readonly [EventSubject, EventText][] => {
  const events: [EventSubject, EventText][] = [];
  let now = 0;
  let next = 0;
  const review = (): Reply => {
    const report = reports[next];
    next += 1;
    return { status: 200, body: '', record: undefined, report: () => report };
  };
  const reporting = withPodEvents(review, { record: (subject, text) => events.push([subject, text]) }, () => now);
  for (const _ of reports) {
    void reporting(Buffer.from(''), undefined);
    now += everyMs;
  }
  return events;
};

it('records the owner, the reason and the note', () => {
  expect(recorded([REPORT, { ...REPORT, denied: false }, undefined])).toEqual([
    [
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { namespace: 'shop', name: 'web-7d9c5', uid: 'u' } },
      { type: 'Warning', reason: 'InjectionDenied', action: 'Admission', note: 'why' },
    ],
    [expect.anything(), expect.objectContaining({ reason: 'InjectionWarning' })],
  ]);
});

it('limits the Events of a namespace, without an effect on others', () => {
  const many = Array.from({ length: 100 }, () => REPORT);
  expect(recorded([...many, { ...REPORT, namespace: 'other' }]).map(([{ metadata }]) => metadata.namespace)).toEqual([
    ...Array.from({ length: 20 }, () => 'shop'),
    'other',
  ]);
  expect(recorded(many, 30_000)).toHaveLength(100);
});

it('limits the Events of all namespaces together', () => {
  const many = Array.from({ length: 1000 }, (_, index) => ({ ...REPORT, namespace: `team-${index}` }));
  expect(recorded(many)).toHaveLength(200);
});

it('records nothing for names that Kubernetes does not have', () => {
  const owner = (change: Partial<PodReport['owner']>): PodReport => ({ ...REPORT, owner: { ...REPORT.owner, ...change } });
  const reports = [
    { ...REPORT, namespace: '' },
    { ...REPORT, namespace: '../kube-system' },
    owner({ name: 'a/b' }),
    owner({ kind: 'K'.repeat(300) }),
  ];
  expect(recorded(reports)).toEqual([]);
});

it('gives the response unchanged, also of a review that looks something up', async () => {
  const reply: Reply = { status: 200, body: 'b', record: undefined };
  const recorder = { record: () => undefined };
  expect(withPodEvents(() => reply, recorder)(Buffer.from(''), 1)).toBe(reply);
  await expect(withPodEvents(() => Promise.resolve(reply), recorder)(Buffer.from(''), 1)).resolves.toBe(reply);
});
