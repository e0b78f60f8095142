// Waits until a new LimitRange is cached by the API server's own admission and by the webhook.
import type { Bed } from '../bed/bed.ts';
import { ASKING, podsPath, webPod } from './pods.ts';
import { eventually } from '../support/eventually.ts';

/**
 * Waits until both know every LimitRange that there is. Each hears of all of them in the order in which they were written: so when
 * they know one that is written now, they know those before it.
 */
export async function untilLimitsCached(bed: Bed): Promise<void> {
  const namespace = await bed.createNamespace();
  await bed.request('POST', `/api/v1/namespaces/${namespace}/limitranges`, {
    metadata: { name: 'last' },
    spec: { limits: [{ type: 'Container', max: { memory: '16Mi' } }] },
  });
  const path = podsPath(namespace, '?dryRun=All');
  const resources = { requests: { memory: '64Mi' }, limits: { memory: '64Mi' } };
  const large = webPod('large', {}, { containers: [{ name: 'web', image: 'nginx', resources }] });
  await eventually(
    'the API server keeps the last LimitRange',
    async () => (await bed.exchange('POST', path, large)).status === 403,
  );
  await eventually('the webhook knows the last LimitRange', async () =>
    (await bed.exchange('POST', path, webPod('asking', ASKING))).text.includes('[limit-range]'),
  );
}
