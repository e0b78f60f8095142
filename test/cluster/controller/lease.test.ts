// Two controllers on one API server: one leads, the other takes over, and a paused leader writes nothing afterwards.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { API_VERSION, collectionPath } from '../../../src/resources/kinds.ts';
import { type Bed, startBed } from '../../bed/bed.ts';
import { CONTROLLER_NAMESPACE, type ControllerProcess, installController, runController } from '../../bed/controller.ts';
import { KUBERNETES_VERSIONS } from '../../bed/recipes.ts';
import type { Server } from '../../bed/server.ts';
import { bundleTool, type Tool } from '../../bed/tool.ts';
import { eventually } from '../../support/eventually.ts';

interface Lease {
  readonly spec: { readonly holderIdentity?: string; readonly leaseTransitions?: number; readonly acquireTime?: string };
}

const leases = `/apis/coordination.k8s.io/v1/namespaces/${CONTROLLER_NAMESPACE}/leases`;
/** The allowed time from the end of a leader to the next one. */
const HANDOVER_MS = 15_000;

/** The delay of timers in this process, in milliseconds: a stalled machine delays the hand-over as well. */
const watchLag = (): { readonly stop: () => number } => {
  let lost = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    lost += Math.max(0, now - last - 100);
    last = now;
  }, 100);
  return {
    stop: () => {
      clearInterval(timer);
      return lost;
    },
  };
};

const leads = async ({ operations }: ControllerProcess): Promise<boolean> =>
  (await (await fetch(`${operations}/metrics`)).text()).includes('\nvault_auth_injector_leading 1\n');

describe.each(KUBERNETES_VERSIONS)('on Kubernetes %s', (kubernetes) => {
  let bed: Bed;
  let tool: Tool;
  let outcome: 'passed' | 'failed' = 'failed';

  beforeAll(async () => {
    bed = await startBed({ kubernetes, parts: ['kube-apiserver'] });
    await installController(bed);
    tool = await bundleTool('../cluster/controller/leader.fixture.ts');
  }, 600_000);
  afterAll(async () => {
    tool?.remove();
    await bed?.stop(outcome);
  });

  const lease = (name: string): Promise<Lease> => bed.request<Lease>('GET', `${leases}/${name}`);

  it('hands over within 15 seconds after the leader is killed', async () => {
    const one = await runController(bed, { name: 'one' });
    await eventually('the first one leads', () => leads(one));
    const two = await runController(bed, { name: 'two' });
    await sleep(3000);
    expect([await leads(one), await leads(two)]).toEqual([true, false]);
    const { spec: before } = await lease('vault-auth-injector-controller');

    const lag = watchLag();
    const killed = Date.now();
    await one.server.stop('SIGKILL');
    await eventually('the second one leads', () => leads(two));
    const { spec: after } = await lease('vault-auth-injector-controller');
    expect(after.holderIdentity).not.toBe(before.holderIdentity);
    expect(after.leaseTransitions).toBe((before.leaseTransitions ?? 0) + 1);
    expect(Date.parse(after.acquireTime ?? '') - killed - lag.stop()).toBeLessThan(HANDOVER_MS);

    // A stopped leader releases the Lease: the next one does not have to wait.
    const three = await runController(bed, { name: 'three' });
    await two.server.stop('SIGTERM');
    expect(two.server.exitCode()).toBe(0);
    const stopped = performance.now();
    await eventually('the third one leads', () => leads(three));
    expect(performance.now() - stopped).toBeLessThan(HANDOVER_MS * 0.7);
    await three.server.stop('SIGTERM');
    expect((await lease('vault-auth-injector-controller')).spec.holderIdentity ?? '').toBe('');
  }, 300_000);

  it('exits with 3 when it cannot renew the Lease', async () => {
    const server = await runController(bed, { name: 'taken' });
    await eventually('it leads', () => leads(server));
    // As another process would after the expiry.
    const taken = { spec: { holderIdentity: 'another-process', renewTime: new Date().toISOString().replace('Z', '000Z') } };
    await bed.request('PATCH', `${leases}/vault-auth-injector-controller`, taken, 'application/merge-patch+json');
    await eventually('it has ended', () => !server.server.running());
    expect(server.server.exitCode()).toBe(3);
    const log = readFileSync(server.server.logFile, 'utf8');
    expect(log).toContain('lost leader lease, exiting');
    expect(log).toContain('is held by another-process');
  }, 300_000);

  it('writes nothing after a pause in which another process became the leader', async () => {
    const endpoint = {
      address: 'https://nowhere.example',
      auth: { cert: {} },
      tls: { clientCert: { secretRef: { name: 'none' } } },
    };
    await bed.request('POST', collectionPath('VaultEndpoint'), {
      apiVersion: API_VERSION,
      kind: 'VaultEndpoint',
      metadata: { name: 'marked' },
      spec: endpoint,
    });
    const start = (name: string): Server =>
      bed.start({ name, command: process.execPath, arguments: [tool.file, bed.kubeconfig, CONTROLLER_NAMESPACE, name] });
    const writes = async (name: string): Promise<number> => {
      const { status, text } = await bed.exchange('GET', `/api/v1/namespaces/${CONTROLLER_NAMESPACE}/configmaps/${name}`);
      return status === 200 ? Number((JSON.parse(text) as { data: { count: string } }).data.count) : 0;
    };
    const paused = start('paused');
    await eventually('the first one writes', async () => (await writes('paused')) > 3);
    const next = start('next');
    await sleep(2500);
    expect(await writes('next')).toBe(0);
    // Right after a write, so that none is pending.
    const before = await writes('paused');
    await eventually('it has just written', async () => (await writes('paused')) > before);
    process.kill(paused.pid, 'SIGSTOP');
    await sleep(500);
    const last = await writes('paused');
    await eventually('the other one leads', async () => (await writes('next')) > 3);
    process.kill(paused.pid, 'SIGCONT');
    await eventually('the first one has ended', () => !paused.running());
    expect(await writes('paused')).toBe(last);
    expect(paused.exitCode()).toBe(3);
    expect(next.running()).toBe(true);
    await next.stop('SIGTERM');
    outcome = 'passed';
  }, 300_000);
});
