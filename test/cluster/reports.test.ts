// What the webhook reports about pods on a real API server, with the rights of deploy/variants/reports: Events on owners, missed pods.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { isObject, type JsonObject, objectAt, objectsOf, textOf } from '../../src/json/json.ts';
import { type Bed, startBed } from '../bed/bed.ts';
import { repositoryDirectory } from '../bed/environment.ts';
import { untilMay, userOf } from '../bed/rights.ts';
import { registerWebhook, startWebhook, untilInjecting, type Webhook } from '../bed/webhook.ts';
import { eventually } from '../support/eventually.ts';
import { ASKING, createPod, podsPath, webPod } from './pods.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const ACCOUNT = 'webhook';
const REGISTRATION = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/ours';
const SEARCH = '-missed-pods-interval=2s';

let bed: Bed;
let team: string;
let reporting: Webhook;
let failed = true;

/** The rules of every ClusterRole in a shipped file, and perhaps more, given to the service account. */
const grant = async (name: string, files: readonly string[], more: readonly JsonObject[] = []): Promise<void> => {
  const rules = files.flatMap((file) =>
    parseAllDocuments(readFileSync(join(repositoryDirectory(), file), 'utf8'))
      .map((document): unknown => document.toJS())
      .filter(isObject)
      .filter(({ kind }) => kind === 'ClusterRole')
      .flatMap((role) => objectsOf(role['rules'])),
  );
  await bed.request('POST', `${RBAC}/clusterroles`, { metadata: { name }, rules: [...rules, ...more] });
  await bed.request('POST', `${RBAC}/clusterrolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: [{ kind: 'ServiceAccount', name: ACCOUNT, namespace: 'default' }],
  });
};

const kubeconfig = async (): Promise<string> => {
  const answer = await bed.request<JsonObject>('POST', `/api/v1/namespaces/default/serviceaccounts/${ACCOUNT}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {},
  });
  const file = join(bed.directory, 'reports.kubeconfig');
  const user = { token: textOf(objectAt(answer, 'status'), 'token') };
  const server = { server: bed.url, 'certificate-authority-data': Buffer.from(bed.ca).toString('base64') };
  const text = JSON.stringify({
    clusters: [{ name: 'bed', cluster: server }],
    users: [{ name: 'user', user }],
    contexts: [{ name: 'bed', context: { cluster: 'bed', user: 'user' } }],
    'current-context': 'bed',
  });
  writeFileSync(file, text, { mode: 0o600 });
  return file;
};

/** A pod as a ReplicaSet creates it. */
const owned = (name: string, annotations: Readonly<Record<string, string>>, owner: string): JsonObject => {
  const pod = webPod(name, annotations);
  const reference = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: `uid-of-${owner}`, controller: true };
  return { ...pod, metadata: { ...objectAt(pod, 'metadata'), ownerReferences: [reference] } };
};

/** Creates a pod and sets it running, as a kubelet would. */
const running = async (pod: JsonObject): Promise<void> => {
  const name = textOf(objectAt(pod, 'metadata'), 'name');
  await createPod(bed, team, pod);
  const path = `${podsPath(team)}/${name}/status`;
  await bed.request('PATCH', path, { status: { phase: 'Running' } }, 'application/merge-patch+json');
};

/** `Kind/name type: note` of the Events with this reason. */
const eventsOf = async (reason: string): Promise<readonly string[]> => {
  const list = await bed.request<JsonObject>('GET', `/apis/events.k8s.io/v1/namespaces/${team}/events`);
  return objectsOf(list['items'])
    .filter((event) => event['reason'] === reason)
    .map((event) => {
      const regarding = objectAt(event, 'regarding');
      return `${textOf(regarding, 'kind')}/${textOf(regarding, 'name')} ${textOf(event, 'type')}: ${textOf(event, 'note')}`;
    })
    .toSorted();
};

const metric = async ({ operations }: Webhook, name: string): Promise<readonly string[]> =>
  (await (await fetch(`${operations}/metrics`)).text())
    .split('\n')
    .filter((line) => line.startsWith(`vault_auth_injector_${name}`));

beforeAll(async () => {
  bed = await startBed({ parts: ['kube-apiserver'] });
  team = await bed.createNamespace();
  await bed.request('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: ACCOUNT } });
  await grant('reports', ['deploy/manifests/rbac.yaml', 'deploy/variants/reports/rbac.yaml']);
  await untilMay(bed, userOf('default', ACCOUNT), { verb: 'list', resource: 'pods' });
  // Nothing is registered yet: these pods are missed.
  await running(owned('missed', ASKING, 'web'));
  await running(webPod('bare', ASKING));
  await running(owned('other', {}, 'other'));
  const flags = [`-kubeconfig=${await kubeconfig()}`, '-events', '-missed-pods=report', SEARCH];
  reporting = await startWebhook(bed, { name: 'reporting', flags });
  await registerWebhook(bed, { name: 'ours', ...reporting });
  await untilInjecting(bed, team);
  await running(owned('whole', ASKING, 'web'));
  failed = false;
}, 600_000);
afterAll(async () => {
  await bed?.stop(failed ? 'failed' : 'passed');
});

test('an Event on the owner has what the API server answers to the controller that creates a denied pod', async () => {
  const pod = owned('denied', { ...ASKING, 'vault.hashicorp.com/agent-limits-cpu': 'plenty' }, 'denied');
  await bed.exchange('POST', podsPath(team, '?dryRun=All'), pod);
  expect(await eventsOf('InjectionDenied')).toEqual([]);
  for (let attempt = 0; attempt < 3; attempt += 1) expect((await bed.exchange('POST', podsPath(team), pod)).status).toBe(403);
  const { text } = await bed.exchange('POST', podsPath(team), pod);
  const [event = ''] = await eventually('an Event', async () => {
    const events = await eventsOf('InjectionDenied');
    return events.length > 0 && events;
  });
  expect(event).toMatch(/^ReplicaSet\/denied Warning: error injecting the agent: one problem: .*agent-limits-cpu.*plenty/);
  expect(JSON.parse(text)).toMatchObject({ message: expect.stringContaining(event.replace(/^.*Warning: /, '')) as string });
  // The other attempts count in the same Event.
  expect(await eventsOf('InjectionDenied')).toHaveLength(1);
});

test('an Event on the owner has the warnings of an admitted pod, and a pod without owner gets none', async () => {
  const annotations = { ...ASKING, 'vault.hashicorp.com/agent-inject-secrett-typo': 'x' };
  await createPod(bed, team, owned('warned', annotations, 'warned'));
  await createPod(bed, team, webPod('warned-bare', annotations));
  const events = await eventually('an Event', async () => {
    const found = await eventsOf('InjectionWarning');
    return found.length > 0 && found;
  });
  expect(events).toEqual([expect.stringMatching(/^ReplicaSet\/warned Warning: .*agent-inject-secrett-typo/)]);
});

test('running pods that should have been injected get an Event and are counted; others do not', async () => {
  await eventually('the metric', async () =>
    expect(await metric(reporting, 'missed_pods{')).toEqual(['vault_auth_injector_missed_pods{reason="pod-annotation"} 2']),
  );
  await eventually('Events', async () =>
    expect(await eventsOf('InjectionMissed')).toEqual([
      expect.stringMatching(/^Pod\/bare Warning: The pod should have been injected \(pod-annotation\)/),
      expect.stringMatching(/^Pod\/missed Warning: /),
    ]),
  );
  expect(await metric(reporting, 'events_unwritten_total')).toEqual(['vault_auth_injector_events_unwritten_total 0']);
});

test('with evict, a pod with an owner is evicted once, and not again if its replacement is missed too', async () => {
  await grant('evictions', [], [{ apiGroups: [''], resources: ['pods/eviction'], verbs: ['create'] }]);
  await untilMay(bed, userOf('default', ACCOUNT), { verb: 'create', resource: 'pods/eviction' });
  const evicting = await startWebhook(bed, {
    name: 'evicting',
    flags: [`-kubeconfig=${await kubeconfig()}`, '-missed-pods=evict', SEARCH],
  });
  await eventually('the eviction', async () => (await bed.exchange('GET', `${podsPath(team)}/missed`)).status === 404);
  await bed.request('DELETE', REGISTRATION);
  await eventually('no injection', async () => {
    const pod = await bed.request<JsonObject>('POST', podsPath(team, '?dryRun=All'), webPod('probe', ASKING));
    return objectsOf(objectAt(pod, 'spec')?.['containers']).length === 1;
  });
  await running(owned('replacement', ASKING, 'web'));
  await eventually('both are counted', async () =>
    expect(await metric(evicting, 'missed_pods{')).toEqual(['vault_auth_injector_missed_pods{reason="pod-annotation"} 2']),
  );
  expect((await bed.exchange('GET', `${podsPath(team)}/replacement`)).status).toBe(200);
  expect((await bed.exchange('GET', `${podsPath(team)}/bare`)).status).toBe(200);
  expect(await metric(evicting, 'missed_pods_evicted_total')).toEqual(['vault_auth_injector_missed_pods_evicted_total 1']);
});
