// Asking the API server during a review: only when it can help, at most once, within bounds.
import type { Reply } from '../../../src/admission/review.ts';
import { type LookingUp, lookingUp } from '../../../src/cli/look-up.ts';
import type { CachedMetadata } from '../../../src/kube/metadata-informer.ts';

const EMPTY: CachedMetadata = { labels: new Map(), annotations: new Map() };
const BODY = Buffer.from('{}');

interface Scene {
  readonly looking: LookingUp;
  readonly asked: readonly string[];
  readonly results: readonly string[];
  /** Lets all questions under way be answered, or fail. */
  readonly settle: (error?: Error) => void;
}

/** A cluster of which nothing is known, and which tells what it is asked for. */
const scene = (): Scene => {
  const known = new Set<string>();
  const asked: string[] = [];
  const results: string[] = [];
  let waiting: ((error?: Error) => void)[] = [];
  const looking = lookingUp(
    {
      namespace: (name) => (known.has(name) ? EMPTY : undefined),
      serviceAccount: (namespace, name) => (known.has(`${namespace}/${name}`) ? EMPTY : undefined),
      lookUp: (namespace, account, timeoutMs) => {
        const key = account === undefined ? namespace : `${namespace}/${account}`;
        asked.push(`${key} ${timeoutMs}`);
        return new Promise((resolve, reject) => {
          waiting.push((error) => {
            if (!error) known.add(key);
            if (error) reject(error);
            else resolve();
          });
        });
      },
    },
    { lookedUp: (result) => results.push(result) },
  );
  const settle = (error?: Error): void => {
    const all = waiting;
    waiting = [];
    for (const each of all) each(error);
  };
  return { looking, asked, results, settle };
};

const reply = (decision: 'injected' | 'skipped' | 'denied', reason: string, body = ''): Reply => ({
  status: 200,
  body,
  record: { uid: '1', namespace: 'team', name: 'web', owner: '', decision, reason, codes: [], dryRun: false },
});
/** A pod of this service account that is to be injected; the answer says whether the account is known. */
const asking =
  ({ cluster }: LookingUp, account = 'web', namespace = 'team') =>
  (): Reply => {
    cluster.namespace(namespace);
    return reply('injected', 'pod-annotation', cluster.serviceAccount(namespace, account) ? 'known' : 'unknown');
  };

test('a pod to inject whose service account and namespace are new waits for both, and is reviewed again', async () => {
  const { looking, asked, results, settle } = scene();
  const answer = looking.reviewer(asking(looking))(BODY, 5000);
  expect(asked).toEqual(['team/web 1000', 'team 1000']);
  settle();
  expect(await answer).toMatchObject({ body: 'known' });
  expect(results).toEqual(['answered', 'answered']);
  // Now it is in memory.
  expect(looking.reviewer(asking(looking))(BODY, 5000)).toMatchObject({ body: 'known' });
});

test('a pod that nobody asked for waits only when its namespace is new', async () => {
  const { looking, asked, settle } = scene();
  const review = (reason: string) =>
    looking.reviewer(() => {
      looking.cluster.namespace('team');
      return reply('skipped', reason);
    })(BODY, undefined);
  expect(review('pod-label-disabled')).not.toBeInstanceOf(Promise);
  expect(review('excluded-namespace')).not.toBeInstanceOf(Promise);
  expect(asked).toEqual([]);
  const answer = review('not-requested');
  expect(asked).toEqual(['team 1000']);
  settle();
  await answer;
  expect(review('not-requested')).not.toBeInstanceOf(Promise);
});

test('replicas of one rollout share a question, and different questions are bounded', async () => {
  const { looking, asked, results, settle } = scene();
  const same = [1, 2, 3].map(() => looking.reviewer(asking(looking))(BODY, 5000));
  expect(asked).toHaveLength(2);
  const others = Array.from({ length: 30 }, (_, index) => looking.reviewer(asking(looking, `web-${index}`))(BODY, 5000));
  expect(asked).toHaveLength(20);
  settle();
  await Promise.all([...same, ...others]);
  expect(results.filter((result) => result === 'unasked')).toHaveLength(12);
});

test('what fails is answered with what is known, and nothing is asked for a while', async () => {
  const { looking, asked, results, settle } = scene();
  const answer = looking.reviewer(asking(looking))(BODY, 5000);
  settle(new Error('away'));
  expect(await answer).toMatchObject({ body: 'unknown' });
  expect(await looking.reviewer(asking(looking))(BODY, 5000)).toMatchObject({ body: 'unknown' });
  expect(asked).toHaveLength(2);
  expect(results).toEqual(['failed', 'failed', 'unasked', 'unasked']);
});

test.each([
  [700, ['team/web 350', 'team 350']],
  [60, []],
])('of %s ms that the caller still waits it takes a part', async (patience, wanted) => {
  const { looking, asked, settle } = scene();
  const answer = looking.reviewer(asking(looking))(BODY, patience);
  settle();
  await answer;
  expect(asked).toEqual(wanted);
});

test.each([
  ['a path', '../../secrets'],
  ['capitals', 'WEB'],
  ['nothing', ''],
  ['too long a word', 'x'.repeat(300)],
])('%s is no name to ask for', (_, name) => {
  const { looking, asked } = scene();
  expect(looking.reviewer(asking(looking, name, name))(BODY, 5000)).not.toBeInstanceOf(Promise);
  expect(asked).toEqual([]);
});
