// The Lease as the API has it: read, created if absent, replaced only if nobody else was faster.
import type { KubeClient } from './client.ts';
import { isKubeError } from './error.ts';
import { collectionPath, pathOf } from './place.ts';

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
export function leaseSpec(before: LeaseSpec | undefined, identity: string, leaseMs: number, now: number): LeaseSpec {
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
export function readLease(
  client: KubeClient,
  place: { readonly namespace: string; readonly name: string },
  sending: Sending,
): Promise<Lease | undefined> {
  return client
    .request<Lease>({ method: 'GET', path: pathOf({ ...LEASES, ...place }), ...sending })
    .catch(undefinedOn('NotFound'));
}

/** Creates it; undefined when somebody else has created it first. */
export function createLease(client: KubeClient, lease: Lease, sending: Sending): Promise<Lease | undefined> {
  return client
    .request<Lease>({
      method: 'POST',
      path: collectionPath(LEASES, lease.metadata.namespace),
      body: document(lease),
      ...sending,
    })
    .catch(undefinedOn('AlreadyExists'));
}

/** Replaces the very version that was read; undefined when it has changed or gone since. */
export function replaceLease(client: KubeClient, lease: Lease, sending: Sending): Promise<Lease | undefined> {
  return client
    .request<Lease>({
      method: 'PUT',
      path: pathOf({ ...LEASES, namespace: lease.metadata.namespace, name: lease.metadata.name }),
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
