// The manifests of the controller agree with one another, with those of the webhook, and with the program.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '../../../src/json/json.ts';
import { GROUP, kinds } from '../../../src/resources/kinds.ts';
import { readSettings } from '../../../src/settings/read.ts';
import { at, filesIn, objectsIn, only } from './documents.ts';

const NAME = 'vault-auth-injector-controller';
const NAMESPACE = 'vault-auth-injector';
const FILES = filesIn('controller').filter((file) => !file.endsWith('kustomization.yaml'));
const objects = FILES.flatMap(objectsIn);
const deployment = only(objects, 'Deployment');
const pod = at(deployment, 'spec', 'template');
const container = at(pod, 'spec', 'containers', 0);
const labels = at(pod, 'metadata', 'labels');
const webhook = at(only(objectsIn('manifests/deployment.yaml'), 'Deployment'), 'spec', 'template');
const args = at(container, 'args') as readonly string[];
const reading = readSettings('controller', args.slice(1), {});
const settings = reading.ok ? reading.value.settings : undefined;

it('the kustomization has every file, and no namespace: deleting it must leave the webhook', () => {
  const resources = at(only(objectsIn('controller/kustomization.yaml'), 'Kustomization'), 'resources') as readonly string[];
  expect(resources.map((name) => `controller/${name}`).toSorted()).toEqual(FILES);
  expect(FILES.flatMap(objectsIn).map(({ kind }) => kind)).not.toContain('Namespace');
});

it('objects are named alike, in one namespace, and select the pods of the Deployment', () => {
  for (const object of objects) {
    expect(at(object, 'metadata', 'name')).toBe(NAME);
    expect(at(object, 'metadata', 'labels')).toEqual(labels);
    expect([undefined, NAMESPACE]).toContain(at(object, 'metadata', 'namespace'));
  }
  for (const selector of [
    at(deployment, 'spec', 'selector', 'matchLabels'),
    at(only(objects, 'Service'), 'spec', 'selector'),
    at(only(objects, 'PodDisruptionBudget'), 'spec', 'selector', 'matchLabels'),
    at(only(objects, 'NetworkPolicy'), 'spec', 'podSelector', 'matchLabels'),
    ...(at(pod, 'spec', 'topologySpreadConstraints') as readonly unknown[]).map((spread) =>
      at(spread, 'labelSelector', 'matchLabels'),
    ),
  ])
    expect(selector).toEqual(labels);
});

it('the process gets flags that it knows, and knows its Lease, its account and its port', () => {
  expect(args[0]).toBe('controller');
  expect(reading).toMatchObject({ ok: true });
  expect(at(pod, 'spec', 'serviceAccountName')).toBe(settings?.serviceAccount);
  const leases = (at(only(objects, 'Role'), 'rules') as readonly JsonObject[]).flatMap((rule) => rule['resourceNames'] ?? []);
  expect(leases).toEqual([settings?.leaseName]);
  expect(at(container, 'ports', 0, 'containerPort')).toBe(settings?.operationsListen?.port);
});

it('the pod is as confined as that of the webhook', () => {
  for (const path of [['securityContext'], ['automountServiceAccountToken'], ['volumes']])
    expect(at(pod, 'spec', ...path)).toEqual(at(webhook, 'spec', ...path));
  for (const path of ['securityContext', 'volumeMounts'])
    expect(at(container, path)).toEqual(at(webhook, 'spec', 'containers', 0, path));
  const [namespace, name] = at(webhook, 'spec', 'containers', 0, 'env') as readonly unknown[];
  expect(at(container, 'env')).toEqual([namespace, name]);
});

it('the memory is twice what the heap may have', () => {
  const entrypoint = /ENTRYPOINT (\[.*\])/.exec(
    readFileSync(join(import.meta.dirname, '..', '..', '..', 'Dockerfile'), 'utf8'),
  )?.[1];
  const heap = Number(/--max-old-space-size=(\d+)/.exec(entrypoint ?? '')?.[1]);
  expect(heap * 2).toBeLessThanOrEqual(Number.parseInt(String(at(container, 'resources', 'limits', 'memory')), 10));
});

it('the rights name all kinds and their status, and nothing with a wildcard', () => {
  const rules = objects
    .filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role')
    .flatMap((object) => at(object, 'rules') as readonly JsonObject[]);
  expect(JSON.stringify(rules)).not.toContain('*');
  const ours = rules.filter((rule) => JSON.stringify(rule['apiGroups']) === JSON.stringify([GROUP]));
  const plurals = Object.values(kinds).map(({ plural }) => plural);
  expect(ours[0]?.['resources']).toEqual(plurals);
  expect(ours[1]?.['resources']).toEqual(plurals.map((plural) => `${plural}/status`));
});
