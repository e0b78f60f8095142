import {
  announced,
  type CaState,
  created,
  type DatedPair,
  dropped,
  nextStep,
  switched,
  trusted,
  twoThirdsOf,
} from '../../../src/tls/ca-state.ts';
import { backdateOf, caPolicy, floorProblems } from '../../../src/tls/lifetimes.ts';

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];
const policy = caPolicy(365 * DAY, 7 * DAY);
const pair = (name: string, now: number): DatedPair => ({
  certificate: name,
  key: '',
  notBefore: now - 5 * MINUTE,
  notAfter: now + policy.caLifeMs,
});
const everything = (): boolean => true;
const nothing = (): boolean => false;

/** One step of the keeper, with names in place of certificates. */
const stepped = (
  ca: CaState | undefined,
  name: string,
  now: number,
  isPublished: (certificate: string) => boolean,
): CaState | undefined => {
  const step = nextStep(ca, now, isPublished, policy);
  if (step === 'create') return created(pair(name, now));
  if (!ca) return ca;
  if (step === 'announce') return announced(ca, pair(name, now), now);
  if (step === 'switch') return switched(ca, now, policy);
  return step === 'drop' ? dropped(ca, now) : ca;
};

test('rotates every eight months over three years and three replicas, and no leaf is ever untrusted or expired', () => {
  let secret: CaState | undefined;
  let names = 0;
  const replicas: { signer: string; notBefore: number; notAfter: number }[] = [];
  let live: readonly string[] = [];
  let heard: readonly string[] = []; // what the slowest API server goes by: the bundle of one tick before
  const signers: string[] = [];
  for (let now = 0; now < 3 * 365 * DAY; now += 20 * MINUTE) {
    heard = live;
    // Replica i looks at the Secret in every third tick only.
    const replica = (now / (20 * MINUTE)) % 3;
    const before = secret;
    secret = stepped(secret, `CA ${names + 1}`, now, (certificate) => live.includes(certificate));
    if (!secret) throw new Error('there is a CA after each step');
    if (trusted(secret).some((name) => name === `CA ${names + 1}`)) names += 1;
    if (before?.current !== secret.current) signers.push(secret.current.certificate);
    live = trusted(secret);
    const leaf = replicas[replica];
    if (!leaf || leaf.signer !== secret.current.certificate || now >= twoThirdsOf(leaf)) {
      replicas[replica] = {
        signer: secret.current.certificate,
        notBefore: now,
        notAfter: Math.min(now + policy.leafLifeMs, secret.current.notAfter),
      };
    }
    if (live.length > 2) throw new Error(`${live.length} CAs at ${now}`);
    if (now === 0) continue;
    for (const { signer, notAfter } of replicas)
      if (!heard.includes(signer) || now >= notAfter) throw new Error(`${signer} at ${now}`);
  }
  expect(signers).toEqual(['CA 1', 'CA 2', 'CA 3', 'CA 4', 'CA 5']);
});

describe('the next step', () => {
  const start = created(pair('A', 0));
  const due = twoThirdsOf(start.current);
  const waiting = announced(start, pair('B', due), due);

  test.each([
    ['nothing yet', undefined, 0, nothing, 'create'],
    ['a young CA', start, due - 1, everything, 'none'],
    ['two thirds are over', start, due, everything, 'announce'],
    ['the next one is not published everywhere', waiting, due + DAY, nothing, 'none'],
    ['the next one has not settled', waiting, due + policy.settleMs - 1, everything, 'none'],
    ['the next one has settled', waiting, due + policy.settleMs, everything, 'switch'],
    ['the clock was set back', waiting, due - HOUR, everything, 'switch'],
    ['all expired with a valid successor', waiting, start.current.notAfter, nothing, 'switch'],
    ['all expired without a successor', start, start.current.notAfter, everything, 'create'],
    ['all expired, the successor too', waiting, due + 2 * policy.caLifeMs, everything, 'create'],
    [
      'a former whose leaves may live',
      switched(waiting, due + HOUR, policy),
      due + HOUR + policy.leafLifeMs - 1,
      everything,
      'none',
    ],
    ['a former whose leaves are gone', switched(waiting, due + HOUR, policy), due + HOUR + policy.leafLifeMs, everything, 'drop'],
  ] as const)('%s', (_, ca, now, isPublished, step) => {
    expect(nextStep(ca, now, isPublished, policy)).toBe(step);
  });
});

test('lists the signing certificate first, then the next, then the former ones', () => {
  const first = created(pair('A', 0));
  const second = switched(announced(first, pair('B', 1), 1), 2, policy);
  const third = announced(second, pair('C', 3), 3);
  expect(trusted(third)).toEqual(['B', 'C', 'A']);
  expect(trusted(dropped(third, 2 + policy.leafLifeMs))).toEqual(['B', 'C']);
});

test.each([
  [365 * DAY, 7 * DAY, []],
  [MINUTE, 20_000, []],
  [MINUTE, 19_999, ['-tls-leaf-life: expected 20s or more']],
  [MINUTE - 1, 20_000, ['-tls-ca-life: expected 3 times -tls-leaf-life or more']],
  [0, 0, ['-tls-leaf-life: expected 20s or more']],
])('a CA of %i ms with leaves of %i ms: %j', (caLife, leafLife, problems) => {
  expect(floorProblems(caLife, leafLife)).toEqual(problems.map((start) => expect.stringContaining(start)));
});

test('with short lifetimes the next CA settles, and certificates are backdated, for a small part of them', () => {
  expect(policy.settleMs).toBe(MINUTE);
  expect(caPolicy(MINUTE, 20_000).settleMs).toBe(5000);
  expect([backdateOf(7 * DAY), backdateOf(20_000)]).toEqual([5 * MINUTE, 2000]);
});
