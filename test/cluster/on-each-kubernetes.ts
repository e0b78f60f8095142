// A bed with our webhook for a test file, once per supported Kubernetes version; logs stay when a test of it fails.
import { type Bed, startBed } from '../bed/bed.ts';
import type { Part } from '../bed/parts.ts';
import { KUBERNETES_VERSIONS } from '../bed/recipes.ts';
import { startWebhook, type Webhook } from '../bed/webhook.ts';

export interface Cluster {
  readonly bed: Bed;
  /** `node dist/vault-auth-injector.js webhook`, running but not registered. */
  readonly webhook: Webhook;
}

/** Declares one test that gets the cluster. */
export type ClusterTest = (name: string, run: (cluster: Cluster) => Promise<void>) => void;

/** Declares the tests for each Kubernetes version. `prepare` runs once per version, before the first test. */
export function onEachKubernetes(
  parts: readonly Part[],
  prepare: (cluster: Cluster) => Promise<void>,
  declare: (test: ClusterTest) => void,
): void {
  describe.each(KUBERNETES_VERSIONS)('on Kubernetes %s', (kubernetes) => {
    let cluster: Cluster | undefined;
    let failed = true;

    beforeAll(async () => {
      const bed = await startBed({ kubernetes, parts });
      try {
        cluster = { bed, webhook: await startWebhook(bed) };
        await prepare(cluster);
        failed = false;
      } catch (error) {
        await bed.stop('failed');
        throw error;
      }
    }, 600_000);
    afterAll(() => cluster?.bed.stop(failed ? 'failed' : 'passed'));

    declare((name, run) =>
      // oxlint-disable-next-line jest/valid-title -- the title is the caller's
      it(name, async () => {
        if (!cluster) throw new Error('the cluster did not start');
        try {
          await run(cluster);
        } catch (error) {
          failed = true;
          throw error;
        }
      }),
    );
  });
}
