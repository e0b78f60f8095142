// Nothing of a review but the chosen fields of its record reaches a log, a metric or an error, at any level.
import { review as envelope, send } from './client.ts';
import { startServer, stopServers } from './fixture.ts';
import { realReview } from './real-review.ts';

afterAll(stopServers);

const CANARY = 'CANARY-6f1c';
const TOKEN_MOUNT = { name: 'token', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' };

/** A review with the canary wherever a secret could be. */
const reviewWithCanary = (annotations: Readonly<Record<string, string>>): string =>
  JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u',
      namespace: 'shop',
      operation: 'CREATE',
      userInfo: { username: CANARY, extra: { key: [CANARY] } },
      options: { note: CANARY },
      object: {
        metadata: { generateName: 'web-', annotations: { note: CANARY, ...annotations }, labels: { label: CANARY } },
        spec: {
          containers: [
            {
              name: 'app',
              image: CANARY,
              env: [{ name: 'PASSWORD', value: CANARY }],
              command: [CANARY],
              args: [CANARY],
              volumeMounts: [TOKEN_MOUNT],
            },
          ],
          volumes: [
            { name: 'v', hostPath: { path: CANARY } },
            { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
          ],
        },
      },
    },
  });

const PREFIX = 'vault.hashicorp.com/';
const CASES: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ['a pod without annotations for injection', {}],
  [
    'an injected pod',
    {
      [`${PREFIX}agent-inject`]: 'true',
      [`${PREFIX}role`]: CANARY,
      [`${PREFIX}agent-inject-template-x`]: CANARY,
      [`${PREFIX}agent-inject-secret-x`]: CANARY,
    },
  ],
  ['an invalid value', { [`${PREFIX}agent-inject`]: CANARY }],
  [
    'a denied pod',
    {
      [`${PREFIX}agent-inject`]: 'true',
      [`${PREFIX}role`]: 'r',
      [`${PREFIX}agent-run-as-user`]: CANARY,
      [`${PREFIX}agent-limits-cpu`]: CANARY,
    },
  ],
  ['unknown names', { [`${PREFIX}agent-inject`]: 'true', [`${PREFIX}role`]: 'r', [`${PREFIX}agent-injekt-token`]: CANARY }],
];

describe.each([{ compat: true }, { compat: false }])('with %j', ({ compat }) => {
  it('does not appear in logs, metrics or errors of reviews', async () => {
    const server = await startServer({
      review: realReview({ compat }),
      logLevel: 'trace',
      compat: compat ? { telemetryPath: '/metrics' } : undefined,
    });
    const headers = {
      authorization: `Bearer ${CANARY}`,
      cookie: CANARY,
      'user-agent': CANARY,
      traceparent: CANARY,
      'x-forwarded-for': CANARY,
    };
    for (const [, annotations] of CASES)
      expect((await send(server.port, reviewWithCanary(annotations), { headers })).status).toBe(200);
    for (const body of [CANARY, `{"${CANARY}":`, envelope().replace('AdmissionReview', CANARY), ''])
      expect((await send(server.port, body, { headers })).body).not.toContain(CANARY);
    await send(server.port, envelope(), { path: `/mutate?token=${CANARY}`, headers });
    await send(server.port, envelope(), { path: `/${CANARY}`, headers });
    await send(server.port, envelope(), { headers: { 'content-type': CANARY } });
    const written = [...server.lines, await server.metrics.registry.metrics()].join('');
    expect(server.lines.length).toBeGreaterThan(CASES.length);
    expect(written).toContain('"decision":"injected"');
    expect(written).not.toContain(CANARY);
  });

  it('does not appear in the log of an internal error', async () => {
    const server = await startServer({
      review: (body) => {
        throw new TypeError(`cannot read ${body.toString()}`, { cause: new Error(CANARY) });
      },
    });
    expect((await send(server.port, reviewWithCanary({}))).body).toBe('internal error\n');
    expect(server.lines.join('')).toContain('TypeError');
    expect(server.lines.join('')).not.toContain(CANARY);
  });
});
