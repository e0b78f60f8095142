// The Vault servers that are ready, by the name of their VaultEndpoint. The endpoint reconciler writes the registry; the others
// read it.
import type { VaultClient } from '../../vault/client.ts';
import type { Product } from '../../vault/health.ts';
import type { VaultSession } from '../../vault/session.ts';
import type { ControllerVault, Listers } from './context.ts';

export interface ReadyVault {
  readonly state: 'ready';
  /** Requests with the controller's token. */
  readonly session: VaultSession;
  /** Requests without a token, for probe logins. */
  readonly client: VaultClient;
  readonly product: Product;
  /** Nothing is deleted in a cluster with another ID. */
  readonly clusterID: string;
  readonly capabilities: readonly string[];
}

export interface NotReadyVault {
  readonly state: 'notReady';
  /** The reason of the endpoint's condition Ready. */
  readonly reason: string;
  readonly message: string;
}

export type VaultState = ReadyVault | NotReadyVault;

/** A client and a session for one address and one login. */
export interface VaultConnection {
  /** A digest of everything that it depends on: another identity requires another connection. */
  readonly identity: string;
  readonly client: VaultClient;
  readonly session: VaultSession;
}

export interface VaultRegistry {
  /** The server of an endpoint. Nothing may be written while it is not ready. */
  get(endpoint: string): VaultState;
  set(endpoint: string, state: VaultState): void;
  /** The connection of an endpoint; closes it and creates another one if the identity changed. */
  connect(endpoint: string, identity: string, create: () => Omit<VaultConnection, 'identity'>): VaultConnection;
  /** Removes an endpoint and closes its connection. */
  remove(endpoint: string): void;
  close(): void;
}

/** An empty registry. */
export function vaultRegistry(): VaultRegistry {
  const states = new Map<string, VaultState>();
  const connections = new Map<string, VaultConnection>();
  const disconnect = (endpoint: string): void => {
    const connection = connections.get(endpoint);
    connections.delete(endpoint);
    connection?.session.close();
    connection?.client.close();
  };
  return {
    get: (endpoint) => states.get(endpoint) ?? notFound(endpoint),
    set: (endpoint, state) => void states.set(endpoint, state),
    connect(endpoint, identity, create) {
      const existing = connections.get(endpoint);
      if (existing?.identity === identity) return existing;
      disconnect(endpoint);
      const connection: VaultConnection = { identity, ...create() };
      connections.set(endpoint, connection);
      return connection;
    },
    remove(endpoint) {
      states.delete(endpoint);
      disconnect(endpoint);
    },
    close() {
      states.clear();
      for (const endpoint of connections.keys()) disconnect(endpoint);
    },
  };
}

const notFound = (endpoint: string): NotReadyVault => ({
  state: 'notReady',
  reason: 'EndpointNotFound',
  message: `there is no VaultEndpoint ${endpoint}, or it has not been reconciled yet`,
});

interface Servers {
  readonly listers: Pick<Listers, 'endpoints'>;
  readonly vault: Pick<ControllerVault, 'registry'>;
}

/**
 * Whether two VaultEndpoints lead to the same namespace of the same cluster, by the cluster ID that the server reports. False for
 * an endpoint that was never reached. Clusters that share mounts by replication have IDs of their own: there, compare accessors.
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

/** The current cluster ID, or else the last one; after a change of address the status still has the old one. */
const clusterOf = ({ listers: { endpoints }, vault: { registry } }: Servers, name: string): string | undefined => {
  const vault = registry.get(name);
  const cluster = vault.state === 'ready' ? vault.clusterID : endpoints.get(name)?.status?.clusterID;
  return cluster === '' ? undefined : cluster;
};
