// The resync interval of roles: that of their backend, or longer if resyncs alone would use up the rate limit of the endpoint.
import type { VaultAuthBackend } from '../../resources/backend.ts';
import type { Listers } from '../runtime/context.ts';

/** Resyncs get half of the rate limit: the other half is for changes. */
const RESYNC_PART = 0.5;

/**
 * Seconds between two resyncs of a role: `resyncSeconds` of its backend, or the time that a resync of so many roles takes with
 * half of the endpoint's `requestsPerSecond`. A resync of a role without drift is one request.
 */
export function stretchedResync(resyncSeconds: number, roles: number, requestsPerSecond: number): number {
  return Math.max(resyncSeconds, roles / (requestsPerSecond * RESYNC_PART));
}

interface BackendListers {
  readonly endpoints: Pick<Listers['endpoints'], 'get'>;
  readonly backends: Pick<Listers['backends'], 'list'>;
}

/** The same for the roles of a backend, whose rate limit all backends of the endpoint share. */
export function roleResyncSeconds({ endpoints, backends }: BackendListers, { spec }: VaultAuthBackend): number {
  const endpoint = endpoints.get(spec.endpointRef.name);
  if (!endpoint) return spec.resyncSeconds;
  const roles = backends
    .list()
    .filter((other) => other.spec.endpointRef.name === spec.endpointRef.name)
    .reduce((sum, { status }) => sum + (status?.roles?.total ?? 0), 0);
  return stretchedResync(spec.resyncSeconds, roles, endpoint.spec.limits.requestsPerSecond);
}
