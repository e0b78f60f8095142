// Finds running pods that should have been injected and were not: the webhook was down under failurePolicy Ignore, or was not called.
// Lists the metadata of running pods page by page, keeps none of it, and reads only candidates as a whole.
import { setTimeout as sleep } from 'node:timers/promises';
import { type AdmissionContext, admitPod, selects } from '../admission/admit.ts';
import { isObject, type JsonObject, textOf, objectAt } from '../json/json.ts';
import type { KubeClient } from '../kube/client.ts';
import { undefinedOn } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/events.ts';
import { METADATA_ONLY } from '../kube/reflector.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { controllerOf, podHeader } from '../pod/pod.ts';

export interface MissedPodsOptions {
  readonly client: Pick<KubeClient, 'request'>;
  readonly context: () => AdmissionContext;
  /** Whether this replica could inject the pods now. */
  readonly isReady: () => boolean;
  readonly recorder: Pick<EventRecorder, 'record'>;
  readonly evict: boolean;
  readonly intervalMs: number;
  readonly metrics: Pick<Metrics, 'watch' | 'missedPodEvicted'>;
  readonly log: Pick<Log, 'info' | 'warn'>;
}

export interface MissedPods {
  readonly close: () => Promise<void>;
}

const PAGE_SIZE = 500;
/** 500,000 pods: three times what Kubernetes supports. A server that never ends the list must not hold the loop. */
const MAX_PAGES = 1000;
/** Pods that are read as a whole in one search; the rest follows in the next one. */
const MAX_READS = 200;
/** Younger pods are left to the next search: the clocks of the API server and of this process differ, and caches follow a little later. */
const minAgeMs = (intervalMs: number): number => Math.min(60_000, intervalMs);
/** Evictions of one search: the cluster starts the pods again, and the webhook reviews each of them. */
const MAX_EVICTIONS = 5;
/** Pods that need nothing, by UID; forgotten when there are more. */
const MAX_CACHED = 20_000;

interface Missed {
  readonly pod: JsonObject;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly reason: string;
  readonly createdAt: number;
}

/** Starts to search, first after a tenth of the interval. A failure is logged once. */
export function startMissedPods(options: MissedPodsOptions): MissedPods {
  const { intervalMs, metrics, log, isReady } = options;
  const closing = new AbortController();
  const { signal } = closing;
  const fine = new Set<string>();
  const evictedAt = new Map<string, number>();
  let counts: ReadonlyMap<string, number> | undefined;
  let hasFailed = false;
  metrics.watch({ missedPods: () => counts });
  const run = async (): Promise<void> => {
    let waitMs = intervalMs / 10;
    while (!signal.aborted) {
      await sleep(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
      waitMs = intervalMs;
      if (signal.aborted || !isReady()) continue;
      try {
        const missed = await search(options, fine, signal);
        counts = countsOf(missed);
        for (const pod of missed) report(options, pod);
        if (options.evict) await evict(options, missed, evictedAt, signal);
        hasFailed = false;
      } catch (error) {
        if (!hasFailed && !signal.aborted)
          log.warn({ problem: error instanceof Error ? error.message : String(error) }, 'missed pods cannot be searched for');
        hasFailed = true;
      }
    }
  };
  const running = run();
  return {
    close: () => {
      closing.abort();
      return running;
    },
  };
}

const countsOf = (missed: readonly Missed[]): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const { reason } of missed) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return counts;
};

interface PodPage {
  readonly metadata?: { readonly continue?: string };
  readonly items?: readonly JsonObject[];
}

const search = async (options: MissedPodsOptions, fine: Set<string>, signal: AbortSignal): Promise<readonly Missed[]> => {
  const { client, context } = options;
  const missed: Missed[] = [];
  let reads = 0;
  let next: string | undefined = '';
  if (fine.size > MAX_CACHED) fine.clear();
  for (let page = 0; page < MAX_PAGES && next !== undefined; page++) {
    const list: PodPage = await client.request<PodPage>({
      method: 'GET',
      path: '/api/v1/pods',
      query: { limit: PAGE_SIZE, fieldSelector: 'status.phase=Running', ...(next === '' ? {} : { continue: next }) },
      accept: METADATA_ONLY.list,
      signal,
    });
    for (const item of list.items ?? []) {
      const metadata = objectAt(item, 'metadata');
      const [namespace, name, uid] = ['namespace', 'name', 'uid'].map((key) => textOf(metadata, key) ?? '');
      const createdAt = Date.parse(textOf(metadata, 'creationTimestamp') ?? '');
      const isNew = Date.now() - createdAt < minAgeMs(options.intervalMs);
      if (!namespace || !name || !uid || isNew || metadata?.['deletionTimestamp'] !== undefined) continue;
      if (fine.has(uid) || reads >= MAX_READS || !selects(item, namespace, context())) continue;
      reads += 1;
      const pod = await client
        .request<JsonObject>({ method: 'GET', path: podPath(namespace, name), signal })
        .catch(undefinedOn('NotFound'));
      const reason = isObject(pod) ? reasonOf(pod, namespace, context()) : undefined;
      if (isObject(pod) && reason !== undefined) missed.push({ pod, namespace, name, uid, reason, createdAt });
      else fine.add(uid);
    }
    next = list.metadata?.continue || undefined;
  }
  return missed;
};

const podPath = (namespace: string, name: string): string =>
  `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`;

/** Why the webhook would change or deny this pod if it were created now; undefined if it would leave it as it is. */
const reasonOf = (pod: JsonObject, namespace: string, context: AdmissionContext): string | undefined => {
  const { decision, reason, patch } = admitPod({ ...pod, status: {} }, namespace, context);
  return decision === 'denied' || (decision === 'injected' && patch.length > 0) ? reason : undefined;
};

const report = ({ recorder }: MissedPodsOptions, { namespace, name, uid, reason }: Missed): void =>
  recorder.record(
    { apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name, uid } },
    {
      type: 'Warning',
      reason: 'InjectionMissed',
      action: 'Search',
      note: `The pod should have been injected (${reason}) and runs without its agent: the webhook was not called when it was created, or did not answer. Delete the pod; its controller creates it again.`,
      isShared: true,
    },
  );

/**
 * Evicts pods that a controller creates again. If a pod that was created after an eviction of the same owner was missed too, the webhook
 * is not called for it: another eviction would repeat that without end.
 */
const evict = async (
  { client, log, metrics, intervalMs }: MissedPodsOptions,
  missed: readonly Missed[],
  evictedAt: Map<string, number>,
  signal: AbortSignal,
): Promise<void> => {
  if (evictedAt.size > MAX_CACHED) evictedAt.clear();
  let count = 0;
  for (const { pod, namespace, name, uid, createdAt } of missed) {
    const owner = controllerOf(pod);
    // A Node owns static pods, and creates nothing.
    if (!owner || owner.kind === 'Node' || count >= MAX_EVICTIONS || signal.aborted) continue;
    const before = evictedAt.get(owner.uid);
    if (before !== undefined && createdAt >= before - minAgeMs(intervalMs)) continue;
    const body = {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { namespace, name },
      deleteOptions: { preconditions: { uid } },
    };
    // 429: a PodDisruptionBudget; the next search tries again.
    const evicted = await client
      .request({ method: 'POST', path: `${podPath(namespace, name)}/eviction`, body, signal })
      .then(() => true)
      .catch((error: unknown) => {
        log.info({ namespace, name, problem: error instanceof Error ? error.message : String(error) }, 'missed pod not evicted');
        return false;
      });
    if (!evicted) continue;
    count += 1;
    evictedAt.set(owner.uid, before ?? Date.now());
    metrics.missedPodEvicted();
    log.info({ namespace, name, owner: podHeader(pod).owner }, 'missed pod evicted');
  }
};
