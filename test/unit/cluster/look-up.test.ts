// Look-ups of objects that a review needs: at most once each, bounded in time and number.
import type { MissingObject } from '../../../src/admission/admit.ts';
import type { Reply } from '../../../src/admission/review.ts';
import { withLookUps } from '../../../src/cluster/look-up.ts';

const BODY = Buffer.from('{}');

interface Scene {
  /** Reviews a pod of this service account; the body of the reply is 'cached' if the account is in the cache. */
  readonly review: (timeoutMs: number | undefined, account?: string, namespace?: string) => Reply | Promise<Reply>;
  readonly lookedUp: readonly string[];
  readonly results: readonly string[];
  /** Lets all look-ups in flight succeed, or fail. */
  readonly settle: (error?: Error) => void;
}

/** An empty cache over an API server that answers when the test lets it. */
const scene = (): Scene => {
  const cached = new Set<string>();
  const lookedUp: string[] = [];
  const results: string[] = [];
  let waiting: ((error?: Error) => void)[] = [];
  const read = (object: MissingObject, timeoutMs: number): Promise<void> => {
    const key = object.kind === 'Namespace' ? object.name : `${object.namespace}/${object.name}`;
    lookedUp.push(`${key} ${timeoutMs}`);
    return new Promise((resolve, reject) => {
      waiting.push((error) => {
        if (!error) cached.add(key);
        if (error) reject(error);
        else resolve();
      });
    });
  };
  let [account, namespace] = ['web', 'team'];
  const review = (): Reply => {
    const needs: MissingObject[] = [];
    const isCached = cached.has(`${namespace}/${account}`);
    if (!isCached) needs.push({ kind: 'ServiceAccount', namespace, name: account });
    if (!cached.has(namespace)) needs.push({ kind: 'Namespace', name: namespace });
    return { status: 200, body: isCached ? 'cached' : 'missing', record: undefined, needs };
  };
  const lookingUp = withLookUps(review, read, { lookedUp: (result) => results.push(result) });
  return {
    review: (timeoutMs, ofAccount = 'web', ofNamespace = 'team') => {
      [account, namespace] = [ofAccount, ofNamespace];
      return lookingUp(BODY, timeoutMs);
    },
    lookedUp,
    results,
    settle: (error) => {
      const all = waiting;
      waiting = [];
      for (const each of all) each(error);
    },
  };
};

test('a review that needs a service account and its namespace waits for both and is repeated', async () => {
  const { review, lookedUp, results, settle } = scene();
  const answer = review(5000);
  expect(lookedUp).toEqual(['team/web 1000', 'team 1000']);
  settle();
  expect(await answer).toMatchObject({ body: 'cached' });
  expect(results).toEqual(['answered', 'answered']);
  expect(review(5000)).toMatchObject({ body: 'cached' });
});

test('replicas of one rollout share a look-up, and different look-ups are bounded', async () => {
  const { review, lookedUp, results, settle } = scene();
  const same = [1, 2, 3].map(() => review(5000));
  expect(lookedUp).toHaveLength(2);
  const others = Array.from({ length: 30 }, (_, index) => review(5000, `web-${index}`));
  expect(lookedUp).toHaveLength(20);
  settle();
  await Promise.all([...same, ...others]);
  expect(results.filter((result) => result === 'skipped')).toHaveLength(12);
});

test('a failed look-up answers from the cache, and no look-up follows for a while', async () => {
  const { review, lookedUp, results, settle } = scene();
  const answer = review(5000);
  settle(new Error('away'));
  expect(await answer).toMatchObject({ body: 'missing' });
  expect(await review(5000)).toMatchObject({ body: 'missing' });
  expect(lookedUp).toHaveLength(2);
  expect(results).toEqual(['failed', 'failed', 'skipped', 'skipped']);
});

test.each([
  [700, ['team/web 350', 'team 350']],
  [60, []],
])('a caller that waits %s ms more gives a look-up half of it', async (timeoutMs, expected) => {
  const { review, lookedUp, settle } = scene();
  const answer = review(timeoutMs);
  settle();
  await answer;
  expect(lookedUp).toEqual(expected);
});

test.each([
  ['a path', '../../secrets'],
  ['capitals', 'WEB'],
  ['nothing', ''],
  ['too long a word', 'x'.repeat(300)],
])('%s is not looked up', (_, name) => {
  const { review, lookedUp } = scene();
  expect(review(5000, name, name)).not.toBeInstanceOf(Promise);
  expect(lookedUp).toEqual([]);
});
