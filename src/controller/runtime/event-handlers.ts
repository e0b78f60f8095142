// What a process that leads has to look at: everything once, endpoints first, and then whatever a change concerns.
import type { KindName } from '../../resources/kinds.ts';
import { ofCredential, ofNamespace, ofServiceAccount } from './cluster-dependants.ts';
import type { ItemKind, Listers, Objects } from './context.ts';
import { accountsOf, type Dependant, itemOf, makesRoles } from './dependant.ts';
import { isChanged, ofBackend, ofEndpoint, ofPolicy, ofRole } from './watch-mapping.ts';
import type { StoreListeners } from './informers.ts';

export interface AgendaOptions {
  readonly listers: () => Listers;
  readonly add: (kind: ItemKind, key: string, afterMs?: number) => void;
  /** See ControllerTimes. */
  readonly resyncFactor: number;
  readonly random: () => number;
}

export interface Agenda {
  readonly listeners: StoreListeners;
  readonly add: (kind: ItemKind, key: string, afterMs?: number) => void;
  /** From now on this process leads: what is to be done is done. */
  readonly begin: () => void;
  /** A run is over. */
  readonly looked: (kind: ItemKind, key: string) => void;
  readonly end: () => void;
}

/** How much of the time one of many items is spread over belongs to it, and how long all have at the most. */
const SPREAD_MS = 5;
const LONGEST_SPREAD_MS = 60_000;
const LATER_MS = 5000;
/** For so long everything waits for the first look at endpoints, which takes as long as their servers need to answer. */
const PATIENCE_MS = 20_000;

/** An agenda that drops everything until it begins. */
export function agenda({ listers, add, resyncFactor, random }: AgendaOptions): Agenda {
  let phase: 'off' | 'endpoints' | 'all' = 'off';
  const unseen = new Set<string>();
  let patience: NodeJS.Timeout | undefined;

  const admit = (kind: ItemKind, key: string, afterMs?: number): void => {
    // What is dropped here is looked at when the next phase begins.
    if (phase === 'all' || (phase === 'endpoints' && kind === 'VaultEndpoint')) add(kind, key, afterMs);
  };
  const addAll = (dependants: readonly Dependant[]): void => {
    const many = Math.min(LONGEST_SPREAD_MS, dependants.length * SPREAD_MS);
    for (const { kind, key, when } of dependants)
      admit(kind, key, when === undefined ? 0 : when === 'later' ? LATER_MS * resyncFactor : 1 + random() * many);
  };
  const beginAll = (): void => {
    if (phase !== 'endpoints') return;
    clearTimeout(patience);
    phase = 'all';
    const { backends, policies, roles } = listers();
    addAll([
      ...backends.list().map(itemOf('VaultAuthBackend')),
      ...policies.list().map(itemOf('VaultACLPolicy')),
      ...roles.list().map(itemOf('VaultAuthRole', 'spread')),
      ...(backends.list().some(makesRoles) ? accountsOf(listers()) : []),
      ...backends
        .list()
        .filter(({ status }) => (status?.pendingDeletions?.length ?? 0) > 0)
        .map(({ metadata: { name } }): Dependant => ({ kind: 'Tombstones', key: name })),
    ]);
  };

  return {
    add: admit,
    listeners: {
      ours: (kind, key, before, after) => {
        if (phase === 'off') return;
        if (isChanged(before, after)) admit(kind, key);
        addAll(dependantsOf(listers(), kind, before, after));
      },
      namespace: (before, after) => (phase === 'off' ? undefined : addAll(ofNamespace(listers(), before, after))),
      serviceAccount: (before, after) => (phase === 'off' ? undefined : addAll(ofServiceAccount(listers(), before, after))),
      credential: (name) => (phase === 'off' ? undefined : addAll(ofCredential(listers(), name))),
    },
    begin: () => {
      phase = 'endpoints';
      for (const key of listers().endpoints.keys()) {
        unseen.add(key);
        add('VaultEndpoint', key);
      }
      if (unseen.size === 0) return beginAll();
      patience = setTimeout(beginAll, PATIENCE_MS);
    },
    looked: (kind, key) => {
      if (phase === 'endpoints' && kind === 'VaultEndpoint' && unseen.delete(key) && unseen.size === 0) beginAll();
    },
    end: () => {
      phase = 'off';
      clearTimeout(patience);
    },
  };
}

type Either = Objects[KindName] | undefined;

const dependantsOf = (listers: Listers, kind: KindName, before: Either, after: Either): readonly Dependant[] => {
  switch (kind) {
    case 'VaultEndpoint':
      return ofEndpoint(listers, before as Objects['VaultEndpoint'], after as Objects['VaultEndpoint']);
    case 'VaultAuthBackend':
      return ofBackend(listers, before as Objects['VaultAuthBackend'], after as Objects['VaultAuthBackend']);
    case 'VaultACLPolicy':
      return ofPolicy(listers, before as Objects['VaultACLPolicy'], after as Objects['VaultACLPolicy']);
    case 'VaultAuthRole':
      return ofRole(listers, before as Objects['VaultAuthRole'], after as Objects['VaultAuthRole']);
  }
};
