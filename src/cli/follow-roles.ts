// Follows VaultAuthRoles and what they name on the API server. Where the kinds are not installed, it looks for them from time to
// time, so that installing them later needs no restart.
import { setTimeout as sleep } from 'node:timers/promises';
import type { RoleLister } from '../admission/roles/resolve.ts';
import type { KubeClient } from '../kube/client.ts';
import { isKubeError } from '../kube/errors.ts';
import { type Lister, startInformer, type KubeObject } from '../kube/informer.ts';
import { jittered } from '../net/backoff.ts';
import type { Log } from '../observe/log.ts';
import { objectsOf, type JsonObject } from '../json/json.ts';
import { API_VERSION, collectionPath } from '../resources/kinds.ts';
import { factOf, LINKED_KINDS, roleStore, type Fact, type LinkedKind } from './role-store.ts';

export interface FollowedRoles {
  readonly roles: RoleLister;
  /** All of it has been listed. */
  readonly listed: () => boolean;
  /** There is nothing to wait for: all is listed, or not installed, or cannot be read. */
  readonly settled: () => boolean;
  readonly close: () => Promise<void>;
}

export interface FollowOptions {
  readonly client: KubeClient;
  readonly log: Log;
  readonly onProblem: (path: string, problem: string | undefined) => void;
  /** Between two looks for kinds that are not installed. */
  readonly lookMs?: number;
}

/** One small request of each replica. */
const LOOK_MS = 30_000;
const LOOK_TIMEOUT_MS = 5000;

/** Starts at once; nothing ends it but `close`. */
export function followRoles({ client, log, onProblem, lookMs = LOOK_MS }: FollowOptions): FollowedRoles {
  const store = roleStore();
  const closing = new AbortController();
  const watches: Lister<Fact | undefined>[] = [];
  const failed = new Set<LinkedKind>();
  let isLookedFor = false;
  const follow = (kind: LinkedKind): Lister<Fact | undefined> => {
    const path = collectionPath(kind);
    return startInformer<KubeObject & JsonObject, Fact | undefined>({
      client,
      path,
      transform: (object) => factOf(kind, object, true),
      onChange: (_, before, after) => {
        if (after) store.put(after);
        else if (before) store.remove(before);
      },
      onProblem: (problem) => {
        if (problem === undefined) failed.delete(kind);
        else failed.add(kind);
        onProblem(path, problem);
      },
    });
  };
  const look = async (): Promise<void> => {
    let isTold = false;
    while (!closing.signal.aborted) {
      const missing = await missingKinds(client, closing.signal).catch((error: unknown) => String(error));
      if (closing.signal.aborted) return;
      if (missing === undefined) {
        if (isTold) log.info({}, 'VaultAuthRoles are installed now: pods get their logins from them');
        for (const kind of LINKED_KINDS) watches.push(follow(kind));
        return;
      }
      if (!isTold)
        log.info({ missing }, 'pods get their logins from annotations and settings alone: there are no VaultAuthRoles');
      isTold = true;
      isLookedFor = true;
      await sleep(jittered(lookMs), undefined, { signal: closing.signal }).catch(() => undefined);
    }
  };
  const looking = look();
  const listed = (): boolean => watches.length > 0 && watches.every((watch) => watch.synced());
  return {
    // Half of it would tell of roles that are missing.
    roles: { ...store, inUse: () => listed() && store.inUse() },
    listed,
    settled: () => isLookedFor || listed() || failed.size > 0,
    close: async () => {
      closing.abort();
      await looking;
      await Promise.all(watches.map((watch) => watch.close()));
    },
  };
}

/** Why the kinds cannot be followed; undefined: they can, or only following them will tell. */
const missingKinds = async (client: KubeClient, signal: AbortSignal): Promise<string | undefined> => {
  const path = `/apis/${API_VERSION}`;
  try {
    const found = await client.request<JsonObject>({ method: 'GET', path, timeoutMs: LOOK_TIMEOUT_MS, signal });
    const kinds = new Set(objectsOf(found['resources']).map(({ kind }) => kind));
    const missing = LINKED_KINDS.filter((kind) => !kinds.has(kind));
    return missing.length === 0 ? undefined : `${missing.join(', ')} not installed`;
  } catch (error) {
    if (isKubeError(error, 'Forbidden')) return undefined;
    return error instanceof Error ? error.message : String(error);
  }
};
