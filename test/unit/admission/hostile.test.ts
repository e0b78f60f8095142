// Pods that are made to cost CPU time or memory: each is answered quickly, with a small response.
import { createReview } from '../../../src/admission/review.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { contextOf, podWith, TOKEN_MOUNT } from '../../support/pods.ts';

/** Far more than each of these takes, far less than each took before it was bounded. */
const REVIEW_TIMEOUT_MS = 1500;
/** The largest response to a pod of a few KiB; a usual one has 6 KiB. */
const MOST_BYTES = 1024 * 1024;

const ask = (pod: JsonObject, command: 'webhook' | 'agent-inject', flags: readonly string[] = []) => {
  const context = contextOf({ command, flags });
  const body = JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'u', namespace: 'shop', object: pod },
  });
  const started = performance.now();
  const reply = createReview(() => context, { compat: command === 'agent-inject' })(Buffer.from(body));
  expect(performance.now() - started).toBeLessThan(REVIEW_TIMEOUT_MS);
  expect(reply.body.length).toBeLessThan(MOST_BYTES);
  return reply.record;
};

const doubling = JSON.stringify(Array.from({ length: 24 }, (_, index) => ({ op: 'copy', from: '', path: `/k${index}` })));
const many = (count: number, make: (index: number) => readonly [string, string]): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => make(index)));

describe.each(['webhook', 'agent-inject'] as const)('%s', (command) => {
  test.each([
    ['a patch that doubles its document', { 'agent-json-patch': doubling, 'agent-init-json-patch': doubling }],
    ['the same in profile native', { 'vaultauth.dev/profile': 'native', 'vaultauth.dev/agent-config-patch': doubling }],
    [
      'ten thousand operations',
      { 'agent-json-patch': JSON.stringify(Array.from({ length: 5000 }, () => ({ op: 'add', path: '/x', value: 1 }))) },
    ],
    ['a duration without end', { 'auth-min-backoff': '1'.repeat(200_000) }],
    ['a number without end', { 'template-lease-renewal-threshold': `${'1'.repeat(200_000)}x` }],
    ['a quantity of two hundred thousand digits', { 'agent-limits-cpu': `1${'0'.repeat(200_000)}e1` }],
    ['a user of a million digits', { 'agent-run-as-user': '9'.repeat(250_000) }],
    ['an id that JSON cannot hold', { 'agent-run-as-user': '9223372036854775807' }],
    ['a retry grace that JSON cannot hold', { 'agent-revoke-on-shutdown': 'true', 'agent-revoke-grace': '9007199254740993' }],
    [
      'too many annotations for Kubernetes',
      many(8000, (index) => [`agent-inject-secret-s${index}`, 'kv/data/some/path/that/is/long']),
    ],
    ['a name of three hundred thousand characters', { 'agent-service-account-token-volume-name': 'v'.repeat(250_000) }],
    ['four thousand bad values', many(4000, (index) => [`error-on-missing-key-s${index}`, 'maybe'])],
  ])('%s', (_, annotations) => {
    expect(ask(podWith({ annotations }), command)).toMatchObject({ decision: 'denied' });
  });

  test('members with the names of a problem’s fields are ordinary members', () => {
    const patch = JSON.stringify(['code', 'document', 'problem'].map((name) => ({ op: 'add', path: `/${name}`, value: 'x' })));
    const profile = command === 'webhook' ? { 'vaultauth.dev/agent-config-patch': patch } : {};
    const annotations = { 'agent-json-patch': patch, 'agent-init-json-patch': patch, ...profile };
    const allow = command === 'webhook' ? ['-allow=*'] : [];
    expect(ask(podWith({ annotations }), command, allow)).toMatchObject({ decision: 'injected', codes: [] });
  });

  test('a thousand directories in a thousand containers', () => {
    const annotations = many(300, (index) => [`agent-inject-secret-s${index}`, 'kv/a']);
    const paths = many(300, (index) => [`secret-volume-path-s${index}`, `/s${index}`]);
    const containers = Array.from({ length: 1000 }, (_, index) => ({ name: `c${index}`, volumeMounts: [TOKEN_MOUNT] }));
    expect(ask(podWith({ annotations: { ...annotations, ...paths }, spec: { containers } }), command)).toMatchObject({
      codes: expect.arrayContaining(['mounts-too-many']) as string[],
    });
  });

  test('five thousand secrets within the limit of Kubernetes', () => {
    const context = contextOf({ command });
    const object = podWith({ annotations: many(5000, (index) => [`agent-inject-secret-s${index}`, 'k']) });
    const started = performance.now();
    createReview(() => context, { compat: true })(Buffer.from(JSON.stringify({ request: { uid: 'u', object } })));
    expect(performance.now() - started).toBeLessThan(REVIEW_TIMEOUT_MS);
  });
});

test('a status annotation does not let injection replace a container with the name of the agent', () => {
  const containers = [
    { name: 'web', volumeMounts: [TOKEN_MOUNT] },
    { name: 'vault-agent', image: 'mine/app' },
  ];
  expect(ask(podWith({ annotations: { 'agent-inject-status': 'no' }, spec: { containers } }), 'agent-inject')).toMatchObject({
    codes: ['container-conflict'],
  });
});

test('a directory is not a token because of its name', () => {
  const containers = [{ name: 'web', volumeMounts: [{ name: 'docs', mountPath: '/etc/serviceaccount-docs' }] }];
  const volumes = [{ name: 'docs', configMap: { name: 'docs' } }];
  expect(ask(podWith({ spec: { containers, volumes } }), 'webhook', ['-profile=compat'])).toMatchObject({
    codes: ['token-missing'],
  });
});

test('a pod without a spec is denied', () => {
  const pod = { ...podWith({ annotations: { 'vaultauth.dev/profile': 'native' } }), spec: null };
  expect(ask(pod, 'webhook')).toMatchObject({ decision: 'denied', codes: ['pod-malformed'] });
});
