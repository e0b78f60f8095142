// The servers that can be worked with at present, by the name of their VaultEndpoint. Its reconciler fills this; the others read.
import type { VaultClient } from '../../vault/client.ts';
import type { Product } from '../../vault/health.ts';
import type { VaultSession } from '../../vault/session.ts';

export interface ReadyVault {
  readonly state: 'ready';
  /** Requests as the controller. */
  readonly session: VaultSession;
  /** Requests as nobody, for probe logins. */
  readonly client: VaultClient;
  readonly product: Product;
  /** Nothing is deleted in a cluster of another identity. */
  readonly clusterID: string;
  readonly capabilities: readonly string[];
}

export interface NotReadyVault {
  readonly state: 'notReady';
  /** The reason of the endpoint's condition that is not True. */
  readonly reason: string;
  readonly message: string;
}

export type VaultState = ReadyVault | NotReadyVault;

/** A client and a session for one way to reach and to log in to a server. */
export interface VaultConnection {
  /** Everything that it was made from; another text means another connection. */
  readonly identity: string;
  readonly client: VaultClient;
  readonly session: VaultSession;
}

export interface VaultRegistry {
  /** Whether there may be writes through this endpoint, and with what. Never write while it is not ready. */
  get(endpoint: string): VaultState;
  set(endpoint: string, state: VaultState): void;
  /** The connection of an endpoint; made anew, and the old one closed, when the identity is another. */
  connect(endpoint: string, identity: string, make: () => Omit<VaultConnection, 'identity'>): VaultConnection;
  /** Forgets an endpoint and closes its connection. */
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
    get: (endpoint) => states.get(endpoint) ?? unknown(endpoint),
    set: (endpoint, state) => void states.set(endpoint, state),
    connect(endpoint, identity, make) {
      const known = connections.get(endpoint);
      if (known?.identity === identity) return known;
      disconnect(endpoint);
      const connection: VaultConnection = { identity, ...make() };
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

const unknown = (endpoint: string): NotReadyVault => ({
  state: 'notReady',
  reason: 'EndpointNotFound',
  message: `there is no VaultEndpoint ${endpoint}, or it was not looked at yet`,
});
