// An outage of a secret server under running pods: what is seen of them meanwhile, and how long until they are over it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Gate } from '../bed/node/gate.ts';
import type { BedWithNode } from '../bed/node/node.ts';

export interface Outage {
  readonly gate: Pick<Gate, 'open' | 'shut'>;
  readonly milliseconds: number;
  readonly namespace: string;
  /** Ready pods whose container "app" runs `WATCH`. */
  readonly pods: readonly string[];
  /** Writes the secret of the pods. */
  readonly write: (value: string) => Promise<void>;
}

export interface Seen {
  /** Every check at which a pod was not Ready, or its agent or application had restarted. */
  readonly troubles: readonly string[];
  /** The contents of the pods' files at the end of the outage. */
  readonly kept: readonly string[];
  /** Milliseconds from the end of the outage until the app had the value that was written meanwhile; a minute when it never had. */
  readonly recovery: Readonly<Record<string, number>>;
}

interface Pod {
  readonly status: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly initContainerStatuses?: readonly { readonly restartCount: number }[];
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
}

/** The longest that pods get to be over it. */
const RECOVERY_TIMEOUT_MS = 60_000;
const NEW_VALUE = 'after the outage';
const FILE = '/vault/secrets/database';

/** Script of the app: a line for each value that it sees. */
export const WATCH = `trap 'exit 0' TERM
while :; do now=$(cat ${FILE}); [ "$now" = "$last" ] || echo "$now"; last=$now; sleep 0.2; done`;

/** Shuts the gate for a time and checks the pods each second. */
export async function outage(bed: BedWithNode, { gate, milliseconds, namespace, pods, write }: Outage): Promise<Seen> {
  const read = (name: string): Promise<string> => bed.exec(namespace, name, 'app', ['cat', FILE]);
  const troubles: string[] = [];
  const look = async (since: number): Promise<void> => {
    for (const name of pods) {
      const { status } = await bed.request<Pod>('GET', `/api/v1/namespaces/${namespace}/pods/${name}`);
      const ready = status.conditions?.find(({ type }) => type === 'Ready')?.status;
      const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
      const restarts = all.reduce((sum, { restartCount }) => sum + restartCount, 0);
      if (ready !== 'True' || restarts > 0) troubles.push(`${name} after ${since} ms: Ready=${ready}, ${restarts} restarts`);
    }
  };
  await gate.shut();
  const shut = Date.now();
  for (; Date.now() - shut < milliseconds; await sleep(1000)) await look(Date.now() - shut);
  const kept = await Promise.all(pods.map(read));
  await write(NEW_VALUE);
  await gate.open();
  const opened = Date.now();
  const recovered = async (name: string): Promise<readonly [string, number]> => {
    for (; Date.now() - opened < RECOVERY_TIMEOUT_MS; await sleep(200)) {
      const lines = await bed.kubectl(['logs', '--timestamps', '-n', namespace, name, '-c', 'app']);
      const seen = lines.split('\n').find((line) => line.endsWith(` ${NEW_VALUE}`));
      // When the app saw it, not when we looked: both clocks are this machine's.
      if (seen !== undefined) return [name, Date.parse(seen.split(' ')[0] ?? '') - opened];
    }
    return [name, RECOVERY_TIMEOUT_MS];
  };
  const recovery = Object.fromEntries(await Promise.all(pods.map(recovered)));
  await look(Date.now() - shut);
  return { troubles, kept, recovery };
}
