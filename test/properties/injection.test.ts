// Properties of every pod: the patch applies, keeps the pod's fields, is idempotent, and copies no values of the pod.
import fastJsonPatch, { type Operation } from 'fast-json-patch';
import fc from 'fast-check';
import { applyPatch } from 'rfc6902';
import { admitPod, type AdmissionContext, type AdmissionResult } from '../../src/admission/admit.ts';
import { denialOf, warningsOf } from '../../src/admission/problems.ts';
import { createReview } from '../../src/admission/review.ts';
import { admissionContext, NO_CLUSTER } from '../../src/cluster/admission-context.ts';
import { readUntrustedYaml } from '../../src/yaml/untrusted.ts';
import { isObject, type Json, type JsonObject } from '../../src/json/json.ts';
import { readSettings } from '../../src/settings/read.ts';
import type { Command } from '../../src/settings/table.ts';
import { annotations, CANARY, pod } from './pods.ts';

const contextOf = (command: Command, ...flags: readonly string[]): AdmissionContext => {
  const reading = readSettings(command, ['-vault-address=https://vault.example:8200', ...flags], {});
  if (!reading.ok) throw new Error(reading.problems.join('\n'));
  return admissionContext(command, reading.value, NO_CLUSTER, readUntrustedYaml);
};

const webhook = contextOf('webhook', '-allow=*');
const former = contextOf('webhook', '-allow=*', '-profile=compat');
const compat = contextOf('agent-inject');
const RUNS = { numRuns: 2000 };
/** Pods with valid annotations, most of which are injected. */
const readable = pod(annotations(fc.constant(true)));
const anyPod = fc.oneof(pod(), readable);

/** Through JSON: structuredClone would return arrays of another realm, which toEqual rejects. */
const clone = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

const applied = (object: JsonObject, outcome: AdmissionResult): JsonObject => {
  const result = clone(object);
  const errors = applyPatch(result, clone(outcome.patch) as unknown as Parameters<typeof applyPatch>[1]);
  expect(errors.filter((error) => error !== null)).toEqual([]);
  return result;
};

/** Paths at which the first value is not kept in the second; lists may have gained members, and keep the order of their own. */
const lost = (before: Json | undefined, after: Json | undefined, path = ''): string[] => {
  if (Array.isArray(before)) {
    if (!Array.isArray(after)) return [path];
    const [had, has]: [readonly Json[], readonly Json[]] = [before, after];
    let next = 0;
    for (const [index, member] of had.entries()) {
      const found = has.findIndex((candidate, position) => position >= next && lost(member, candidate).length === 0);
      if (found === -1) return [`${path}/${index}`];
      next = found + 1;
    }
    return [];
  }
  if (isObject(before))
    return isObject(after) ? Object.entries(before).flatMap(([key, value]) => lost(value, after[key], `${path}/${key}`)) : [path];
  return before === after ? [] : [path];
};

describe.each([
  ['webhook', webhook],
  ['webhook with profile compat', former],
  ['webhook without native sidecars', contextOf('webhook', '-allow=*', '-native-sidecars=false')],
  ['agent-inject', compat],
])('%s', (_, context) => {
  test('has a patch that two implementations of RFC 6902 apply with one result', () => {
    let injected = 0;
    fc.assert(
      fc.property(anyPod, (object) => {
        const outcome = admitPod(object, 'shop', context);
        if (outcome.decision === 'injected') injected += 1;
        const other = fastJsonPatch.applyPatch(clone(object), clone(outcome.patch) as Operation[], true).newDocument;
        expect(applied(object, outcome)).toEqual(other);
      }),
      RUNS,
    );
    // If most generated pods were denied, the test would prove nothing.
    expect(injected).toBeGreaterThan(RUNS.numRuns / 4);
  });

  test('adds nothing in a second injection', () => {
    fc.assert(
      fc.property(readable, (object) => {
        const first = admitPod(object, 'shop', context);
        if (first.decision !== 'injected') return;
        expect(admitPod(applied(object, first), 'shop', context)).toMatchObject({ patch: [], problems: [] });
      }),
      RUNS,
    );
  });

  test('returns equal bytes for equal input, and leaves the input unchanged', () => {
    fc.assert(
      fc.property(anyPod, (object) => {
        const before = JSON.stringify(object);
        const first = JSON.stringify(admitPod(object, 'shop', context));
        expect(JSON.stringify(admitPod(clone(object), 'shop', context))).toBe(first);
        expect(JSON.stringify(object)).toBe(before);
      }),
      RUNS,
    );
  });

  test('keeps every field of the pod', () => {
    fc.assert(
      fc.property(readable, (object) => {
        const outcome = admitPod(object, 'shop', context);
        if (outcome.decision === 'injected') expect(lost(object, applied(object, outcome))).toEqual(replaced(object, outcome));
      }),
      RUNS,
    );
  });

  test('copies no value of the pod into a patch, message, warning or review record', () => {
    const review = createReview(() => context, { compat: true });
    fc.assert(
      fc.property(anyPod, (object) => {
        const outcome = admitPod(object, 'shop', context);
        const words = [denialOf(outcome.problems), ...warningsOf(outcome.warnings), JSON.stringify(outcome.patch)].join('\n');
        expect(words).not.toContain(CANARY);
        const request = { uid: 'u', namespace: 'shop', object, dryRun: false };
        const reply = review(
          Buffer.from(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request })),
        );
        expect(reply.status).toBe(200);
        expect(JSON.stringify(reply.record)).not.toContain(CANARY);
      }),
      RUNS,
    );
  });

  test('names every problem by its code in a denial', () => {
    fc.assert(
      fc.property(pod(annotations(fc.boolean())), (object) => {
        const { decision, problems } = admitPod(object, 'shop', context);
        if (decision !== 'denied') return;
        const message = denialOf(problems);
        for (const { code } of problems) expect(message).toContain(`[${code}]`);
      }),
      RUNS,
    );
  });
});

/** Paths that injection replaces: a status or a configuration with another value. */
const replaced = (object: JsonObject, { patch }: AdmissionResult): string[] => {
  const marks = (object['metadata'] as JsonObject)['annotations'] as Readonly<Record<string, string>>;
  const written = new Set(patch.map(({ path }) => path.replaceAll('~1', '/')));
  return Object.keys(marks)
    .filter(
      (key) =>
        /\/agent-(?:inject-status|(?:init-)?config|passwd|group)$/.test(key) && written.has(`/metadata/annotations/${key}`),
    )
    .map((key) => `/metadata/annotations/${key}`);
};

test('answers any JSON', () => {
  const review = createReview(() => webhook, { compat: false });
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), (text) => {
      expect([200, 400]).toContain(review(Buffer.from(text)).status);
      const request = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","object":${text}}}`;
      expect(review(Buffer.from(request)).status).toBe(200);
    }),
    RUNS,
  );
});
