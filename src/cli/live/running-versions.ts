// The versions of secrets that a pod with on-change: rollout was started with, from the annotations that the controller writes.
import { rolloutPodReader, type PodMetadata } from '../../controller/rollout/pods.ts';
import { readVersionsOf, readWorkload } from '../../controller/rollout/rollout-workload.ts';
import { objectAt, textOf, type JsonObject } from '../../json/json.ts';
import type { KubeClient } from '../../kube/client.ts';
import { KubeError } from '../../kube/errors.ts';
import { SECRET_VERSIONS_ANNOTATION } from '../../resources/kinds.ts';

export interface RunningVersions {
  /** When the pod was created: its secrets are at least as young. */
  readonly created: string;
  /** The lowest version that each secret had then, by endpoint and path; without those that nothing is known of. */
  readonly secrets: readonly { readonly path: string; readonly version: number }[];
  /** The rollout of its workload that is not complete; empty: none. */
  readonly rollout: '' | 'first pod' | 'rest' | 'stopped';
}

/** Undefined if the pod requests no rollouts. A workload that cannot be read leaves its part out. Throws no KubeError. */
export async function runningVersions(client: KubeClient, pod: JsonObject): Promise<RunningVersions | undefined> {
  const metadata = objectAt(pod, 'metadata');
  if (!metadata) return undefined;
  const { workload: key, secrets } = rolloutPodReader()({ metadata } as unknown as PodMetadata);
  if (key === undefined || secrets.length === 0) return undefined;
  const workload = await readWorkload(client, key, AbortSignal.timeout(READ_TIMEOUT_MS)).catch((error: unknown) => {
    if (!(error instanceof KubeError)) throw error;
    return undefined;
  });
  const { versions, running } = workload?.state ?? {};
  const atStart = { ...versions, ...readVersionsOf(textOf(objectAt(metadata, 'annotations'), SECRET_VERSIONS_ANNOTATION)) };
  return {
    created: textOf(metadata, 'creationTimestamp') ?? '',
    secrets: secrets.flatMap((secret) => {
      const version = atStart[secret];
      return version === undefined ? [] : [{ path: secret.slice(secret.indexOf('/') + 1), version }];
    }),
    rollout: running ? (running.isStopped === true ? 'stopped' : running.phase === 'Rest' ? 'rest' : 'first pod') : '',
  };
}

const READ_TIMEOUT_MS = 10_000;
