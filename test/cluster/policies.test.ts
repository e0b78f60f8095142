// deploy/policies on a real API server: what they refuse, what they warn of, and what they leave alone.
import { join } from 'node:path';
import type { JsonObject } from '../../src/json/json.ts';
import { type Bed, startBed } from '../bed/bed.ts';
import { repositoryDirectory } from '../bed/environment.ts';
import { KUBERNETES_VERSIONS } from '../bed/recipes.ts';
import type { ApiAnswer } from '../bed/request.ts';
import { podsPath, webPod } from './pods.ts';
import { eventually } from '../support/eventually.ts';

const POLICIES = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
const ASK = 'vault.hashicorp.com/agent-inject';
const CONFIG = 'vaultauth.dev/agent-config';
const INIT_CONFIG = 'vaultauth.dev/agent-init-config';
const MERGE = 'application/merge-patch+json';
const TOKEN = {
  volumes: [
    { name: 'vault-auth-token', projected: { sources: [{ serviceAccountToken: { path: 'token', audience: 'vault' } }] } },
  ],
};
/** Of a workload, with these annotations where they belong. */
const template = (annotations: Readonly<Record<string, string>>): JsonObject => ({
  metadata: { labels: { app: 'web' }, annotations },
  spec: { restartPolicy: 'Never', containers: [{ name: 'web', image: 'nginx' }] },
});

describe.each(KUBERNETES_VERSIONS)('on Kubernetes %s', (kubernetes) => {
  let bed: Bed;
  let team = '';
  /** Its label asks for all its pods. */
  let labelled = '';
  let outcome: 'passed' | 'failed' = 'failed';
  const deploy = join(repositoryDirectory(), 'deploy');

  const create = (pod: JsonObject, namespace = team): Promise<ApiAnswer> =>
    bed.exchange('POST', podsPath(namespace, '?dryRun=All'), pod);
  const annotated = async (path: string, annotations: Readonly<Record<string, string | null>>): Promise<ApiAnswer> =>
    bed.exchange('PATCH', path, { metadata: { annotations } }, MERGE);

  const apply = (kind: string, annotations: Readonly<Record<string, string>>, inside: Readonly<Record<string, string>>) => {
    const job = { template: template(inside) };
    const deployment = { ...job, template: { ...job.template, spec: { containers: [{ name: 'web', image: 'nginx' }] } } };
    const [path, spec] =
      kind === 'Job'
        ? ['batch/v1', job]
        : kind === 'CronJob'
          ? ['batch/v1', { schedule: '0 0 * * *', jobTemplate: { spec: job } }]
          : ['apps/v1', { ...deployment, selector: { matchLabels: { app: 'web' } } }];
    const body = { apiVersion: path, kind, metadata: { name: 'web', annotations }, spec };
    return bed.exchange('POST', `/apis/${path}/namespaces/${team}/${kind.toLowerCase()}s?dryRun=All`, body);
  };

  beforeAll(async () => {
    bed = await startBed({ kubernetes, parts: ['kube-controller-manager'] });
    await bed.kubectl(['apply', '-k', join(deploy, 'policies')]);
    team = await bed.createNamespace();
    labelled = await bed.createNamespace({ labels: { 'vaultauth.dev/inject': 'enabled' } });
    // Each is a policy of its own with a binding of its own, and the API server takes each up in its own time. The one that
    // freezes is waited for where there is a pod for it.
    await eventually(async () => (await create(webPod('probe', { [ASK]: 'true' }))).warnings.length > 0);
    await eventually(async () => (await create(webPod('probe', {}), labelled)).warnings.length > 0);
    for (const kind of ['Deployment', 'CronJob'])
      await eventually(async () => (await apply(kind, { [ASK]: 'true' }, {})).warnings.length > 0);
  }, 600_000);
  afterAll(() => bed?.stop(outcome));

  it('has expressions that fit the types of their objects', async () => {
    interface Checked {
      readonly items: readonly { readonly status?: { readonly typeChecking?: { readonly expressionWarnings?: unknown } } }[];
    }
    let items: Checked['items'] = [];
    await eventually(async () => {
      ({ items } = await bed.request<Checked>('GET', POLICIES));
      return items.length === 5 && items.every(({ status }) => status?.typeChecking !== undefined);
    });
    expect(items.map(({ status }) => status?.typeChecking?.expressionWarnings)).toEqual(items.map(() => undefined));
  });

  it('admits a pod that should have been injected with a warning that gives the reason', async () => {
    const { status, warnings } = await create(webPod('web', { [ASK]: 'true' }));
    expect([status, warnings]).toEqual([201, [expect.stringContaining('its annotations request injection')]]);
    expect((await create(webPod('web', {}), labelled)).warnings).toEqual([
      expect.stringContaining(`its namespace ${labelled} has the label`),
    ]);
  });

  it.each([
    ['asks for nothing', webPod('web', {})],
    ['carries the token', webPod('web', { [ASK]: 'true' }, TOKEN)],
    ['carries the agent', webPod('web', { [ASK]: 'true' }, { containers: [{ name: 'vault-agent', image: 'vault' }] })],
    [
      'carries the agent first',
      webPod('web', { [ASK]: 'true' }, { initContainers: [{ name: 'vault-agent-init', image: 'vault' }] }),
    ],
  ])('ignores a pod that %s', async (_, pod) => {
    expect(await create(pod)).toMatchObject({ status: 201, warnings: [] });
  });

  it('protects the configuration of a running agent from change and removal', async () => {
    expect(
      (await bed.exchange('POST', podsPath(team), webPod('native', { [CONFIG]: '{}', [INIT_CONFIG]: '{}', other: 'x' }))).status,
    ).toBe(201);
    const path = `${podsPath(team)}/native`;
    await eventually(async () => (await annotated(`${path}?dryRun=All`, { [CONFIG]: '{"vault":{}}' })).status === 403);
    for (const [annotations, subresource] of [
      [{ [CONFIG]: '{"vault":{}}' }, ''],
      [{ [CONFIG]: null }, ''],
      [{ [INIT_CONFIG]: '{"vault":{}}' }, ''],
      [{ [INIT_CONFIG]: null }, ''],
      [{ [CONFIG]: '' }, '/status'],
    ] as const) {
      const answer = await annotated(`${path}${subresource}`, annotations);
      expect([answer.status, answer.text]).toEqual([403, expect.stringContaining('change the pod template instead')]);
    }
    expect((await annotated(path, { other: 'y' })).status).toBe(200);
    expect((await bed.exchange('PATCH', `${path}/status`, { status: { phase: 'Running' } }, MERGE)).status).toBe(200);
    expect((await bed.exchange('DELETE', path)).status).toBe(200);
  });

  it.each(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'CronJob'])(
    'warns of an annotation on a %s itself',
    async (kind) => {
      const place = kind === 'CronJob' ? 'spec.jobTemplate.spec.template' : 'spec.template';
      const answer = await apply(kind, { 'openbao.org/agent-inject': 'true' }, {});
      expect([answer.status, answer.warnings]).toEqual([
        201,
        [expect.stringContaining(`openbao.org/agent-inject has no effect on the ${kind} itself`)],
      ]);
      expect(answer.warnings[0]).toContain(`move it to ${place}.metadata.annotations`);
      expect((await apply(kind, { other: 'x' }, { [ASK]: 'true' })).warnings).toEqual([]);
      expect((await apply(kind, { [ASK]: 'true' }, { [ASK]: 'true' })).warnings).toEqual([]);
    },
  );

  it('rejects a pod that was not injected, with verify-deny', async () => {
    await bed.kubectl(['apply', '-k', join(deploy, 'variants', 'verify-deny')]);
    await eventually(async () => (await create(webPod('probe', { [ASK]: 'true' }))).status !== 201);
    const answer = await create(webPod('web', { [ASK]: 'true' }));
    expect([answer.status, answer.text]).toEqual([
      403,
      expect.stringContaining('has neither the Vault agent nor the Vault token'),
    ]);
    expect((await create(webPod('web', { [ASK]: 'true' }, TOKEN))).status).toBe(201);
    expect((await create(webPod('web', {}))).status).toBe(201);
    // Who did not ask is never refused, for the webhook may have left it alone for good reasons.
    const silent = await create(webPod('web', {}), labelled);
    expect([silent.status, silent.warnings]).toEqual([201, [expect.stringContaining(`its namespace ${labelled} has the label`)]]);
    outcome = 'passed';
  });
});
