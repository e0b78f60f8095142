// What is remembered of earlier pods never shows: every answer is the one of a process that has seen no pod before.
import fc from 'fast-check';
import { admitPod, type AdmissionContext } from '../../src/admission/admit.ts';
import { parseKnown } from '../../src/admission/known-pods.ts';
import { baseline } from '../../src/annotations/parse.ts';
import { admissionContext, UNKNOWN_CLUSTER } from '../../src/cli/context.ts';
import { readYamlText } from '../../src/cli/yaml-text.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { readSettings } from '../../src/settings/read.ts';
import type { Command } from '../../src/settings/table.ts';
import { annotations, pod } from './pods.ts';

const contextOf = (command: Command, ...flags: readonly string[]): AdmissionContext => {
  const reading = readSettings(command, ['-vault-address=https://vault.example:8200', ...flags], {});
  if (!reading.ok) throw new Error(reading.problems.join('\n'));
  return admissionContext(command, reading.value, UNKNOWN_CLUSTER, readYamlText);
};

/** The same settings as a process would have them that has just started. */
const fresh = (context: AdmissionContext): AdmissionContext => ({ ...context, baseline: { ...context.baseline } });

/** Two pods of one owner: the same annotations, and each its own name of the token's volume, as the API server gives them. */
const siblings = fc
  .oneof(annotations(), annotations(fc.constant(true)))
  .chain((same) => fc.tuple(pod(fc.constant(same)), pod(fc.constant(same)), fc.stringMatching(/^[a-z0-9]{5}$/)))
  .map(([one, other, suffix]) => [
    one,
    JSON.parse(JSON.stringify(other).replaceAll('kube-api-access-x7k2p', `kube-api-access-${suffix}`)) as JsonObject,
  ]);

describe.each([
  ['webhook', contextOf('webhook', '-allow=*')],
  ['webhook with guarded annotations', contextOf('webhook')],
  ['agent-inject', contextOf('agent-inject')],
])('%s', (_, context) => {
  test('a pod is judged as if it were the first', () => {
    fc.assert(
      fc.property(siblings, (pods) => {
        for (const object of [...pods, ...pods]) {
          const outcome = admitPod(object, 'shop', context);
          expect(JSON.stringify(outcome)).toBe(JSON.stringify(admitPod(object, 'shop', fresh(context))));
        }
      }),
      { numRuns: 250 },
    );
  });
});

test('layers are kept apart: the same annotation elsewhere is another pod', () => {
  const base = baseline({});
  const role = new Map([['vaultauth.dev/role', 'demo']]);
  const layers = [{ pod: role }, { namespace: role }, { serviceaccount: role }, { pod: role, namespace: role }, {}];
  const parsed = layers.map((one) => parseKnown(one, base, readYamlText));
  expect(new Set(parsed).size).toBe(layers.length);
  expect(layers.map((one) => parseKnown(one, base, readYamlText))).toEqual(parsed);
});

test('only what is asked for stays, and never a list that was not read', () => {
  const base = baseline({});
  const parse = (role: string) => parseKnown({ pod: new Map([['vaultauth.dev/role', role]]) }, base, readYamlText);
  const [kept, dropped] = [parse('kept'), parse('dropped')];
  for (let role = 0; role < 1000; role += 1) {
    parse(String(role));
    expect(parse('kept')).toBe(kept);
  }
  expect(parse('dropped')).not.toBe(dropped);
  const wrong = { pod: new Map([['vault.hashicorp.com/agent-run-as-user', 'nobody']]) };
  expect(parseKnown(wrong, base, readYamlText).problems).not.toEqual([]);
  expect(parseKnown(wrong, base, readYamlText)).toBe(parseKnown(wrong, base, readYamlText));
  const listed = { pod: new Map([['vaultauth.dev/secrets', '[{name: db, path: kv/db}]']]) };
  expect(parseKnown(listed, base, () => ({ because: 'not yet' })).problems).not.toEqual([]);
  expect(parseKnown(listed, base, readYamlText).problems).toEqual([]);
});
