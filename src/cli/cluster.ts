// What a server knows of namespaces, service accounts, limit ranges and our own objects: from files, from the API server, or nothing.
import type { Reviewer } from '../admission/review.ts';
import { nameWithin } from '../annotations/prefix.ts';
import type { ServingReviewer } from '../http/review-handler.ts';
import type { JsonObject } from '../json/json.ts';
import type { KubeClient } from '../kube/client.ts';
import { startNamespaceInformer, type NamespaceInformer, type KubeObject } from '../kube/informer.ts';
import { startMetadataInformer } from '../kube/metadata-informer.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { limitRangeOf, type LimitRange } from '../pod/limit-range.ts';
import type { Settings } from '../settings/read.ts';
import type { Command } from '../settings/table.ts';
import type { ApiAccess } from './api-access.ts';
import { UNKNOWN_CLUSTER, type Cluster } from './context.ts';
import { followRoles } from './follow-roles.ts';
import { withLookUps } from './look-up.ts';
import { serverVersion } from './server-version.ts';

export interface KnownCluster {
  /** Another object whenever something may be remembered of the old one that does not hold any more. */
  readonly cluster: () => Cluster;
  /** Lets the API server be asked where a review cannot be answered without. */
  readonly reviewer: (reviewer: Reviewer) => ServingReviewer;
  /** Why reviews should go to replicas that know more. */
  readonly hindrance: () => string | undefined;
  readonly close: () => Promise<void>;
}

export interface KnownClusterOptions {
  readonly command: Command;
  readonly settings: Settings;
  readonly api: ApiAccess;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Manifests win over the API server. Without both, and whenever the API server cannot be had, annotations and settings alone decide. */
export async function knownCluster(options: KnownClusterOptions): Promise<KnownCluster> {
  const { command, settings, api, log } = options;
  if (settings.clusterState !== '') return fromManifests(settings.clusterState, log);
  if (command !== 'webhook' || !settings.watch || !api.isKnown) return NOTHING;
  try {
    return fromApi(options, (await api.get()).client);
  } catch (error) {
    log.warn({ problem: textOf(error) }, 'namespaces, service accounts and limit ranges stay unknown');
    return NOTHING;
  }
}

/** How long a new replica waits for its first lists before it serves without them. */
const PATIENCE_MS = 30_000;

const NOTHING: KnownCluster = {
  cluster: () => UNKNOWN_CLUSTER,
  reviewer: (reviewer) => reviewer,
  hindrance: () => undefined,
  close: () => Promise.resolve(),
};

/** Loaded only where it is asked for: the YAML library is most of it. */
const fromManifests = async (directory: string, log: Log): Promise<KnownCluster> => {
  const { watchManifests } = await import('./manifests.ts');
  const manifests = watchManifests(directory, (problem) => log.warn({ problem }, 'a manifest cannot be used'));
  return { ...NOTHING, cluster: () => manifests.cluster(), close: () => manifests.close() };
};

const fromApi = ({ settings, log, metrics }: KnownClusterOptions, client: KubeClient): KnownCluster => {
  const onProblem = (path: string, problem: string | undefined): void => {
    if (problem === undefined) log.info({ path }, 'the API server tells of changes again');
    else log.warn({ path, problem }, 'the API server does not tell of changes; what is known stays in use');
  };
  const metadata = startMetadataInformer({ client, isRelevant: (name) => nameWithin(name) !== undefined, onProblem });
  const limits = watchLimitRanges(client, onProblem);
  const linked = followRoles({ client, log, onProblem });
  const version = settings.nativeSidecars === 'auto' ? serverVersion(client, log) : undefined;
  const began = performance.now();
  metrics.watch({
    cacheStaleness: () => (performance.now() - (metadata.lastActivity() ?? began)) / 1000,
    rolesSynced: linked.listed,
  });
  let known: Cluster = {
    namespace: metadata.namespace,
    serviceAccount: metadata.serviceAccount,
    limitRanges: limits.list,
    roles: linked.roles,
  };
  return {
    cluster: () => {
      const nativeSidecars = version?.nativeSidecars();
      if (nativeSidecars !== undefined && known.nativeSidecars === undefined) known = { ...known, nativeSidecars };
      return known;
    },
    reviewer: (reviewer) => withLookUps(reviewer, metadata, metrics),
    hindrance: firstLists(
      () => metadata.syncedOrForbidden() && limits.settled() && linked.settled() && (version?.settled() ?? true),
      log,
    ),
    close: async () => {
      await Promise.all([metadata.close(), limits.close(), linked.close(), version?.close()]);
    },
  };
};

interface LimitRanges extends Pick<NamespaceInformer<LimitRange>, 'list' | 'close'> {
  /** They have been listed, or cannot be: the rights of an older installation do not name them. */
  readonly settled: () => boolean;
}

const watchLimitRanges = (client: KubeClient, onProblem: (path: string, problem: string | undefined) => void): LimitRanges => {
  const path = '/api/v1/limitranges';
  let hasFailed = false;
  const ranges = startNamespaceInformer<KubeObject & JsonObject, LimitRange>({
    client,
    path,
    transform: limitRangeOf,
    onProblem: (problem) => {
      hasFailed = problem !== undefined;
      onProblem(path, problem);
    },
  });
  return { list: ranges.list, close: ranges.close, settled: () => hasFailed || ranges.synced() };
};

/**
 * A hindrance until all have been listed, but not for long, and not at all where the API server refuses to list them (the watch
 * says so in the log): pods that bring all they need can be served without.
 */
const firstLists = (isSettled: () => boolean, log: Log): (() => string | undefined) => {
  const began = performance.now();
  let isOver = false;
  return () => {
    isOver ||= isSettled();
    if (isOver) return undefined;
    isOver = performance.now() - began > PATIENCE_MS;
    if (isOver)
      log.warn({}, 'serving without namespaces, service accounts and limit ranges: the API server has not listed them yet');
    return isOver ? undefined : 'namespaces, service accounts and limit ranges have not been listed yet';
  };
};

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
