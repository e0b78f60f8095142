// The cache of a server: namespaces, service accounts, LimitRanges, VaultAuthRoles and the version of Kubernetes, from the API server
// or from files.
import type { MissingObject } from '../admission/admit.ts';
import type { Reply, Review } from '../admission/review.ts';
import { nameWithin } from '../annotations/names.ts';
import type { JsonObject } from '../json/json.ts';
import type { KubeClient } from '../kube/client.ts';
import { startNamespaceInformer, type KubeObject, type NamespaceInformer } from '../kube/informer.ts';
import { startMetadataInformer } from '../kube/metadata-informer.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { limitRangeOf, type LimitRange } from '../pod/limit-range.ts';
import { RANGE_ANNOTATIONS } from '../pod/openshift.ts';
import type { Settings } from '../settings/read.ts';
import type { Command } from '../settings/table.ts';
import { NO_CLUSTER, type CachedCluster } from './admission-context.ts';
import { withLookUps } from './look-up.ts';
import { startLinkInformers } from './link-cache.ts';
import { watchOldNodes } from './old-nodes.ts';
import { serverVersion } from './server-version.ts';

export interface ClusterCache {
  /** The cache as getters; another object once one of its plain values has changed. */
  readonly current: () => CachedCluster;
  /** The review with look-ups of objects that the cache does not have yet. */
  readonly withLookUps: (review: Review) => (body: Buffer, timeoutMs: number | undefined) => Reply | Promise<Reply>;
  /** Why other replicas should get the reviews; undefined: ready. */
  readonly notReadyReason: () => string | undefined;
  readonly close: () => Promise<void>;
}

export interface ClusterCacheOptions {
  readonly command: Command;
  readonly settings: Settings;
  readonly api: {
    /** False: there are no credentials for an API server. */
    readonly isConfigured: boolean;
    readonly get: () => Promise<{ readonly client: KubeClient }>;
  };
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * Starts the cache. Files (-cluster-state) replace the API server. Without both, and if the API server cannot be reached, the cache
 * stays empty: annotations and settings alone decide.
 */
export async function startClusterCache(options: ClusterCacheOptions): Promise<ClusterCache> {
  const { command, settings, api, log } = options;
  if (settings.clusterState !== '') return fromFiles(settings.clusterState, log);
  if (command !== 'webhook' || !settings.watch || !api.isConfigured) return EMPTY;
  try {
    return fromApi(options, (await api.get()).client);
  } catch (error) {
    log.warn({ problem: messageOf(error) }, 'no API server: namespaces, service accounts and LimitRanges are not cached');
    return EMPTY;
  }
}

/** A new replica becomes ready after this time even if the first lists are not complete. */
const FIRST_LISTS_TIMEOUT_MS = 30_000;

const EMPTY: ClusterCache = {
  current: () => NO_CLUSTER,
  withLookUps: (review) => review,
  notReadyReason: () => undefined,
  close: () => Promise.resolve(),
};

/** Imported on demand: servers in a cluster need no YAML documents. */
const fromFiles = async (directory: string, log: Log): Promise<ClusterCache> => {
  const { watchClusterState } = await import('./cluster-state.ts');
  const state = watchClusterState(directory, (problem) => log.warn({ problem }, 'invalid file in -cluster-state'));
  return { ...EMPTY, current: state.current, close: state.close };
};

/** Ours, and the ranges of users in OpenShift's namespaces. */
const isCachedAnnotation = (name: string): boolean => nameWithin(name) !== undefined || RANGE_ANNOTATIONS.includes(name);

const fromApi = ({ settings, log, metrics }: ClusterCacheOptions, client: KubeClient): ClusterCache => {
  const onProblem = (path: string, problem: string | undefined): void => {
    if (problem === undefined) log.info({ path }, 'watch restored');
    else log.warn({ path, problem }, 'watch failed, serving from cache');
  };
  const metadata = startMetadataInformer({ client, isRelevant: isCachedAnnotation, onProblem });
  const limits = startLimitRangeInformer(client, onProblem);
  const links = startLinkInformers({ client, log, onProblem });
  const lookUp = (object: MissingObject, timeoutMs: number): Promise<void> => {
    switch (object.kind) {
      case 'Namespace':
        return metadata.lookUp(object.name, undefined, timeoutMs);
      case 'ServiceAccount':
        return metadata.lookUp(object.namespace, object.name, timeoutMs);
      case 'VaultAuthRole':
        return links.awaitRole(object.namespace, object.name, timeoutMs);
    }
  };
  const { nativeSidecars, containerRestarts, envFiles } = settings;
  const version = [nativeSidecars, containerRestarts, envFiles].includes('auto') ? serverVersion(client, log) : undefined;
  const nodes = [containerRestarts, envFiles].includes('auto') ? watchOldNodes(client, log) : undefined;
  const started = performance.now();
  metrics.watch({
    cacheStaleness: () => (performance.now() - (metadata.lastActivity() ?? started)) / 1000,
    rolesSynced: links.synced,
  });
  let cluster: CachedCluster = {
    namespace: metadata.namespace,
    serviceAccount: metadata.serviceAccount,
    limitRanges: limits.list,
    links: links.lister,
  };
  return {
    current: () => {
      const latest = version?.current();
      if (latest !== cluster.version && latest !== undefined) cluster = { ...cluster, version: latest };
      const oldNodes = nodes?.current();
      if (oldNodes !== cluster.oldNodes) {
        const { oldNodes: _, ...rest } = cluster;
        cluster = oldNodes ? { ...rest, oldNodes } : rest;
      }
      return cluster;
    },
    withLookUps: (review) => withLookUps(review, lookUp, metrics),
    notReadyReason: untilFirstLists(
      () =>
        metadata.syncedOrForbidden() &&
        limits.syncedOrFailed() &&
        links.syncedOrUnavailable() &&
        (version?.answeredOrFailed() ?? true),
      log,
    ),
    close: async () => {
      await Promise.all([metadata.close(), limits.close(), links.close(), version?.close(), nodes?.close()]);
    },
  };
};

interface LimitRangeInformer extends Pick<NamespaceInformer<LimitRange>, 'list' | 'close'> {
  /** They have been listed, or cannot be: the ClusterRole of an older installation does not have the right. */
  readonly syncedOrFailed: () => boolean;
}

const startLimitRangeInformer = (
  client: KubeClient,
  onProblem: (path: string, problem: string | undefined) => void,
): LimitRangeInformer => {
  const path = '/api/v1/limitranges';
  let hasFailed = false;
  const informer = startNamespaceInformer<KubeObject & JsonObject, LimitRange>({
    client,
    path,
    transform: limitRangeOf,
    onProblem: (problem) => {
      hasFailed = problem !== undefined;
      onProblem(path, problem);
    },
  });
  return { list: informer.list, close: informer.close, syncedOrFailed: () => hasFailed || informer.synced() };
};

/**
 * Not ready until the first lists are complete, but at most for FIRST_LISTS_TIMEOUT_MS: a replica that never became ready would
 * leave the pods of the whole cluster without a webhook.
 */
const untilFirstLists = (isComplete: () => boolean, log: Log): (() => string | undefined) => {
  const started = performance.now();
  let isReady = false;
  return () => {
    isReady ||= isComplete();
    if (isReady) return undefined;
    isReady = performance.now() - started > FIRST_LISTS_TIMEOUT_MS;
    if (isReady) log.warn({}, 'serving with an incomplete cache: the API server has not answered the first lists');
    return isReady ? undefined : 'namespaces, service accounts and LimitRanges have not been listed yet';
  };
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
