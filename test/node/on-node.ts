// Declares tests that need a bed with a node. BED_NODE=off skips them, and the name of the test reports it.
import { nodeWanted } from '../bed/environment.ts';
import { declareLeftOut } from '../bed/node/left-out.ts';
import { type BedWithNode, type NodeBedOptions, startBedWithNode } from '../bed/node/node.ts';
import { streamProgress } from '../bed/progress.ts';

/** Declares one test that gets the bed. */
export type NodeTest = (name: string, run: (bed: BedWithNode) => Promise<void>, timeout?: number) => void;

export interface NodeTests extends NodeTest {
  /**
   * Tests that run at the same time, as many as `maxConcurrency` of Jest, before the others: they mostly wait, and none disturbs
   * another's pods.
   */
  readonly concurrent: NodeTest;
}

/** One bed for all tests that `declare` declares, about `what`. `prepare` runs once before them. Logs stay when something fails. */
export function onNode(
  what: string,
  options: NodeBedOptions,
  prepare: (bed: BedWithNode) => Promise<void>,
  declare: (test: NodeTests) => void,
): void {
  if (!nodeWanted()) {
    declareLeftOut(what);
    return;
  }
  let bed: BedWithNode | undefined;
  let failed = true;

  beforeAll(async () => {
    bed = await startBedWithNode({ ...options, progress: streamProgress(process.stderr) });
    await prepare(bed);
    failed = false;
  }, 900_000);
  afterAll(() => bed?.stop(failed ? 'failed' : 'passed'), 180_000);

  const declareBy =
    (declared: (name: string, run: () => Promise<void>, timeout: number) => void): NodeTest =>
    (name, run, timeout = 300_000) =>
      declared(
        name,
        async () => {
          if (!bed) throw new Error('the bed did not start');
          try {
            await run(bed);
          } catch (error) {
            failed = true;
            throw error;
          }
        },
        timeout,
      );
  declare(Object.assign(declareBy(it), { concurrent: declareBy(it.concurrent) }));
}
