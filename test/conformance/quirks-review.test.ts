// Intended differences from vault-k8s in the review itself, each under its id.
import { createReview } from '../../src/admission/review.ts';
import { contextOf, podWith } from '../support/pods.ts';

const ask = (body: unknown, compat = true) => createReview(contextOf, { compat })(Buffer.from(JSON.stringify(body)));

test('Q16 a review without a request is refused with 400', () => {
  expect(ask({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' }).status).toBe(400);
});
test('Q20 a review of another kind or version is refused with 400', () => {
  expect(ask({ apiVersion: 'v9', kind: 'Thing', request: { uid: 'u' } }).status).toBe(400);
});
test('Q24 a denial has code and reason', () => {
  const reply = ask({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'u', object: podWith({ annotations: { role: '' } }) },
  });
  expect(JSON.parse(reply.body)).toMatchObject({ response: { allowed: false, status: { code: 403, reason: 'Forbidden' } } });
});

test.each([
  ['its phase', { status: { phase: 'Pending' } }],
  ['its node', { spec: { nodeName: 'node-1' } }],
])('Q47 an update of a pod that exists gets no patch: known by %s (F19, vault-k8s 197)', (_, more) => {
  const pod = podWith(more);
  const request = { uid: 'u', operation: 'UPDATE', object: pod, oldObject: pod };
  const { response } = JSON.parse(ask({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request }).body) as {
    readonly response: Readonly<Record<string, unknown>>;
  };
  expect(response).toEqual({ uid: 'u', allowed: true });
  const created = ask({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { ...request, operation: 'CREATE' },
  });
  expect(JSON.parse(created.body)).toHaveProperty('response.patch');
});
