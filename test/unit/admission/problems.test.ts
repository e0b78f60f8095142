// Every problem and warning of the catalogue can be provoked, and its remedy is followed where a pod can follow it.
import type { ProblemCode } from '../../../src/admission/problems.ts';
import { catalogue } from '../../../src/admission/problems.ts';
import { denialOf, warningsOf } from '../../../src/admission/message.ts';
import type { JsonObject } from '../../../src/pod/manifest.ts';
import { admit, podWith } from '../fixture.ts';
import { PROVOCATIONS } from './provocations.ts';

const CODES = Object.keys(catalogue) as ProblemCode[];

describe.each(CODES)('%s', (code) => {
  const { pod, surrounding = {}, remedy } = PROVOCATIONS[code];

  test('is provoked, and said in words', () => {
    const { outcome } = admit(podWith(pod), surrounding);
    const isProblem = catalogue[code].kind === 'problem';
    expect((isProblem ? outcome.problems : outcome.warnings).map((finding) => finding.code)).toContain(code);
    expect(outcome.decision === 'denied').toBe(isProblem);
    const words = isProblem ? denialOf(outcome.problems) : warningsOf(outcome.warnings).join('\n');
    expect(words).toContain(`[${code}]`);
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    expect(words).not.toMatch(/undefined|\[object|[\u0000-\u0009\u000b-\u001f]/);
  });

  if (remedy)
    test('is gone once its remedy is followed', () => {
      const { outcome, codes } = admit(podWith(remedy), surrounding);
      expect(codes).not.toContain(code);
      expect(outcome.decision).toBe('injected');
    });
});

test('a pod that did not ask is left alone with the findings as warnings', () => {
  const cluster = {
    namespace: () => ({ labels: new Map([['vaultauth.dev/inject', 'enabled']]), annotations: new Map() }),
    serviceAccount: () => undefined,
  };
  const silent = podWith({ annotations: {} }) as unknown as { metadata: { annotations: unknown } };
  silent.metadata.annotations = {};
  const { outcome, codes } = admit(silent as unknown as JsonObject, { command: 'webhook', cluster });
  expect(outcome).toMatchObject({ decision: 'skipped', reason: 'namespace-label', patch: [] });
  expect(codes).toContain('role-missing');
});

test('all problems of a pod come in one answer', () => {
  const { outcome } = admit(
    podWith({
      annotations: { role: '', 'agent-inject-token': 'tRuE', 'agent-limits-cpu': 'lots' },
      spec: { containers: [{ name: 'web' }] },
    }),
  );
  expect(denialOf(outcome.problems)).toContain('4 problems');
});
