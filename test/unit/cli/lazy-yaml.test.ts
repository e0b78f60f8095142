// Servers read lists too, and load what it takes only for the pods that bring one.
import { reviewer, type Reply } from '../../../src/admission/review.ts';
import { admissionContext, UNKNOWN_CLUSTER } from '../../../src/cli/context.ts';
import { lazyYaml } from '../../../src/cli/lazy-yaml.ts';
import { readSettings } from '../../../src/settings/read.ts';
import { podWith } from '../fixture.ts';

const serving = (): ReturnType<ReturnType<typeof lazyYaml>['reviewer']> => {
  const reading = readSettings('webhook', ['-vault-address=https://vault.example:8200'], {});
  if (!reading.ok) throw new Error(reading.problems.join('\n'));
  const lists = lazyYaml();
  const context = admissionContext('webhook', reading.value, UNKNOWN_CLUSTER, lists.readYaml);
  return lists.reviewer(reviewer(() => context, { compat: false }));
};
const review = (annotations: Readonly<Record<string, string>>): Buffer =>
  Buffer.from(
    JSON.stringify({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: { uid: 'u', namespace: 'shop', object: podWith({ annotations }) },
    }),
  );
const LISTED = review({ 'vaultauth.dev/secrets': '[{name: db, path: kv/data/db}]' });
const decisionOf = (reply: Reply): unknown => [reply.record?.decision, reply.record?.codes];

test('a pod without a list is answered at once, before and after', async () => {
  const answer = serving();
  expect(answer(review({}), undefined)).not.toBeInstanceOf(Promise);
  await answer(LISTED, undefined);
  expect(answer(review({}), undefined)).not.toBeInstanceOf(Promise);
});

test('the first list waits for the library, the next one does not', async () => {
  const answer = serving();
  const first = answer(LISTED, undefined);
  expect(first).toBeInstanceOf(Promise);
  expect(decisionOf(await first)).toEqual(['injected', []]);
  const second = answer(LISTED, undefined);
  expect(second).not.toBeInstanceOf(Promise);
  expect(decisionOf(await second)).toEqual(['injected', []]);
});

test('a list that cannot be read is refused with its place', async () => {
  const reply = await serving()(review({ 'vaultauth.dev/secrets': '- {name' }), undefined);
  expect(decisionOf(reply)).toEqual(['denied', ['secrets-unreadable']]);
  expect(reply.body).toContain('line 1');
});

test('several first lists at once are all served', async () => {
  const answer = serving();
  const replies = await Promise.all(Array.from({ length: 5 }, async () => await answer(LISTED, undefined)));
  expect(replies.map(decisionOf)).toEqual(Array.from({ length: 5 }, () => ['injected', []]));
});
