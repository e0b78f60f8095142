// Every value of the chart has an effect, and the schema rejects what has none.
import { chartValues } from '../../generated/chart.ts';
import { CHART, type Helm, openHelm } from '../../bed/helm.ts';
import type { Json } from '../../../src/json/json.ts';
import { VALUE_CHANGES } from './value-changes.ts';

let helm: Helm;
beforeAll(async () => {
  helm = await openHelm();
}, 900_000);
afterAll(() => helm?.close());

/** `{a: {b: 1}}` from `{'a.b': 1}`. */
const nested = (flat: Readonly<Record<string, Json>>): object => {
  const root: Record<string, unknown> = {};
  for (const [path, value] of Object.entries(flat)) {
    const keys = path.split('.');
    const parent = keys.slice(0, -1).reduce<Record<string, unknown>>((map, key) => (map[key] ??= {}) as typeof map, root);
    parent[keys.at(-1) ?? ''] = value;
  }
  return root;
};
const render = (flat: Readonly<Record<string, Json>>, ...words: readonly string[]): Promise<string> =>
  helm.run(
    ['template', 'vault-auth-injector', CHART, '--namespace', 'vault-auth-injector', '--values', '-', ...words],
    JSON.stringify(nested(flat)),
  );

it('each value is changed by a test', () => {
  expect(Object.keys(VALUE_CHANGES).toSorted()).toEqual(
    chartValues()
      .map(({ path }) => path)
      .toSorted(),
  );
});

it.each(Object.entries(VALUE_CHANGES))('%s has an effect', async (path, { value, shows, needs = {} }) => {
  const [before, after] = await Promise.all([render(needs), render({ ...needs, [path]: value })]);
  expect(after).not.toBe(before);
  expect(after).toContain(shows);
  if (shows !== '') expect(before).not.toContain(shows);
});

it.each([
  [{ 'webhook.replcas': 3 }, 'replcas'],
  [{ 'webhook.settings': { 'log-levl': 'debug' } }, 'log-levl'],
  [{ 'webhook.settings': { 'tls-auto': 'x' } }, 'tls-auto'],
  [{ 'selection.failurePolicy': 'Maybe' }, 'failurePolicy'],
  [{ 'certificates.mode': 'Secret' }, 'secretName'],
  [{ 'image.registry': 'registry.example/' }, 'registry'],
  [{ 'image.tag': 1.1 }, 'tag'],
  [{ 'image.digest': 'sha256:abc' }, 'digest'],
  [{ 'webhook.vaultAddress': 'vault.example' }, 'vaultAddress'],
  [{ 'webhook.podDisruptionBudget.maxUnavailable': 0 }, 'maxUnavailable'],
])('the schema rejects %j', async (values, named) => {
  await expect(render(values)).rejects.toThrow(new RegExp(`values don't meet the specifications[^]*${named}`));
});

it('names, hosts, selectors and exclusions follow from release and namespace', async () => {
  const text = await helm.run(
    ['template', 'green', CHART, '--namespace', 'platform', '--values', '-'],
    JSON.stringify(nested({ 'controller.enabled': true, 'controller.rollouts': true, 'policies.verify': 'Deny' })),
  );
  expect(text).toContain('name: green-vault-auth-injector\n        namespace: platform\n        path: /mutate');
  expect(text).toContain('            - kube-node-lease\n            - platform\n');
  expect(text).toContain("'system:serviceaccount:platform:green-vault-auth-injector-controller'");
  // Nothing is left of the names in deploy/manifests, but for the label, the group of the API and the image.
  const rest = text.replaceAll(
    /app\.kubernetes\.io\/name: vault-auth-injector$|green-vault-auth-injector[\w-]*|# .*$|image: .*$/gm,
    '',
  );
  expect(rest.match(/.*vault-auth-injector.*/g)).toEqual(null);
});
