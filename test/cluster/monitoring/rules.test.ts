// The alerts of deploy/monitoring, judged by promtool: they parse, fire when they should, and are silent otherwise.
import { stringify } from 'yaml';
import { openPromtool, type Promtool } from '../../bed/promtool.ts';
import { ruleGroups } from '../../support/monitoring.ts';
import { type AlertCase, CONTROLLER_CASES, WEBHOOK_CASES } from './alert-cases.ts';

let promtool: Promtool;
beforeAll(async () => {
  promtool = await openPromtool();
}, 900_000);
afterAll(() => promtool?.close());

const COMPONENTS = [
  ['webhook', WEBHOOK_CASES],
  ['controller', CONTROLLER_CASES],
] as const;

const inputOf = (values: Readonly<Record<string, string>>) =>
  Object.entries(values).map(([series, text]) => ({ series, values: text }));

/** The tests of promtool for one component. `changed` rewrites the expected alerts. */
const testsFor = (component: (typeof COMPONENTS)[number][0], cases: readonly AlertCase[]): string => {
  const rules = ruleGroups(component).groups.flatMap((group) => group.rules);
  const tests = cases.flatMap(({ alert, broken, after, labels, description, healthy }) => {
    const rule = rules.find((each) => each.alert === alert);
    const fired = {
      exp_labels: { ...rule?.labels, ...labels },
      exp_annotations: { ...rule?.annotations, description },
    };
    const minutes = [1, 5, 20, 40, 61];
    return [
      {
        name: `${alert} fires`,
        interval: '1m',
        input_series: inputOf(broken),
        alert_rule_test: [
          { eval_time: '1m', alertname: alert, exp_alerts: [] },
          { eval_time: `${after}m`, alertname: alert, exp_alerts: [fired] },
        ],
      },
      {
        name: `${alert} is silent`,
        interval: '1m',
        input_series: inputOf(healthy),
        alert_rule_test: minutes.map((minute) => ({ eval_time: `${minute}m`, alertname: alert, exp_alerts: [] })),
      },
    ];
  });
  return stringify({ rule_files: ['rules.yaml'], evaluation_interval: '1m', tests });
};

describe.each(COMPONENTS)('alerts of the %s', (component, cases) => {
  const rules = stringify(ruleGroups(component));

  it('pass the checks and lint of promtool', async () => {
    const { code, output } = await promtool.run(['check', 'rules', '--lint=all', '--lint-fatal', 'rules.yaml'], {
      'rules.yaml': rules,
    });
    expect(`${code}: ${output}`).toContain('0: ');
    expect(output).toContain('SUCCESS');
  });

  it('have a case each', () => {
    const names = ruleGroups(component).groups.flatMap((group) => group.rules.map(({ alert }) => alert));
    expect(cases.map(({ alert }) => alert)).toEqual(names);
  });

  it('fire when something is broken, name it, and are silent while it works', async () => {
    const { code, output } = await promtool.run(['test', 'rules', 'tests.yaml'], {
      'rules.yaml': rules,
      'tests.yaml': testsFor(component, cases),
    });
    expect(`${code}: ${output}`).toMatch(/^0: /);
  });
});

describe('no replica at all', () => {
  it.each([
    ['webhook', 'VaultAuthInjectorDown', 2],
    ['controller', 'VaultAuthInjectorNoLeader', 5],
  ] as const)('of the %s fires %s', async (component, alert, minutes) => {
    const test = (at: number, count: number) => ({
      expr: `count(ALERTS{alertname="${alert}",alertstate="firing"}) or vector(0)`,
      eval_time: `${at}m`,
      exp_samples: [{ labels: '{}', value: count }],
    });
    const tests = [
      { interval: '1m', input_series: inputOf({ up: '1x60' }), promql_expr_test: [test(minutes - 1, 0), test(minutes + 1, 1)] },
    ];
    const { code, output } = await promtool.run(['test', 'rules', 'tests.yaml'], {
      'rules.yaml': stringify(ruleGroups(component)),
      'tests.yaml': stringify({ rule_files: ['rules.yaml'], evaluation_interval: '1m', tests }),
    });
    expect(`${code}: ${output}`).toMatch(/^0: /);
  });
});

it('fails when an alert has another threshold (proof that the cases can fail)', async () => {
  const [first] = WEBHOOK_CASES;
  if (!first) throw new Error('no case');
  const { code, output } = await promtool.run(['test', 'rules', 'tests.yaml'], {
    'rules.yaml': stringify(ruleGroups('webhook')).replace('for: 2m', 'for: 5m'),
    'tests.yaml': testsFor('webhook', [first]),
  });
  expect(code).not.toBe(0);
  expect(output).toContain('VaultAuthInjectorDown');
});
