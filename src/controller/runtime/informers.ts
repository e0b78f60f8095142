// The cluster in memory: our four kinds whole, of namespaces, service accounts and our own Secrets and ConfigMaps what matters.
import type { KubeClient } from '../../kube/client.ts';
import { type Lister, startInformer, withoutManagedFields, type Informer } from '../../kube/informer.ts';
import { staleAfterMs, type ReflectorTimes } from '../../kube/reflector.ts';
import { collectionPath, type KindName } from '../../resources/kinds.ts';
import type { VaultAuthRole } from '../../resources/role.ts';
import type { ClusterNamespace, ClusterServiceAccount, Objects } from './context.ts';

type OurStores = { readonly [K in KindName]: Informer<Objects[K], Objects[K]> };

export interface Stores {
  readonly ours: OurStores;
  readonly namespaces: Lister<ClusterNamespace>;
  readonly serviceAccounts: Lister<ClusterServiceAccount>;
  readonly rolesInNamespace: (namespace: string) => readonly VaultAuthRole[];
  readonly rolesByVaultName: (name: string) => readonly VaultAuthRole[];
  /** Collections that have not been listed yet, by their paths. */
  readonly missing: () => readonly string[];
  /** Collections that were listed, and of which nothing has been heard for much longer than a watch lasts. */
  readonly silent: () => readonly { readonly path: string; readonly seconds: number }[];
  /** When the watch that has been silent for longest was last heard of, in milliseconds of `performance.now()`; undefined: never. */
  readonly heard: () => number | undefined;
  readonly close: () => Promise<void>;
}

/** Told of each change; the first lists are told too. */
export interface StoreListeners {
  readonly ours: <K extends KindName>(
    kind: K,
    key: string,
    before: Objects[K] | undefined,
    after: Objects[K] | undefined,
  ) => void;
  readonly namespace: (before: ClusterNamespace | undefined, after: ClusterNamespace | undefined) => void;
  readonly serviceAccount: (before: ClusterServiceAccount | undefined, after: ClusterServiceAccount | undefined) => void;
  /** A Secret or ConfigMap of our own namespace. */
  readonly credential: (name: string) => void;
}

export interface StoreOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Which annotations of namespaces and service accounts are kept, by name. */
  readonly keepsAnnotation: (name: string) => boolean;
  readonly listeners: StoreListeners;
  readonly onProblem: (path: string, problem: string | undefined) => void;
  readonly times?: Partial<ReflectorTimes> | undefined;
}

/** Starts to follow everything. */
export function openStores({ client, namespace, keepsAnnotation, listeners, onProblem, times }: StoreOptions): Stores {
  const inNamespace = grouped((role: VaultAuthRole) => role.metadata.namespace ?? '');
  const withName = grouped((role: VaultAuthRole) => role.spec.vaultRoleName ?? role.metadata.name);
  const watched: [path: string, store: Lister<unknown>][] = [];
  const common = (path: string) => ({
    client,
    path,
    times,
    onProblem: (problem: string | undefined) => onProblem(path, problem),
  });
  const open = <Store extends Lister<unknown>>(path: string, store: Store): Store => {
    watched.push([path, store]);
    return store;
  };
  const follow = <K extends KindName>(kind: K): Informer<Objects[K], Objects[K]> => {
    const path = collectionPath(kind);
    const keep = (object: Objects[K]): Objects[K] => withoutLastApplied(withoutManagedFields(object));
    const onChange = (key: string, before: Objects[K] | undefined, after: Objects[K] | undefined): void => {
      if (isRole(before) || isRole(after)) {
        inNamespace.change(key, isRole(before) ? before : undefined, isRole(after) ? after : undefined);
        withName.change(key, isRole(before) ? before : undefined, isRole(after) ? after : undefined);
      }
      listeners.ours(kind, key, before, after);
    };
    return open(path, startInformer<Objects[K], Objects[K]>({ ...common(path), transform: keep, onChange }));
  };
  const ours: OurStores = {
    VaultEndpoint: follow('VaultEndpoint'),
    VaultAuthBackend: follow('VaultAuthBackend'),
    VaultACLPolicy: follow('VaultACLPolicy'),
    VaultAuthRole: follow('VaultAuthRole'),
  };
  const texts = textKeeper(keepsAnnotation);
  const namespaces = open(
    '/api/v1/namespaces',
    startInformer<Metadata, ClusterNamespace>({
      ...common('/api/v1/namespaces'),
      metadataOnly: true,
      transform: ({ metadata: { name, labels, annotations, deletionTimestamp } }) => ({
        name,
        labels: labels ?? NONE,
        annotations: texts(annotations),
        deleting: deletionTimestamp !== undefined,
      }),
      onChange: (_, before, after) => listeners.namespace(before, after),
    }),
  );
  const serviceAccounts = open(
    '/api/v1/serviceaccounts',
    startInformer<Metadata, ClusterServiceAccount>({
      ...common('/api/v1/serviceaccounts'),
      metadataOnly: true,
      transform: ({ metadata: { name, namespace: place = '', uid = '', annotations } }) => ({
        namespace: place,
        name,
        uid,
        annotations: texts(annotations),
      }),
      onChange: (_, before, after) => listeners.serviceAccount(before, after),
    }),
  );
  for (const plural of ['secrets', 'configmaps']) {
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/${plural}`;
    const keep = ({ metadata: { name } }: Metadata): { readonly name: string } => ({ name });
    const onChange = (
      _: string,
      before: { readonly name: string } | undefined,
      after: { readonly name: string } | undefined,
    ): void => listeners.credential((after ?? before)?.name ?? '');
    open(
      path,
      startInformer<Metadata, { readonly name: string }>({ ...common(path), metadataOnly: true, transform: keep, onChange }),
    );
  }
  return {
    ours,
    namespaces,
    serviceAccounts,
    rolesInNamespace: inNamespace.of,
    rolesByVaultName: withName.of,
    missing: () => watched.filter(([, store]) => !store.synced()).map(([path]) => path),
    silent: () =>
      watched.flatMap(([path, store]) => {
        const heard = store.lastActivity();
        if (!store.synced() || heard === undefined) return [];
        const silence = performance.now() - heard;
        return silence > staleAfterMs(times) ? [{ path, seconds: Math.floor(silence / 1000) }] : [];
      }),
    heard: () => {
      const heard = watched.map(([, store]) => store.lastActivity());
      return heard.includes(undefined) ? undefined : Math.min(...heard.filter((time) => time !== undefined));
    },
    close: async () => {
      await Promise.all(watched.map(([, store]) => store.close()));
    },
  };
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

/** Shared by all that have nothing. */
const NONE: Readonly<Record<string, string>> = {};

const textKeeper =
  (isKept: (name: string) => boolean) =>
  (texts: Readonly<Record<string, string>> = NONE): Readonly<Record<string, string>> => {
    const kept = Object.entries(texts).filter(([name]) => isKept(name));
    return kept.length === 0 ? NONE : Object.fromEntries(kept);
  };

const isRole = (object: Objects[KindName] | undefined): object is VaultAuthRole => object?.kind === 'VaultAuthRole';

/** kubectl keeps a copy of the whole object there. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

const withoutLastApplied = <T extends Objects[KindName]>(object: T): T => {
  if (object.metadata.annotations?.[LAST_APPLIED] === undefined) return object;
  const { [LAST_APPLIED]: _, ...annotations } = object.metadata.annotations;
  return { ...object, metadata: { ...object.metadata, annotations } };
};

/** Objects by a word that many of them share. */
const grouped = <T>(wordOf: (object: T) => string) => {
  const groups = new Map<string, Map<string, T>>();
  return {
    of: (word: string): readonly T[] => [...(groups.get(word)?.values() ?? [])],
    change: (key: string, before: T | undefined, after: T | undefined): void => {
      if (before !== undefined) {
        const group = groups.get(wordOf(before));
        group?.delete(key);
        if (group?.size === 0) groups.delete(wordOf(before));
      }
      if (after === undefined) return;
      const group = groups.get(wordOf(after)) ?? new Map<string, T>();
      groups.set(wordOf(after), group.set(key, after));
    },
  };
};
