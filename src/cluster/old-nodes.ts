// Nodes whose kubelet is older than environment variables from files, or than restarts of all containers: it starts containers without
// the variables, and gets no pod that needs such restarts. Listed every few minutes, as a table, so that of each node only its row crosses
// the network; one name is kept for each.
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../kube/client.ts';
import type { Log } from '../observe/log.ts';
import type { OldKubelets, OldNodes } from '../pod/draft.ts';
import { CONTAINER_RESTARTS, ENV_FILES, isAtLeast } from './server-version.ts';

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

/** What a kubelet lacks, and the minor version of Kubernetes 1 that has it. */
const FEATURES = [
  { feature: 'envFiles', since: ENV_FILES },
  { feature: 'containerRestarts', since: CONTAINER_RESTARTS },
] as const;

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
            'nodes cannot be listed: no warnings about kubelets without environment variables from files or restarts of all containers',
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
  const old: { -readonly [Feature in keyof OldNodes]: OldKubelets } = {};
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
      for (const { feature, since } of FEATURES)
        if (!isAtLeast({ major, minor }, since)) {
          const { count, ...first } = old[feature] ?? { name: String(cells[name ?? -1] ?? ''), version: kubelet, count: 0 };
          old[feature] = { ...first, count: count + 1 };
        }
    }
    next = table.metadata?.continue || undefined;
  }
  return Object.keys(old).length === 0 ? undefined : old;
};
