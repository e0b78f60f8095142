// The informers of the controller: its four kinds as a whole, and what matters of namespaces, service accounts and its own
// credentials.
import type { KubeClient } from '../../kube/client.ts';
import { type Informer, type Lister, startInformer, withoutManagedFields } from '../../kube/informer.ts';
import { type ReflectorTimes, staleAfterMs } from '../../kube/reflector.ts';
import {
  AUTO_ROLE_LABEL,
  collectionPath,
  CONFIRM_DELETE_ANNOTATION,
  type KindName,
  ON_CHANGE_LABEL,
} from '../../resources/kinds.ts';
import type { VaultAuthRole } from '../../resources/role.ts';
import { type PodMetadata, type RolloutPod, rolloutPodReader } from '../rollout/pods.ts';
import type { ClusterNamespace, ClusterServiceAccount, Objects, RolloutPods } from './context.ts';

export interface Informers {
  readonly objects: { readonly [K in KindName]: Informer<Objects[K], Objects[K]> };
  readonly namespaces: Lister<ClusterNamespace>;
  readonly serviceAccounts: Lister<ClusterServiceAccount>;
  readonly rolesInNamespace: (namespace: string) => readonly VaultAuthRole[];
  readonly rolesByVaultName: (name: string) => readonly VaultAuthRole[];
  readonly rolloutPods: RolloutPods;
  /** Paths of collections that have not been listed yet. */
  readonly notSynced: () => readonly string[];
  /** Collections that were listed, and whose watch has reported nothing for much longer than a watch lasts. */
  readonly stale: () => readonly { readonly path: string; readonly seconds: number }[];
  /** Last activity of the watch that has been silent for longest, in milliseconds of `performance.now()`; undefined: never. */
  readonly lastActivity: () => number | undefined;
  readonly close: () => Promise<void>;
}

/** Called for each change; the first lists count as changes. */
export interface InformerHandlers {
  readonly object: <K extends KindName>(
    kind: K,
    key: string,
    before: Objects[K] | undefined,
    after: Objects[K] | undefined,
  ) => void;
  readonly namespace: (before: ClusterNamespace | undefined, after: ClusterNamespace | undefined) => void;
  readonly serviceAccount: (before: ClusterServiceAccount | undefined, after: ClusterServiceAccount | undefined) => void;
  /** A Secret or ConfigMap of the controller's namespace. */
  readonly credential: (name: string) => void;
  readonly pod: (before: RolloutPod | undefined, after: RolloutPod | undefined) => void;
}

export interface InformersOptions {
  readonly client: KubeClient;
  /** The controller's own. */
  readonly namespace: string;
  /** Which annotations of namespaces and service accounts are cached, by name. */
  readonly cachesAnnotation: (name: string) => boolean;
  /** Watches the pods that request rollouts. */
  readonly watchesPods: boolean;
  readonly handlers: InformerHandlers;
  /** `problem` undefined: the watch works again. */
  readonly onProblem: (path: string, problem: string | undefined) => void;
  readonly times?: Partial<ReflectorTimes> | undefined;
}

/** Starts all informers. */
export function startInformers(options: InformersOptions): Informers {
  const { client, namespace, handlers, onProblem, times } = options;
  const inNamespace = indexBy((role: VaultAuthRole) => [role.metadata.namespace ?? '']);
  const byVaultName = indexBy((role: VaultAuthRole) => [role.spec.vaultRoleName ?? role.metadata.name]);
  const started: [path: string, informer: Lister<unknown>][] = [];
  const common = (path: string) => ({
    client,
    path,
    times,
    onProblem: (problem: string | undefined) => onProblem(path, problem),
  });
  const add = <L extends Lister<unknown>>(path: string, informer: L): L => {
    started.push([path, informer]);
    return informer;
  };
  const start = <K extends KindName>(kind: K): Informer<Objects[K], Objects[K]> => {
    const path = collectionPath(kind);
    const transform = (object: Objects[K]): Objects[K] => withOwnLabels(withoutManagedFields(object));
    const onChange = (key: string, before: Objects[K] | undefined, after: Objects[K] | undefined): void => {
      if (isRole(before) || isRole(after)) {
        const [old, now] = [isRole(before) ? before : undefined, isRole(after) ? after : undefined];
        inNamespace.change(key, old, now);
        byVaultName.change(key, old, now);
      }
      handlers.object(kind, key, before, after);
    };
    return add(path, startInformer<Objects[K], Objects[K]>({ ...common(path), transform, onChange }));
  };
  const objects = {
    VaultEndpoint: start('VaultEndpoint'),
    VaultAuthBackend: start('VaultAuthBackend'),
    VaultACLPolicy: start('VaultACLPolicy'),
    VaultAuthRole: start('VaultAuthRole'),
  };
  const cached = annotationFilter(options.cachesAnnotation);
  const namespaces = add(
    '/api/v1/namespaces',
    startInformer<Metadata, ClusterNamespace>({
      ...common('/api/v1/namespaces'),
      metadataOnly: true,
      transform: ({ metadata: { name, labels, annotations, deletionTimestamp } }) => ({
        name,
        labels: labels ?? EMPTY,
        annotations: cached(annotations),
        deleting: deletionTimestamp !== undefined,
      }),
      onChange: (_, before, after) => handlers.namespace(before, after),
    }),
  );
  const serviceAccounts = add(
    '/api/v1/serviceaccounts',
    startInformer<Metadata, ClusterServiceAccount>({
      ...common('/api/v1/serviceaccounts'),
      metadataOnly: true,
      transform: ({ metadata }) => ({
        namespace: metadata.namespace ?? '',
        name: metadata.name,
        uid: metadata.uid ?? '',
        annotations: cached(metadata.annotations),
      }),
      onChange: (_, before, after) => handlers.serviceAccount(before, after),
    }),
  );
  for (const plural of ['secrets', 'configmaps']) {
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/${plural}`;
    const transform = ({ metadata: { name } }: Metadata): Named => ({ name });
    const onChange = (_: string, before: Named | undefined, after: Named | undefined): void =>
      handlers.credential((after ?? before)?.name ?? '');
    add(path, startInformer<Metadata, Named>({ ...common(path), metadataOnly: true, transform, onChange }));
  }
  const byWorkload = indexBy(({ workload }: RolloutPod) => (workload === undefined ? [] : [workload]));
  const bySecret = indexBy(({ secrets }: RolloutPod) => secrets);
  if (options.watchesPods) {
    const path = '/api/v1/pods';
    const onChange = (key: string, before: RolloutPod | undefined, after: RolloutPod | undefined): void => {
      byWorkload.change(key, before, after);
      bySecret.change(key, before, after);
      handlers.pod(before, after);
    };
    const labelSelector = `${ON_CHANGE_LABEL}=rollout`;
    add(
      path,
      startInformer<PodMetadata, RolloutPod>({
        ...common(path),
        labelSelector,
        metadataOnly: true,
        transform: rolloutPodReader(),
        onChange,
      }),
    );
  }
  return {
    objects,
    namespaces,
    serviceAccounts,
    rolesInNamespace: inNamespace.list,
    rolesByVaultName: byVaultName.list,
    rolloutPods: {
      ofWorkload: byWorkload.list,
      ofSecret: bySecret.list,
      workloads: byWorkload.values,
      secrets: bySecret.values,
    },
    notSynced: () => started.filter(([, informer]) => !informer.synced()).map(([path]) => path),
    stale: () =>
      started.flatMap(([path, informer]) => {
        const last = informer.lastActivity();
        if (!informer.synced() || last === undefined) return [];
        const silentMs = performance.now() - last;
        return silentMs > staleAfterMs(times) ? [{ path, seconds: Math.floor(silentMs / 1000) }] : [];
      }),
    lastActivity: () => {
      const all = started.map(([, informer]) => informer.lastActivity());
      return all.includes(undefined) ? undefined : Math.min(...all.filter((time) => time !== undefined));
    },
    close: async () => {
      await Promise.all(started.map(([, informer]) => informer.close()));
    },
  };
}

interface Named {
  readonly name: string;
}

interface Metadata {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
}

/** One object for the many that have no labels or annotations. */
const EMPTY: Readonly<Record<string, string>> = {};

const annotationFilter =
  (isCached: (name: string) => boolean) =>
  (annotations: Readonly<Record<string, string>> = EMPTY): Readonly<Record<string, string>> => {
    const cached = Object.entries(annotations).filter(([name]) => isCached(name));
    return cached.length === 0 ? EMPTY : Object.fromEntries(cached);
  };

const isRole = (object: Objects[KindName] | undefined): object is VaultAuthRole => object?.kind === 'VaultAuthRole';

/**
 * The object with the labels and annotations that the controller reads: a tenant can write 256 KiB of others to each object, and
 * kubectl writes a copy of the whole object to one.
 */
const withOwnLabels = <T extends Objects[KindName]>(object: T): T => {
  const { labels, annotations, ...metadata } = object.metadata;
  return {
    ...object,
    metadata: {
      ...metadata,
      ...only('labels', AUTO_ROLE_LABEL, labels),
      ...only('annotations', CONFIRM_DELETE_ANNOTATION, annotations),
    },
  };
};

const only = (member: 'labels' | 'annotations', name: string, all: Readonly<Record<string, string>> = {}) => {
  const value = all[name];
  return value === undefined ? {} : { [member]: { [name]: value } };
};

/** An index of objects by values that several of them share. */
const indexBy = <T>(valuesOf: (object: T) => readonly string[]) => {
  const index = new Map<string, Map<string, T>>();
  return {
    list: (value: string): readonly T[] => [...(index.get(value)?.values() ?? [])],
    values: (): readonly string[] => [...index.keys()],
    change: (key: string, before: T | undefined, after: T | undefined): void => {
      for (const value of before === undefined ? [] : valuesOf(before)) {
        const entries = index.get(value);
        entries?.delete(key);
        if (entries?.size === 0) index.delete(value);
      }
      if (after === undefined) return;
      for (const value of valuesOf(after)) {
        const entries = index.get(value) ?? new Map<string, T>();
        index.set(value, entries.set(key, after));
      }
    },
  };
};
