// How often roles are looked at: as their backend says, but never so often that looks alone use up what its server allows.
import type { VaultAuthBackend } from '../../resources/backend.ts';
import type { Listers } from '../runtime/context.ts';

/** Looks get half of the rate: the other half is for changes, which then find it unused. */
const LOOKS_PART = 0.5;

/**
 * Seconds between two looks at a role: `resyncSeconds` of its backend, or as long as looks at so many roles take with half of
 * the endpoint's `requestsPerSecond`. A look at a role that is as declared is one request.
 */
export function stretchedResync(resyncSeconds: number, roles: number, requestsPerSecond: number): number {
  return Math.max(resyncSeconds, roles / (requestsPerSecond * LOOKS_PART));
}

interface BackendListers {
  readonly endpoints: Pick<Listers['endpoints'], 'get'>;
  readonly backends: Pick<Listers['backends'], 'list'>;
}

/** The same for the roles of a backend; all backends of its endpoint share the rate. How many roles each has, its status says. */
export function roleResyncSeconds({ endpoints, backends }: BackendListers, { spec }: VaultAuthBackend): number {
  const endpoint = endpoints.get(spec.endpointRef.name);
  if (!endpoint) return spec.resyncSeconds;
  const roles = backends
    .list()
    .filter((other) => other.spec.endpointRef.name === spec.endpointRef.name)
    .reduce((sum, { status }) => sum + (status?.roles?.total ?? 0), 0);
  return stretchedResync(spec.resyncSeconds, roles, endpoint.spec.limits.requestsPerSecond);
}
