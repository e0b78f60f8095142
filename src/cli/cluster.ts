// What a server knows of namespaces and service accounts: from files, from the API server, or nothing.
import type { Reviewer } from '../admission/review.ts';
import { nameWithin } from '../annotations/prefix.ts';
import type { ServingReviewer } from '../http/review-handler.ts';
import { type ClusterMetadata, watchMetadata } from '../kube/metadata.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Settings } from '../settings/read.ts';
import type { Command } from '../settings/table.ts';
import type { ApiAccess } from './api-access.ts';
import { UNKNOWN_CLUSTER, type Cluster } from './context.ts';
import { lookingUp } from './look-up.ts';

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
export const knownCluster = async (options: KnownClusterOptions): Promise<KnownCluster> => {
  const { command, settings, api, log } = options;
  if (settings.manifests !== '') return fromManifests(settings.manifests, log);
  if (command !== 'webhook' || !settings.watch || !api.isKnown) return NOTHING;
  try {
    return fromApi(options, (await api.get()).client);
  } catch (error) {
    log.warn({ problem: textOf(error) }, 'namespaces and service accounts stay unknown');
    return NOTHING;
  }
};

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

const fromApi = ({ log, metrics }: KnownClusterOptions, client: Parameters<typeof watchMetadata>[0]['client']): KnownCluster => {
  const metadata = watchMetadata({
    client,
    isOurs: (name) => nameWithin(name) !== undefined,
    onProblem: (path, problem) => {
      if (problem === undefined) log.info({ path }, 'the API server tells of changes again');
      else log.warn({ path, problem }, 'the API server does not tell of changes; what is known stays in use');
    },
  });
  const began = performance.now();
  metrics.watch({ clusterStaleness: () => (performance.now() - (metadata.heard() ?? began)) / 1000 });
  const { cluster, reviewer } = lookingUp(metadata, metrics);
  return {
    cluster: () => cluster,
    reviewer,
    hindrance: firstLists(metadata, log),
    close: metadata.close,
  };
};

/** A hindrance until both have been listed, but not for long: pods that bring all they need can be served without. */
const firstLists = (metadata: ClusterMetadata, log: Log): (() => string | undefined) => {
  const began = performance.now();
  let isOver = false;
  return () => {
    if (isOver || metadata.listed()) return undefined;
    isOver = performance.now() - began > PATIENCE_MS;
    if (isOver) log.warn({}, 'serving without namespaces and service accounts: the API server has not listed them yet');
    return isOver ? undefined : 'namespaces and service accounts have not been listed yet';
  };
};

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
