// A steady load of admissions: pods that ask for injection, as dry runs. Counts those that were rejected or came back without an agent.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bed } from '../../bed/bed.ts';
import { podsPath, webPod } from '../pods.ts';

export interface AdmissionLoad {
  /** Admissions so far. */
  readonly sent: () => number;
  /** Answers of admissions that were lost, at most the first ten. */
  readonly lost: () => readonly string[];
  /** Stops, and resolves when the last answer is there. */
  readonly stop: () => Promise<void>;
}

const AT_ONCE = 6;

/** Starts so many admissions a second in the namespace; fewer if the API server does not keep up. */
export function startLoad(bed: Bed, namespace: string, perSecond: number): AdmissionLoad {
  const pod = webPod('load', { 'vault.hashicorp.com/agent-inject': 'true', 'vault.hashicorp.com/role': 'load' });
  const ending = new AbortController();
  let count = 0;
  const lost: string[] = [];
  const worker = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      const began = performance.now();
      count += 1;
      const { status, text } = await bed
        .exchange('POST', podsPath(namespace, '?dryRun=All'), pod)
        .catch((error: unknown) => ({ status: 0, text: String(error) }));
      if ((status !== 201 || !text.includes('"vault-agent"')) && lost.length < 10)
        lost.push(`${new Date().toISOString()} ${status} ${text.slice(0, 300)}`);
      await sleep(Math.max(0, (AT_ONCE * 1000) / perSecond - (performance.now() - began)));
    }
  };
  const workers = Promise.all(Array.from({ length: AT_ONCE }, worker));
  return {
    sent: () => count,
    lost: () => lost,
    async stop() {
      ending.abort();
      await workers;
    },
  };
}
