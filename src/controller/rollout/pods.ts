// The pods that request a rollout when a secret changes, as the informer keeps them: a few hundred bytes each.
import { isObject, type JsonObject, textOf, textsOf } from '../../json/json.ts';
import { ON_CHANGE_SECRETS_ANNOTATION } from '../../resources/kinds.ts';

/** The kinds whose pods are replaced one after the other. */
export type WorkloadKind = 'Deployment' | 'StatefulSet' | 'DaemonSet';

/** What the controller caches of a pod. */
export interface RolloutPod {
  readonly uid: string;
  /** `Deployment/shop/web`; undefined: its owner is of another kind. */
  readonly workload: string | undefined;
  /** `main/kv/data/shop/db`: endpoint and path of each secret. */
  readonly secrets: readonly string[];
  /** Milliseconds since 1970, by the API server's clock. */
  readonly createdAt: number;
  readonly isDeleting: boolean;
}

/** The part of a pod's metadata that is read. */
export interface PodMetadata {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string; readonly controller?: boolean }[];
  };
}

/** More secrets than a pod has; the rest is ignored, so that a forged annotation cannot cause more reads. */
const MAX_SECRETS = 100;
const MAX_PATH_LENGTH = 512;

/** Returns a reader of pods. Pods with equal annotations share one list of secrets. */
export function rolloutPodReader(): (pod: PodMetadata) => RolloutPod {
  const shared = new Map<string, readonly string[]>();
  const secretsOf = (annotation: string): readonly string[] => {
    const known = shared.get(annotation);
    if (known) return known;
    if (shared.size >= MAX_SHARED) shared.clear();
    const secrets = readSecrets(annotation);
    shared.set(annotation, secrets);
    return secrets;
  };
  return ({ metadata }) => ({
    uid: metadata.uid ?? '',
    workload: workloadOf(metadata),
    secrets: secretsOf(metadata.annotations?.[ON_CHANGE_SECRETS_ANNOTATION] ?? ''),
    createdAt: Date.parse(metadata.creationTimestamp ?? '') || 0,
    isDeleting: metadata.deletionTimestamp !== undefined,
  });
}

const MAX_SHARED = 10_000;

const readSecrets = (annotation: string): readonly string[] => {
  const value = parsed(annotation);
  const endpoint = textOf(value, 'endpoint') ?? '';
  if (!/^[a-z0-9][a-z0-9.-]*$/.test(endpoint)) return [];
  const paths = textsOf(value?.['paths']).filter((path) => path.length <= MAX_PATH_LENGTH && PATH.test(path));
  return paths.slice(0, MAX_SECRETS).map((path) => `${endpoint}/${path}`);
};

const parsed = (text: string): JsonObject | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

/** No empty segment, "." or ".."; no control characters. */
const PATH = /^(?!.*(?:^|\/)\.{0,2}(?:\/|$))\P{Cc}+$/u;

/** A ReplicaSet of a Deployment is named like it, with the hash of the template at the end. */
const workloadOf = ({ namespace = '', labels, ownerReferences }: PodMetadata['metadata']): string | undefined => {
  const owner = ownerReferences?.find(({ controller }) => controller === true);
  if (!owner) return undefined;
  if (owner.kind === 'StatefulSet' || owner.kind === 'DaemonSet') return `${owner.kind}/${namespace}/${owner.name}`;
  const suffix = `-${labels?.['pod-template-hash'] ?? ''}`;
  return owner.kind === 'ReplicaSet' && suffix.length > 1 && owner.name.endsWith(suffix)
    ? `Deployment/${namespace}/${owner.name.slice(0, -suffix.length)}`
    : undefined;
};
