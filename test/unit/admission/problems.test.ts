// Each problem and warning of the catalogue can be caused, and disappears once its remedy is followed.
import { catalogue, denialOf, warningsOf, type ProblemCode } from '../../../src/admission/problems.ts';
import { FAMILIAR_PREFIX, OWN_PREFIX, kebab } from '../../../src/annotations/names.ts';
import type { Row } from '../../../src/annotations/row.ts';
import { table } from '../../../src/annotations/table.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { admit, podWith } from '../../support/pods.ts';
import { PROVOCATIONS } from './provocations.ts';
import { REMEDIES } from './remedies.ts';

const CODES = Object.keys(catalogue) as ProblemCode[];

describe.each(CODES)('%s', (code) => {
  const { pod, surrounding = {}, remedy } = PROVOCATIONS[code];

  test('is reported with its sentence', () => {
    const { outcome } = admit(podWith(pod), surrounding);
    const isProblem = catalogue[code].severity !== 'warning';
    expect((isProblem ? outcome.problems : outcome.warnings).map((problem) => problem.code)).toContain(code);
    expect(outcome.decision === 'denied').toBe(isProblem);
    const words = isProblem ? denialOf(outcome.problems) : warningsOf(outcome.warnings).join('\n');
    expect(words).toContain(`[${code}]`);
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    expect(words).not.toMatch(/undefined|\[object|[\u0000-\u0009\u000b-\u001f]/);
  });

  for (const { done, pod: remedied, surrounding: elsewhere = surrounding, leaves } of REMEDIES[code] ?? [])
    test(`disappears if ${done}`, () => {
      const { outcome, codes } = admit(podWith(remedied), elsewhere);
      expect(codes).not.toContain(code);
      expect(outcome).toMatchObject({ decision: leaves ? 'skipped' : 'injected', problems: [] });
    });

  test('has a tested remedy', () => expect([remedy, ...(REMEDIES[code] ?? [])]).not.toEqual([undefined]));

  if (remedy)
    test('disappears once its remedy is followed', () => {
      const { outcome, codes } = admit(podWith(remedy), surrounding);
      expect(codes).not.toContain(code);
      expect(outcome.decision).toBe('injected');
    });
});

const rows = Object.entries(table).map(([key, row]) => [kebab(key), row as Row<unknown>] as const);
/** Contains an invalid value for each kind that has one. */
const INVALID = ['', '\u0000', '{', '-1', 'no such word', '[{"op":"none"}]', '1h1'];

describe.each(rows)('the annotation %s', (name, row) => {
  const prefix = row.own === true ? OWN_PREFIX : FAMILIAR_PREFIX;
  const codesOf = (value: string) => {
    const annotations = { [`${prefix}${name}`]: value };
    const namespace = row.namespaceOnly === true ? new Map(Object.entries(annotations)) : new Map<string, string>();
    const cluster = { namespace: () => ({ labels: new Map(), annotations: namespace }), serviceAccount: () => undefined };
    const { outcome } = admit(podWith(row.namespaceOnly === true ? {} : { annotations }), {
      flags: ['-profile=native'],
      cluster,
    });
    return outcome.problems;
  };
  const invalid = INVALID.find((value) => codesOf(value).some(({ code }) => code === 'annotation-value'));

  if (invalid !== undefined)
    test('reports an example value, which is valid', () => {
      const [, example = ''] = /: set [^ ]+: (".*?[^\\]"), for example/.exec(denialOf(codesOf(invalid))) ?? [];
      expect(codesOf(JSON.parse(example) as string).map(({ code }) => code)).not.toContain('annotation-value');
    });
});

test('a misspelt annotation gets a suggestion, which is right', () => {
  const misspelt = { 'agent-inject-secrt-a': 'kv/a' };
  const { outcome } = admit(podWith({ annotations: misspelt }));
  const [, meant = ''] = /did you mean (\S+)\?/.exec(warningsOf(outcome.warnings).join()) ?? [];
  expect(admit(podWith({ annotations: { [meant]: 'kv/a' } })).codes).toEqual([]);
});

test('a pod that did not request injection is unchanged, with the problems as warnings', () => {
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

test('all problems of a pod are in one message', () => {
  const { outcome } = admit(
    podWith({
      annotations: { role: '', 'agent-inject-token': 'tRuE', 'agent-limits-cpu': 'lots' },
      spec: { containers: [{ name: 'web' }] },
    }),
  );
  expect(denialOf(outcome.problems)).toContain('4 problems');
});
