// D1: a tenant who fills the annotations of many objects keeps neither controller nor webhook from reading the others.
import { readFileSync } from 'node:fs';
import { collectionPath } from '../../../src/resources/kinds.ts';
import { type Bed, startBed } from '../../bed/bed.ts';
import { installController, runController } from '../../bed/controller.ts';
import { startWebhook } from '../../bed/webhook.ts';
import { eventually } from '../../support/eventually.ts';

let bed: Bed;
let outcome: 'passed' | 'failed' = 'failed';

/** 160 × 240 KiB are more than the 32 MiB that one response may have. */
const COUNT = 160;
const FAT = { fat: 'x'.repeat(240 * 1024) };
/** As the image starts Node. */
const NODE_FLAGS = ['--max-old-space-size=192'];
const MAX_RSS_MIB = 250;

beforeAll(async () => {
  bed = await startBed({ parts: ['kube-apiserver'] });
  await installController(bed);
  const namespace = await bed.createNamespace();
  for (let index = 0; index < COUNT; index += 1) {
    const metadata = { name: `fat-${index}`, namespace, annotations: FAT };
    await bed.request('POST', collectionPath('VaultAuthRole', namespace), {
      apiVersion: 'vaultauth.dev/v1alpha1',
      kind: 'VaultAuthRole',
      metadata,
      spec: {},
    });
    await bed.request('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata });
  }
}, 600_000);
afterAll(() => bed?.stop(outcome));

const peakMiB = (pid: number): number => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

it('starts and leads beside them', async () => {
  const controller = await runController(bed, { nodeFlags: NODE_FLAGS });
  await eventually('it leads', async () =>
    (await (await fetch(`${controller.operations}/metrics`)).text()).includes('\nvault_auth_injector_leading 1\n'),
  );
  expect(peakMiB(controller.server.pid)).toBeLessThan(MAX_RSS_MIB);
}, 120_000);

it('lets the webhook read all roles', async () => {
  const webhook = await startWebhook(bed, { flags: [`-kubeconfig=${bed.kubeconfig}`] });
  await eventually('the roles are synced', async () =>
    (await (await fetch(`${webhook.operations}/metrics`)).text()).includes('\nvault_auth_injector_roles_synced 1\n'),
  );
  expect(peakMiB(webhook.server.pid)).toBeLessThan(MAX_RSS_MIB);
  outcome = 'passed';
}, 120_000);
