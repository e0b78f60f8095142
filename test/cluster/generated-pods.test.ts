// A sample of the generated pods, judged by the real API server: what our patch gives decodes and validates as a Pod.
import fc from 'fast-check';
import { applyPatch } from 'rfc6902';
import { admitPod } from '../../src/admission/admit.ts';
import { isObject, objectAt, objectsOf, type JsonObject } from '../../src/json/json.ts';
import { PROFILES } from '../../src/annotations/row.ts';
import { annotations, pod } from '../properties/pods.ts';
import { contextOf } from '../support/pods.ts';
import { onEachKubernetes } from './on-each-kubernetes.ts';
import { podsPath } from './pods.ts';

const SAMPLE = 150;
const clone = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** What the API server refuses in the generated pod itself: names of annotations that are none, fields of other places. */
const acceptable = (generated: JsonObject): JsonObject => {
  const copy = clone(generated) as {
    metadata: { name?: string; annotations: Record<string, string> };
    spec: Record<string, unknown>;
  };
  copy.metadata.name = 'web-0';
  delete copy.metadata.annotations['__proto__'];
  for (const container of objectsOf(copy.spec['containers']) as { restartPolicy?: string }[]) delete container.restartPolicy;
  // Only privileged containers may have it.
  for (const list of ['containers', 'initContainers'])
    for (const container of objectsOf(copy.spec[list]))
      for (const mount of objectsOf(container['volumeMounts']) as { mountPropagation?: string }[])
        if (mount.mountPropagation === 'Bidirectional') delete mount.mountPropagation;
  copy.spec['serviceAccountName'] = 'default';
  return copy as unknown as JsonObject;
};

onEachKubernetes(
  ['kube-apiserver'],
  () => Promise.resolve(),
  (test) => {
    for (const profile of PROFILES)
      test(`the API server accepts a sample of injected pods of profile ${profile}`, async ({ bed }) => {
        // As the webhook finds out by itself.
        const minor = Number((await bed.request<{ readonly minor: string }>('GET', '/version')).minor);
        const flags = [`-profile=${profile}`, `-env-files=${minor >= 35}`, `-container-restarts=${minor >= 36}`];
        const namespace = await bed.createNamespace();
        const context = contextOf({ command: 'webhook', flags: ['-allow=*', ...flags] });
        const seed = Date.now();
        const sample = fc.sample(pod(annotations(fc.constant(true))), { numRuns: SAMPLE, seed });
        let judged = 0;
        for (const generated of sample) {
          const original = acceptable(generated);
          const outcome = admitPod(original, namespace, context);
          if (outcome.decision !== 'injected') continue;
          const injected = clone(original);
          applyPatch(injected, clone(outcome.patch) as unknown as Parameters<typeof applyPatch>[1]);
          const path = podsPath(namespace, '?dryRun=All&fieldValidation=Ignore');
          const before = await bed.exchange('POST', path, original);
          const after = await bed.exchange('POST', path, injected);
          expect({
            seed,
            before: before.status,
            after: after.status,
            text: after.status < 300 ? '' : after.text,
            pod: after.status < 300 ? '' : injected,
          }).toMatchObject({ before: 201, after: 201 });
          const stored = JSON.parse(after.text) as JsonObject;
          expect(isObject(objectAt(stored, 'spec'))).toBe(true);
          judged += 1;
        }
        expect(judged).toBeGreaterThan(SAMPLE / 3);
      });
  },
);
