// Leader election: of several processes the holder of a Lease (coordination.k8s.io) leads, and renews it while it runs.
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from './client.ts';
import { isKubeError, messageOf, undefinedOn } from './errors.ts';
import { objectPath, resourcePath } from './object-ref.ts';

/** Another process holds the Lease, or may hold it: a write that was about to begin must not. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/** The names are those of client-go; its defaults are 15 s, 10 s and 2 s. */
export interface LeaderElectionTimes {
  /** Other processes leave the Lease to its holder for so long after its last change that they saw. */
  readonly leaseDurationMs: number;
  /** A leader that has not renewed for so long writes nothing until it has. Well below `leaseDurationMs`: the rest is for writes in flight. */
  readonly renewDeadlineMs: number;
  readonly renewPeriodMs: number;
  /** How often a candidate reads the Lease; the later it sees a change, the later the Lease expires for it. */
  readonly retryPeriodMs: number;
}

export interface LeaderElectionOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Of this process, unique among the candidates. */
  readonly identity: string;
  /** The signal is aborted when the Lease is lost or released. */
  readonly onStartedLeading: (signal: AbortSignal) => void;
  /** Called once, with the reason; never after `close`. This process will not lead again. */
  readonly onStoppedLeading: (reason: string) => void;
  /** Called once when the Lease cannot be read or written, and once (undefined) when it can be again. */
  readonly onProblem: (problem: string | undefined) => void;
  readonly times?: Partial<LeaderElectionTimes> | undefined;
  /** Milliseconds: one clock that never goes back, and the time of day, which goes on while the machine sleeps. */
  readonly clocks?: { readonly monotonic: () => number; readonly wall: () => number } | undefined;
}

export interface LeaderElection {
  readonly isLeading: () => boolean;
  /** The holder of the Lease, as last seen; undefined: none, or not read yet. */
  readonly holder: () => string | undefined;
  /** Throws LeaseLost unless this process certainly holds the Lease at this moment. Must be called right before each write. */
  readonly fence: () => void;
  /** Stops, and releases the Lease, so that another process can lead at once. */
  readonly close: () => Promise<void>;
}

/** With these numbers another process leads at most 13 s after the leader's last renewal; with those of client-go, 19 s. */
const TIMES: LeaderElectionTimes = { leaseDurationMs: 12_000, renewDeadlineMs: 9000, renewPeriodMs: 2000, retryPeriodMs: 1000 };
const CLOCKS = { monotonic: () => performance.now(), wall: () => Date.now() };
/** A request that hangs must leave time for another one before the deadline. */
const ATTEMPTS_PER_DEADLINE = 3;

/**
 * Starts at once and tries to lead until it is closed. When the API server does not respond, the leader is fenced but keeps
 * trying: unless another process has taken the Lease meanwhile, it goes on leading.
 */
export function runLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const { client, namespace, name, identity, clocks = CLOCKS } = options;
  const times: LeaderElectionTimes = { ...TIMES, ...options.times };
  const closing = new AbortController();
  const leading = new AbortController();
  let state: 'candidate' | 'leading' | 'lost' = 'candidate';
  let holder: string | undefined;
  let problem: string | undefined;
  /** The version that another process wrote last, and when we saw it. */
  let observed: { readonly resourceVersion: string | undefined; readonly at: number } | undefined;
  /** Both clocks before the last successful renewal was sent. */
  let renewed = { monotonic: -Infinity, wall: -Infinity };
  /** The Lease as our last write left it. */
  let own: Lease | undefined;

  const sinceRenewal = (): number => {
    const { monotonic, wall } = renewed;
    return Math.max(clocks.monotonic() - monotonic, clocks.wall() - wall);
  };
  const reportProblem = (error: unknown): void => {
    const text = messageOf(error);
    if (problem === undefined) options.onProblem(text);
    problem = text;
  };
  const reportRecovery = (): void => {
    if (problem !== undefined) options.onProblem(undefined);
    problem = undefined;
  };
  const request = { timeoutMs: times.renewDeadlineMs / ATTEMPTS_PER_DEADLINE, signal: closing.signal };
  const metadata = { namespace, name };

  /** Writes this process as the holder; false when another writer was faster. */
  const acquire = async (found: Lease | undefined): Promise<boolean> => {
    const before = { monotonic: clocks.monotonic(), wall: clocks.wall() };
    const spec = leaseSpec(found?.spec, identity, times.leaseDurationMs, before.wall);
    const written = await (found
      ? replaceLease(client, { ...found, spec }, request)
      : createLease(client, { metadata, spec }, request));
    if (!written) return false;
    // The clocks of before the request: a process that was stopped meanwhile may hold a renewal that has expired already.
    renewed = before;
    holder = identity;
    own = written;
    return true;
  };

  /** One attempt of a candidate. Returns the milliseconds until the next. */
  const attempt = async (): Promise<number> => {
    const found = await readLease(client, metadata, request);
    reportRecovery();
    const version = found?.metadata.resourceVersion;
    const now = clocks.monotonic();
    if (!observed || observed.resourceVersion !== version) observed = { resourceVersion: version, at: now };
    holder = found?.spec.holderIdentity || undefined;
    // From when this process saw the change: so clock skew between machines does not matter.
    const left = observed.at + Math.max(times.leaseDurationMs, (found?.spec.leaseDurationSeconds ?? 0) * 1000) - now;
    if (holder !== undefined && holder !== identity && left > 0) return Math.min(left, times.retryPeriodMs);
    if (!(await acquire(found))) return times.retryPeriodMs;
    state = 'leading';
    options.onStartedLeading(leading.signal);
    return times.renewPeriodMs;
  };

  const lose = (reason: string): void => {
    state = 'lost';
    leading.abort(new LeaseLost(reason));
    if (!closing.signal.aborted) options.onStoppedLeading(reason);
  };

  /** One renewal. Returns the milliseconds until the next. */
  const renew = async (): Promise<number> => {
    if (!(await acquire(own))) {
      // Another writer, for example `kubectl annotate`. Unless it changed the holder, this process still leads.
      const found = await readLease(client, metadata, request);
      if (found?.spec.holderIdentity !== identity) {
        holder = found?.spec.holderIdentity || undefined;
        lose(`the Lease ${namespace}/${name} ${found ? `is held by ${holder ?? 'no process'}` : 'was deleted'}`);
      } else own = found;
      return 0;
    }
    reportRecovery();
    return times.renewPeriodMs;
  };

  const run = async (): Promise<void> => {
    while (!closing.signal.aborted && !leading.signal.aborted) {
      const wait = await (state === 'leading' ? renew() : attempt()).catch((error: unknown) => {
        if (!closing.signal.aborted) reportProblem(error);
        return state === 'leading' ? times.renewPeriodMs / 2 : times.retryPeriodMs;
      });
      await sleep(wait, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  };
  const running = run();

  /** Releases the Lease with an empty holder, which other candidates may replace at once. */
  const release = async (): Promise<void> => {
    if (state !== 'leading' || !own) return;
    state = 'lost';
    leading.abort(new LeaseLost('the Lease was released'));
    const spec = {
      ...leaseSpec(own.spec, identity, times.leaseDurationMs, clocks.wall()),
      holderIdentity: '',
      leaseDurationSeconds: 1,
    };
    await replaceLease(client, { ...own, spec }, { timeoutMs: request.timeoutMs, signal: undefined }).catch((error: unknown) => {
      if (!isKubeError(error, 'Forbidden', 'NotFound')) reportProblem(error);
    });
  };

  return {
    isLeading: () => state === 'leading' && sinceRenewal() <= times.renewDeadlineMs,
    holder: () => holder,
    fence: () => {
      if (state === 'leading' && sinceRenewal() <= times.renewDeadlineMs) return;
      throw new LeaseLost(
        state === 'leading'
          ? `the Lease ${namespace}/${name} was not renewed for ${Math.round(sinceRenewal())} ms: no writes until it is`
          : `this process does not hold the Lease ${namespace}/${name}: no writes`,
      );
    },
    close: async () => {
      closing.abort();
      await running;
      await release();
    },
  };
}

/** The object of the API, with the fields that we use. */
interface Lease {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly resourceVersion?: string };
  readonly spec: LeaseSpec;
}

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

interface RequestLimits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

const LEASES = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' };

/** The spec to write to hold the Lease from `now` on (milliseconds since 1970). */
const leaseSpec = (before: LeaseSpec | undefined, identity: string, durationMs: number, now: number): LeaseSpec => {
  const renewTime = new Date(now).toISOString().replace('Z', '000Z');
  const isHolder = before?.holderIdentity === identity;
  return {
    holderIdentity: identity,
    leaseDurationSeconds: Math.max(1, Math.ceil(durationMs / 1000)),
    acquireTime: (isHolder ? before.acquireTime : undefined) ?? renewTime,
    renewTime,
    leaseTransitions: (before?.leaseTransitions ?? 0) + (before === undefined || isHolder ? 0 : 1),
  };
};

/** The Lease; undefined when it does not exist. */
const readLease = (
  client: KubeClient,
  name: { readonly namespace: string; readonly name: string },
  limits: RequestLimits,
): Promise<Lease | undefined> =>
  client.request<Lease>({ method: 'GET', path: objectPath({ ...LEASES, ...name }), ...limits }).catch(undefinedOn('NotFound'));

/** Creates the Lease; undefined when it exists already. */
const createLease = (client: KubeClient, lease: Lease, limits: RequestLimits): Promise<Lease | undefined> => {
  const path = resourcePath(LEASES, lease.metadata.namespace);
  return client.request<Lease>({ method: 'POST', path, body: document(lease), ...limits }).catch(undefinedOn('AlreadyExists'));
};

/** Replaces the resourceVersion that was read; undefined when the Lease has changed or was deleted since. */
const replaceLease = (client: KubeClient, lease: Lease, limits: RequestLimits): Promise<Lease | undefined> => {
  const { namespace, name } = lease.metadata;
  const path = objectPath({ ...LEASES, namespace, name });
  return client
    .request<Lease>({ method: 'PUT', path, body: document(lease), ...limits })
    .catch(undefinedOn('Conflict', 'NotFound'));
};

const document = (lease: Lease): object => ({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', ...lease });
