// A controller that is started before its CRDs exist reports what is missing, and starts when they exist.
import { join } from 'node:path';
import { type Bed, startBed } from '../../bed/bed.ts';
import { CONTROLLER_NAMESPACE, installController } from '../../bed/controller.ts';
import { repositoryDirectory } from '../../bed/environment.ts';
import { freePorts } from '../../bed/ports.ts';
import type { Server } from '../../bed/server.ts';
import { eventually } from '../../support/eventually.ts';

let bed: Bed;
let server: Server;
let operations = '';
let outcome: 'passed' | 'failed' = 'failed';

beforeAll(async () => {
  bed = await startBed({ parts: ['kube-apiserver'] });
  const [port = 0] = await freePorts(1);
  operations = `http://127.0.0.1:${port}`;
  server = bed.start({
    name: 'early',
    command: process.execPath,
    arguments: [
      join(repositoryDirectory(), 'dist', 'vault-auth-injector.js'),
      'controller',
      `-kubeconfig=${bed.kubeconfig}`,
      `-operations-listen=127.0.0.1:${port}`,
    ],
    environment: { NAMESPACE: CONTROLLER_NAMESPACE },
  });
}, 600_000);
afterAll(() => bed?.stop(outcome));

const answerOf = async (path: string): Promise<string> => {
  const answer = await fetch(`${operations}${path}`);
  return `${answer.status} ${await answer.text()}`;
};

it('is not ready without the CRDs, and reports how to install them', async () => {
  const remedy = 'kubectl apply --server-side -k deploy/crds';
  let answer = '';
  // Each kind has a watch of its own.
  await eventually('the remedy is reported', async () => {
    answer = await answerOf('/readyz').catch(() => '');
    return answer.includes(remedy) && answer.includes('vaultauthroles');
  });
  expect(answer).toMatch(/^503 .*vaultauthroles: the API server returned status 404/s);
  expect(await answerOf('/healthz')).toMatch(/^200/);
  expect(await answerOf('/metrics')).toContain('\nvault_auth_injector_leading 0\n');
}, 300_000);

it('leads once the CRDs exist', async () => {
  await installController(bed);
  await eventually('it is ready', async () => (await answerOf('/readyz')).startsWith('200'), {});
  await eventually('it leads', async () => (await answerOf('/metrics')).includes('\nvault_auth_injector_leading 1\n'));
  await server.stop('SIGTERM');
  expect(server.exitCode()).toBe(0);
  outcome = 'passed';
}, 300_000);
