// Nodes whose kubelet is older than environment variables from files: it starts containers without them. Listed every few minutes, as a
// table, so that of each node only its row crosses the network, and only one name is kept.
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../kube/client.ts';
import type { Log } from '../observe/log.ts';
import type { OldNodes } from '../pod/draft.ts';
import { ENV_FILES, isAtLeast } from './server-version.ts';

export interface OldNodeList {
  /** undefined: none, or no list yet. */
  readonly current: () => OldNodes | undefined;
  readonly close: () => Promise<void>;
}

const INTERVAL_MS = 300_000;
const PAGE_SIZE = 500;
/** 50,000 nodes: ten times what Kubernetes supports. A server that never ends the list must not hold the loop. */
const MAX_PAGES = 100;
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

interface Table {
  readonly metadata?: { readonly continue?: string };
  readonly columnDefinitions: readonly { readonly name: string }[];
  readonly rows?: readonly { readonly cells: readonly (string | number | null)[] }[];
}

/** Starts to list nodes. A failure is logged once: the ClusterRole of an older installation does not have the right. */
export function watchOldNodes(
  client: Pick<KubeClient, 'request'>,
  log: Pick<Log, 'info'>,
  intervalMs = INTERVAL_MS,
): OldNodeList {
  const closing = new AbortController();
  const { signal } = closing;
  let old: OldNodes | undefined;
  let hasFailed = false;
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        const found = await oldNodes(client, signal);
        // One object as long as nothing changes: a new one rebuilds the settings of reviews.
        if (JSON.stringify(found) !== JSON.stringify(old)) old = found;
        hasFailed = false;
      } catch (error) {
        if (!hasFailed && !signal.aborted)
          log.info(
            { problem: error instanceof Error ? error.message : String(error) },
            'nodes cannot be listed: no warnings about kubelets without environment variables from files',
          );
        hasFailed = true;
      }
      await sleep(intervalMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  };
  const running = run();
  return {
    current: () => old,
    close: () => {
      closing.abort();
      return running;
    },
  };
}

const oldNodes = async (client: Pick<KubeClient, 'request'>, signal: AbortSignal): Promise<OldNodes | undefined> => {
  let count = 0;
  let first: Omit<OldNodes, 'count'> | undefined;
  let next: string | undefined = '';
  for (let page = 0; page < MAX_PAGES && next !== undefined; page++) {
    const table: Table = await client.request<Table>({
      method: 'GET',
      path: '/api/v1/nodes',
      query: { limit: PAGE_SIZE, includeObject: 'None', ...(next === '' ? {} : { continue: next }) },
      accept: TABLE,
      signal,
    });
    const [name, version] = ['Name', 'Version'].map((column) =>
      table.columnDefinitions.findIndex((definition) => definition.name === column),
    );
    for (const { cells } of table.rows ?? []) {
      const kubelet = String(cells[version ?? -1] ?? '');
      const [, major = '', minor = ''] = /^v?(\d+)\.(\d+)/.exec(kubelet) ?? [];
      if (isAtLeast({ major, minor }, ENV_FILES)) continue;
      count += 1;
      first ??= { name: String(cells[name ?? -1] ?? ''), version: kubelet };
    }
    next = table.metadata?.continue || undefined;
  }
  return first && { ...first, count };
};
