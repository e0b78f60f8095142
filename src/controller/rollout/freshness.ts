// How old the secrets are that pods with on-change: rollout were started with, for the metrics. Names of pods and secrets are no labels.
import type { RolloutPods } from '../runtime/context.ts';
import type { SecretVersions } from './versions.ts';

/** Creation timestamps are cut to the second; the agent of a pod reads its secrets later than that. */
const TIMESTAMP_MS = 1000;

export interface Freshness {
  /** `unknown`: the version of one of its secrets cannot be read. */
  readonly pods: Readonly<Record<'current' | 'outdated' | 'unknown', number>>;
  /** Since when the pod that is outdated for longest lacks a version, in milliseconds since 1970; undefined: none is outdated. */
  readonly outdatedSince: number | undefined;
}

/** Compares the creation of each pod with that of the newest versions of its secrets. A deleted version reaches no pod. */
export function freshnessOf(pods: RolloutPods, versions: Pick<SecretVersions, 'get'>): Freshness {
  const outdated = new Set<string>();
  const unknown = new Set<string>();
  const all = new Set<string>();
  let outdatedSince: number | undefined;
  for (const secret of pods.secrets()) {
    const version = versions.get(secret);
    for (const { uid, createdAt, isDeleting } of pods.ofSecret(secret)) {
      if (isDeleting) continue;
      all.add(uid);
      if (version?.kind !== 'known') unknown.add(uid);
      else if (!version.isDeleted && version.createdAt >= createdAt + TIMESTAMP_MS) {
        outdated.add(uid);
        outdatedSince = Math.min(outdatedSince ?? Infinity, version.createdAt);
      }
    }
  }
  const unread = [...unknown].filter((uid) => !outdated.has(uid)).length;
  return {
    pods: { current: all.size - outdated.size - unread, outdated: outdated.size, unknown: unread },
    outdatedSince,
  };
}
