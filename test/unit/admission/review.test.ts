// AdmissionReviews in and out: versions, objects that are skipped, and the record.
import { createReview } from '../../../src/admission/review.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { contextOf, podWith } from '../../support/pods.ts';

const ask = (request: JsonObject, { compat = false, apiVersion = 'admission.k8s.io/v1' } = {}) => {
  const context = contextOf({ command: compat ? 'agent-inject' : 'webhook' });
  const reply = createReview(() => context, { compat })(
    Buffer.from(JSON.stringify({ apiVersion, kind: 'AdmissionReview', request })),
  );
  return { ...reply, response: JSON.parse(reply.body) as { response: JsonObject; apiVersion: string } };
};

const kind = { group: '', version: 'v1', kind: 'Pod' };

test.each(['UPDATE', 'DELETE', 'CONNECT'])('webhook skips %s, whatever the webhook configuration selects', (operation) => {
  const { record, response } = ask({ uid: 'u', kind, operation, namespace: 'shop', object: null, oldObject: podWith() });
  expect(response).toEqual({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid: 'u', allowed: true } });
  expect(record).toMatchObject({ decision: 'skipped', reason: 'not-created' });
});

test('webhook skips objects of other kinds', () => {
  const { record } = ask({
    uid: 'u',
    kind: { group: 'apps', version: 'v1', kind: 'Deployment' },
    operation: 'CREATE',
    object: { spec: {} },
  });
  expect(record).toMatchObject({ decision: 'skipped', reason: 'not-a-pod' });
});

test('agent-inject checks neither, as vault-k8s', () => {
  expect(
    ask({ uid: 'u', kind, operation: 'UPDATE', namespace: 'shop', object: podWith() }, { compat: true }).record,
  ).toMatchObject({ decision: 'injected' });
});

test.each(['admission.k8s.io/v1', 'admission.k8s.io/v1beta1'])('answers %s in the same version', (apiVersion) => {
  expect(ask({ uid: 'u', kind, namespace: 'shop', object: podWith() }, { apiVersion }).response.apiVersion).toBe(apiVersion);
});

test('the record names pod and owner, and nothing of the contents', () => {
  const pod = podWith() as unknown as { metadata: Record<string, unknown> };
  delete pod.metadata['name'];
  pod.metadata['generateName'] = 'web-7d9c5-';
  pod.metadata['ownerReferences'] = [
    { kind: 'Node', name: 'n' },
    { kind: 'ReplicaSet', name: 'web-7d9c5', controller: true },
  ];
  expect(ask({ uid: 'u', kind, namespace: 'shop', object: pod as unknown as JsonObject, dryRun: true }).record).toEqual({
    uid: 'u',
    namespace: 'shop',
    name: 'web-7d9c5-*',
    owner: 'ReplicaSet/web-7d9c5',
    decision: 'injected',
    reason: 'pod-annotation',
    codes: [],
    injectionType: 'sidecar_only',
    dryRun: true,
  });
});
