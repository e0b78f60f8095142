// One of several processes leads: who holds a Lease (coordination.k8s.io), renewed as long as it lives.
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from './client.ts';
import { isKubeError } from './errors.ts';
import { resourcePath, objectPath } from './object-ref.ts';

/** The Lease is, or may be, somebody else's: whatever was about to be written must not be. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

export interface LeaderElectionTimes {
  /** For so long after the last change that others saw, the Lease is the holder's. */
  readonly leaseDurationMs: number;
  /** A leader that could not renew for so long writes no more until it could. Well below `leaseMs`: the rest is for writes on their way. */
  readonly renewDeadlineMs: number;
  readonly renewPeriodMs: number;
  /** How often those who wait look at it; the later a change is seen, the later the end of the Lease. */
  readonly retryPeriodMs: number;
}

export interface LeaderElectionOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Of this process, among all that want to lead. */
  readonly identity: string;
  /** The signal is aborted when the lead is lost or given up. */
  readonly onStartedLeading: (signal: AbortSignal) => void;
  /** Called once, with the reason; never after `close`. This process will not lead again. */
  readonly onStoppedLeading: (reason: string) => void;
  /** Told when the Lease cannot be read or written, and (undefined) when it can be again. */
  readonly onProblem: (problem: string | undefined) => void;
  readonly times?: Partial<LeaderElectionTimes> | undefined;
  /** Milliseconds that never go back; and of the day, which go on while a machine sleeps. */
  readonly clocks?: { readonly monotonic: () => number; readonly wall: () => number } | undefined;
}

export interface LeaderElection {
  readonly isLeading: () => boolean;
  /** Who holds the Lease, as last seen; undefined: nobody, or not known yet. */
  readonly holder: () => string | undefined;
  /** Throws LeaseLost unless the Lease certainly is ours at this moment. To be called right before each write. */
  readonly fence: () => void;
  /** Stops, and gives the Lease back, so that another process can lead at once. */
  readonly close: () => Promise<void>;
}

/**
 * client-go waits 15 s and looks every 2 s, which hands over in up to 19 s. With these numbers it is 13 s after the leader's
 * last renewal.
 */
const TIMES: LeaderElectionTimes = { leaseDurationMs: 12_000, renewDeadlineMs: 9000, renewPeriodMs: 2000, retryPeriodMs: 1000 };
const CLOCKS = { monotonic: () => performance.now(), wall: () => Date.now() };
/** A request that hangs must leave time for another one before the deadline. */
const ATTEMPTS = 3;

/**
 * Tries to lead, at once and for as long as it takes. A leader that the API server does not answer is fenced but does not give
 * up: unless another one has taken the Lease it goes on afterwards as if nothing had been.
 */
export function runLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const { client, namespace, name, identity, clocks = CLOCKS } = options;
  const times: LeaderElectionTimes = { ...TIMES, ...options.times };
  const closing = new AbortController();
  const leading = new AbortController();
  let state: 'waiting' | 'leading' | 'lost' = 'waiting';
  let holder: string | undefined;
  let problem: string | undefined;
  /** What others last did to the Lease, and when we saw it. */
  let seen: { readonly resourceVersion: string | undefined; readonly at: number } | undefined;
  /** Both clocks before the last renewal that succeeded was sent. */
  let renewed = { monotonic: -Infinity, wall: -Infinity };
  /** The Lease as our last write left it. */
  let own: Lease | undefined;

  const sinceRenewal = (): number => {
    const { monotonic, wall } = renewed;
    return Math.max(clocks.monotonic() - monotonic, clocks.wall() - wall);
  };
  const tell = (error: unknown): void => {
    const text = error instanceof Error ? error.message : String(error);
    if (problem === undefined) options.onProblem(text);
    problem = text;
  };
  const told = (): void => {
    if (problem !== undefined) options.onProblem(undefined);
    problem = undefined;
  };
  const request = { timeoutMs: times.renewDeadlineMs / ATTEMPTS, signal: closing.signal };
  const place = { namespace, name };

  /** Writes that the Lease is ours; false when somebody else was faster. */
  const take = async (found: Lease | undefined): Promise<boolean> => {
    const before = { monotonic: clocks.monotonic(), wall: clocks.wall() };
    const spec = leaseSpec(found?.spec, identity, times.leaseDurationMs, before.wall);
    const written = await (found
      ? replaceLease(client, { ...found, spec }, request)
      : createLease(client, { metadata: place, spec }, request));
    if (!written) return false;
    // A process that was stopped meanwhile has a renewal that may be over already: the clocks of before count.
    renewed = before;
    holder = identity;
    own = written;
    return true;
  };

  /** One look while another process may lead. Gives how long to wait until the next. */
  const attempt = async (): Promise<number> => {
    const found = await readLease(client, place, request);
    told();
    const version = found?.metadata.resourceVersion;
    const now = clocks.monotonic();
    if (!seen || seen.resourceVersion !== version) seen = { resourceVersion: version, at: now };
    holder = found?.spec.holderIdentity || undefined;
    // A Lease counts from when we saw it change: clocks of other machines do not matter.
    const left = seen.at + Math.max(times.leaseDurationMs, (found?.spec.leaseDurationSeconds ?? 0) * 1000) - now;
    if (holder !== undefined && holder !== identity && left > 0) return Math.min(left, times.retryPeriodMs);
    if (!(await take(found))) return times.retryPeriodMs;
    state = 'leading';
    options.onStartedLeading(leading.signal);
    return times.renewPeriodMs;
  };

  const lose = (reason: string): void => {
    state = 'lost';
    leading.abort(new LeaseLost(reason));
    if (!closing.signal.aborted) options.onStoppedLeading(reason);
  };

  /** One renewal. Gives how long to wait until the next. */
  const renew = async (): Promise<number> => {
    if (!(await take(own))) {
      // Somebody has written it. It is still ours if they left the holder alone.
      const found = await readLease(client, place, request);
      if (found?.spec.holderIdentity !== identity) {
        holder = found?.spec.holderIdentity || undefined;
        lose(`the Lease ${namespace}/${name} ${found ? `is held by ${holder ?? 'nobody'}` : 'was deleted'}`);
      } else own = found;
      return 0;
    }
    told();
    return times.renewPeriodMs;
  };

  const run = async (): Promise<void> => {
    while (!closing.signal.aborted && !leading.signal.aborted) {
      const wait = await (state === 'leading' ? renew() : attempt()).catch((error: unknown) => {
        if (!closing.signal.aborted) tell(error);
        return state === 'leading' ? times.renewPeriodMs / 2 : times.retryPeriodMs;
      });
      await sleep(wait, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  };
  const running = run();

  /** Gives up in good order: an empty holder, which others may replace at once. */
  const release = async (): Promise<void> => {
    if (state !== 'leading' || !own) return;
    state = 'lost';
    leading.abort(new LeaseLost('the Lease is given back'));
    const spec = {
      ...leaseSpec(own.spec, identity, times.leaseDurationMs, clocks.wall()),
      holderIdentity: '',
      leaseDurationSeconds: 1,
    };
    await replaceLease(client, { ...own, spec }, { timeoutMs: request.timeoutMs, signal: undefined }).catch((error: unknown) => {
      if (!isKubeError(error, 'Forbidden', 'NotFound')) tell(error);
    });
  };

  return {
    isLeading: () => state === 'leading' && sinceRenewal() <= times.renewDeadlineMs,
    holder: () => holder,
    fence: () => {
      if (state === 'leading' && sinceRenewal() <= times.renewDeadlineMs) return;
      throw new LeaseLost(
        state === 'leading'
          ? `the Lease ${namespace}/${name} was not renewed for ${Math.round(sinceRenewal())} ms: nothing is written until it is`
          : `the Lease ${namespace}/${name} is not ours: nothing is written`,
      );
    },
    close: async () => {
      closing.abort();
      await running;
      await release();
    },
  };
}

// The Lease as the API has it: read, created if absent, replaced only if nobody else was faster.
export interface Lease {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly resourceVersion?: string };
  readonly spec: LeaseSpec;
}

export interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

interface Sending {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

const LEASES = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' };

/** What to write to hold it from `now` on (milliseconds since 1970), after what is there. */
function leaseSpec(before: LeaseSpec | undefined, identity: string, leaseMs: number, now: number): LeaseSpec {
  const renewTime = new Date(now).toISOString().replace('Z', '000Z');
  const isOurs = before?.holderIdentity === identity;
  return {
    holderIdentity: identity,
    leaseDurationSeconds: Math.max(1, Math.ceil(leaseMs / 1000)),
    acquireTime: (isOurs ? before.acquireTime : undefined) ?? renewTime,
    renewTime,
    leaseTransitions: (before?.leaseTransitions ?? 0) + (before === undefined || isOurs ? 0 : 1),
  };
}

/** The Lease, or undefined when there is none. */
function readLease(
  client: KubeClient,
  place: { readonly namespace: string; readonly name: string },
  sending: Sending,
): Promise<Lease | undefined> {
  return client
    .request<Lease>({ method: 'GET', path: objectPath({ ...LEASES, ...place }), ...sending })
    .catch(undefinedOn('NotFound'));
}

/** Creates it; undefined when somebody else has created it first. */
function createLease(client: KubeClient, lease: Lease, sending: Sending): Promise<Lease | undefined> {
  return client
    .request<Lease>({
      method: 'POST',
      path: resourcePath(LEASES, lease.metadata.namespace),
      body: document(lease),
      ...sending,
    })
    .catch(undefinedOn('AlreadyExists'));
}

/** Replaces the very version that was read; undefined when it has changed or gone since. */
function replaceLease(client: KubeClient, lease: Lease, sending: Sending): Promise<Lease | undefined> {
  return client
    .request<Lease>({
      method: 'PUT',
      path: objectPath({ ...LEASES, namespace: lease.metadata.namespace, name: lease.metadata.name }),
      body: document(lease),
      ...sending,
    })
    .catch(undefinedOn('Conflict', 'NotFound'));
}

const document = (lease: Lease): object => ({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', ...lease });

const undefinedOn =
  (...reasons: readonly string[]) =>
  (error: unknown): undefined => {
    if (!isKubeError(error, ...reasons)) throw error;
  };
