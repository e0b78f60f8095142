// What pods of either profile are seen to do: a Deployment that reads its secret, and a Job that ends.
import type { Bed } from '../bed/bed.ts';
import type { BedWithNode } from '../bed/node/node.ts';
import { eventuallyContains } from './native-pods.ts';
import type { Product } from './secret-server.ts';
import type { Team } from './team-namespace.ts';
import { firstWords, type PodTemplate, STAY } from './workload.ts';

/** Script of an app whose first line is its secret. */
export const SHOW = `cat /vault/secrets/database; echo; ${STAY}`;
/** Annotation by which a later value comes soon. */
export const SOON = { 'template-static-secret-render-interval': '1s' };

/** Runs a Deployment of the template, which runs `SHOW`, under its label: it has its secret at its first line, and a later value later. */
export async function readsFirstAndLater(
  bed: BedWithNode,
  { namespace, servers }: Team,
  product: Product,
  template: PodTemplate,
): Promise<void> {
  const { app } = template.metadata.labels;
  const { write } = servers[product];
  await write(`web/${app}`, { password: 'first' });
  await bed.request('POST', `/apis/apps/v1/namespaces/${namespace}/deployments`, {
    metadata: { name: app },
    spec: { selector: { matchLabels: { app } }, template },
  });
  await bed.kubectl(['rollout', 'status', '-n', namespace, `deployment/${app}`, '--timeout=115s']);
  const [pod = ''] = await bed.pods(namespace, `app=${app}`);
  expect(await firstWords(bed, namespace, pod, 'app')).toBe('first\n');
  await write(`web/${app}`, { password: 'second' });
  await eventuallyContains('second', () => bed.exec(namespace, pod, 'app', ['cat', '/vault/secrets/database']));
}

/** Runs a Job of the template until it is complete. */
export async function completes(bed: Bed, namespace: string, name: string, template: PodTemplate): Promise<void> {
  await bed.request('POST', `/apis/batch/v1/namespaces/${namespace}/jobs`, {
    metadata: { name },
    spec: { backoffLimit: 0, template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } },
  });
  await bed.kubectl(['wait', '-n', namespace, `job/${name}`, '--for=condition=Complete', '--timeout=115s']);
  const { status } = await bed.request<Job>('GET', `/apis/batch/v1/namespaces/${namespace}/jobs/${name}`);
  expect(status).toMatchObject({ succeeded: 1 });
}

interface Job {
  readonly status: { readonly succeeded?: number };
}
