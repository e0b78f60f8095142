// Whether two VaultEndpoints lead to the same place: two names, addresses or logins of one server are no two servers.
import type { ControllerVault, Listers } from './context.ts';

interface Servers {
  readonly listers: Pick<Listers, 'endpoints'>;
  readonly vault: Pick<ControllerVault, 'registry'>;
}

/**
 * Whether what is written through the one is there for the other too: the same cluster, by the identity that it tells, and the
 * same namespace in it. An endpoint that was never reached leads nowhere yet. Of several clusters that share their mounts by
 * replication each has an identity of its own; their mounts are known by their accessors.
 */
export function isSameServer(context: Servers, one: string, other: string): boolean {
  if (one === other) return true;
  const [first, second] = [clusterOf(context, one), clusterOf(context, other)];
  return (
    first !== undefined &&
    first === second &&
    context.listers.endpoints.get(one)?.spec.namespace === context.listers.endpoints.get(other)?.spec.namespace
  );
}

/** As it answers now, else as it answered last; after a change of address the status is late. */
const clusterOf = ({ listers: { endpoints }, vault: { registry } }: Servers, name: string): string | undefined => {
  const vault = registry.get(name);
  const cluster = vault.state === 'ready' ? vault.clusterID : endpoints.get(name)?.status?.clusterID;
  return cluster === '' ? undefined : cluster;
};
