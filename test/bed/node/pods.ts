// What tests do with running pods: wait for them, read their logs, run commands in them.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bed } from '../bed.ts';

export interface PodAccess {
  /** Log of one container, from its current start. */
  readonly logs: (namespace: string, pod: string, container: string) => Promise<string>;
  /** Standard output of a command in a container. @throws when it does not exit with 0. */
  readonly exec: (namespace: string, pod: string, container: string, command: readonly string[]) => Promise<string>;
  /** Waits until the pod is Ready. @throws when it ends before that, or after the seconds (default 120), with its containers' states, its events and the ends of its logs. */
  readonly untilReady: (namespace: string, pod: string, seconds?: number) => Promise<void>;
  /** Names of the pods that a label selector, such as `app=web`, takes; those that are being deleted apart. */
  readonly pods: (namespace: string, selector: string) => Promise<readonly string[]>;
}

interface Pod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly containers: readonly Named[]; readonly initContainers?: readonly Named[] };
  readonly status: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly initContainerStatuses?: readonly unknown[];
    readonly containerStatuses?: readonly unknown[];
  };
}
interface Named {
  readonly name: string;
}

/** The functions for pods of a bed. */
export function podAccess(bed: Bed): PodAccess {
  const logs: PodAccess['logs'] = (namespace, pod, container) => bed.kubectl(['logs', '-n', namespace, pod, '-c', container]);
  const read = (namespace: string, pod: string): Promise<Pod> =>
    bed.request('GET', `/api/v1/namespaces/${namespace}/pods/${pod}`);
  return {
    logs,
    exec: (namespace, pod, container, command) => bed.kubectl(['exec', '-n', namespace, pod, '-c', container, '--', ...command]),
    pods: async (namespace, selector) => {
      const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(selector)}`;
      const { items } = await bed.request<{ items: readonly Pod[] }>('GET', path);
      return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(({ metadata }) => metadata.name);
    },
    untilReady: async (namespace, pod, seconds = 120) => {
      for (const end = Date.now() + seconds * 1000; ; await sleep(100)) {
        const now = await read(namespace, pod);
        if ((now.status.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True')) return;
        const over = ['Failed', 'Succeeded'].includes(now.status.phase ?? '');
        if (!over && Date.now() <= end) continue;
        const state = over ? `has ${now.status.phase}` : `is not Ready after ${seconds} s`;
        throw new Error(`pod ${namespace}/${pod} ${state}\n${await account(now, namespace)}`);
      }
    },
  };

  async function account(pod: Pod, namespace: string): Promise<string> {
    const { name } = pod.metadata;
    const states = [...(pod.status.initContainerStatuses ?? []), ...(pod.status.containerStatuses ?? [])];
    const events = await bed.kubectl(['events', '-n', namespace, '--for', `pod/${name}`]).catch(String);
    const ends = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map(async ({ name: container }) => {
      const text = await logs(namespace, name, container).catch(String);
      return `--- ${container}\n${text.trimEnd().split('\n').slice(-10).join('\n')}`;
    });
    return [...states.map((state) => JSON.stringify(state)), events, ...(await Promise.all(ends))].join('\n');
  }
}
