// Warnings about the pods of a workload, for the author of the workload.
import { createWorkloadReview, type Reply } from '../../../src/admission/review.ts';
import { objectAt, textsOf, type JsonObject } from '../../../src/json/json.ts';
import { contextOf, type Surrounding } from '../../support/pods.ts';
import { linked, READY } from '../../support/linked-cluster.ts';
import { moded } from '../../support/linked-pods.ts';

const template = (annotations: Readonly<Record<string, string>>, spec: JsonObject = {}): JsonObject => ({
  metadata: { annotations: { 'vaultauth.dev/agent-inject': 'true', ...annotations } },
  spec: { serviceAccountName: 'web', containers: [{ name: 'web', image: 'web' }], ...spec },
});

interface Given {
  readonly kind?: { readonly group: string; readonly kind: string };
  readonly object: JsonObject;
  readonly oldObject?: JsonObject;
}

const DEPLOYMENT = { group: 'apps', kind: 'Deployment' };
const judge = ({ kind = DEPLOYMENT, ...objects }: Given, surrounding: Surrounding = { command: 'webhook' }): Reply =>
  createWorkloadReview(() => contextOf(surrounding))(
    Buffer.from(
      JSON.stringify({
        apiVersion: 'admission.k8s.io/v1',
        kind: 'AdmissionReview',
        request: { uid: 'u', kind: { version: 'v1', ...kind }, namespace: 'shop', name: 'web', ...objects },
      }),
    ),
  );

const deployment = (pods: JsonObject, metadata: JsonObject = {}): JsonObject => ({
  metadata: { name: 'web', ...metadata },
  spec: { template: pods },
});
const responseOf = ({ body }: Reply): JsonObject => objectAt(JSON.parse(body) as JsonObject, 'response') ?? {};
const warningsOf = (reply: Reply): string => textsOf(responseOf(reply)['warnings']).join('\n');

const MISTAKE = { 'vaultauth.dev/role': 'web', 'vaultauth.dev/agent-limits-cpu': 'much' };

describe('a workload whose pods would be denied', () => {
  it.each([
    ['Deployment', DEPLOYMENT, deployment(template(MISTAKE))],
    ['CronJob', { group: 'batch', kind: 'CronJob' }, { spec: { jobTemplate: { spec: { template: template(MISTAKE) } } } }],
    ['Rollout', { group: 'argoproj.io', kind: 'Rollout' }, deployment(template(MISTAKE))],
  ])('of kind %s is admitted unchanged, with the problems as warnings', (_, kind, object) => {
    const reply = judge({ kind, object });
    expect(responseOf(reply)).toMatchObject({ uid: 'u', allowed: true });
    expect(responseOf(reply)['patch']).toBeUndefined();
    expect(warningsOf(reply)).toContain('vaultauth.dev/agent-limits-cpu');
    expect(reply.record).toMatchObject({ decision: 'judged', kind: kind.kind, codes: ['annotation-value'] });
  });

  it('gets the problems of its role, in mode Enforce too', () => {
    const surrounding = linked({
      backends: moded('Enforce'),
      roles: { web: { spec: { serviceAccounts: ['other'] }, status: READY } },
    });
    const reply = judge({ object: deployment(template({ 'vaultauth.dev/role': 'web' })) }, surrounding);
    expect(responseOf(reply)['allowed']).toBe(true);
    expect(warningsOf(reply)).toContain('does not bind service account "web"');
  });
});

describe('no warning', () => {
  const broken = deployment(template(MISTAKE));
  it.each<[string, Given]>([
    ['about pods that can be injected', { object: deployment(template({ 'vaultauth.dev/role': 'web' })) }],
    [
      'about pods in profile compat that get their token from the API server',
      {
        object: deployment(template({ 'vaultauth.dev/role': 'web', 'vaultauth.dev/profile': 'compat' })),
      },
    ],
    ['about pods that request nothing', { object: deployment({ spec: { containers: [{ name: 'web' }] } }) }],
    ['if an update leaves the template as it is', { object: broken, oldObject: broken }],
    [
      'about an object that a controller creates',
      {
        kind: { group: 'apps', kind: 'ReplicaSet' },
        object: deployment(template(MISTAKE), { ownerReferences: [{ kind: 'Deployment', controller: true }] }),
      },
    ],
    ['about a kind of another group', { kind: { group: 'example.com', kind: 'Deployment' }, object: broken }],
    ['about an object without a template', { object: { spec: { template: 5 } } }],
  ])('%s', (_, given) => {
    const reply = judge(given);
    expect([responseOf(reply)['allowed'], warningsOf(reply)]).toEqual([true, '']);
  });
});

test('a template with a changed annotation is judged again', () => {
  const oldObject = deployment(template({ 'vaultauth.dev/role': 'web' }));
  expect(warningsOf(judge({ object: deployment(template(MISTAKE)), oldObject }))).not.toBe('');
});
