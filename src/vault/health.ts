// The health of a server, its product and version, and the existence of namespaces.
import { randomBytes } from 'node:crypto';
import { textOf } from '../json/json.ts';
import type { VaultCaller, VaultClient } from './client.ts';
import { isVaultError, VaultError } from './errors.ts';

export type Product = 'Vault' | 'OpenBao';

export interface Health {
  readonly initialized: boolean;
  readonly sealed: boolean;
  /** Serves from its own data only, or forwards requests to the active server. */
  readonly standby: boolean;
  /** A disaster recovery secondary, which serves no requests until it is promoted (Vault Enterprise). */
  readonly disasterRecovery: boolean;
  readonly version: string;
  /** Undefined for a sealed server. */
  readonly clusterID: string | undefined;
  readonly product: Product;
}

/** Longer than those of any server; the limits of the status fields. */
const MAX_VERSION_LENGTH = 64;
const MAX_CLUSTER_ID_LENGTH = 128;

/** Reads sys/health, which requires no token. Throws VaultError when the server cannot be reached or is neither product. */
export async function readHealth(client: VaultClient, signal?: AbortSignal): Promise<Health> {
  // OpenBao rejects the namespace header here. With these codes a 429 is a rate limit, never a standby.
  const query = { standbyok: 'true', perfstandbyok: 'true', drsecondarycode: '200', sealedcode: '200', uninitcode: '200' };
  const { raw, status } = await client.request({
    method: 'GET',
    path: 'sys/health',
    query,
    namespace: '',
    isUnlimited: true,
    priority: 'system',
    signal,
  });
  const [version = '', clusterID = ''] = [textOf(raw, 'version'), textOf(raw, 'cluster_id')];
  if (typeof raw['initialized'] !== 'boolean' || version.length > MAX_VERSION_LENGTH || clusterID.length > MAX_CLUSTER_ID_LENGTH)
    throw new VaultError('GET sys/health: the response is not that of a Vault or OpenBao server', {
      status,
      kind: 'Unreadable',
      written: 'no',
    });
  return {
    initialized: raw['initialized'],
    sealed: raw['sealed'] === true,
    standby: raw['standby'] === true,
    disasterRecovery: raw['replication_dr_mode'] === 'secondary',
    version,
    clusterID: clusterID || undefined,
    // Their version numbers overlap. Vault has this field (seen in 1.21.1), OpenBao has not (2.4.0, 2.6.2).
    product: 'enterprise' in raw ? 'Vault' : 'OpenBao',
  };
}

/**
 * Whether the server supports namespaces: whether it rejects one that cannot exist. Vault's Community Edition ignores the header,
 * so that a write for a namespace would go to the root. Requires no token. Throws VaultError.
 */
export async function hasNamespaces(client: VaultCaller, signal?: AbortSignal): Promise<boolean> {
  return !(await isServed(client, `absent-${randomBytes(8).toString('hex')}`, signal));
}

/** Whether a server that supports namespaces has this one (empty: the root namespace). Requires no token. Throws VaultError. */
export async function namespaceExists(client: VaultCaller, namespace: string, signal?: AbortSignal): Promise<boolean> {
  return namespace === '' || isServed(client, namespace, signal);
}

/** Each namespace serves this path without a token. */
const isServed = async (client: VaultCaller, namespace: string, signal: AbortSignal | undefined): Promise<boolean> => {
  try {
    await client.request({ method: 'GET', path: 'sys/internal/ui/mounts', namespace, priority: 'system', signal });
    return true;
  } catch (error) {
    if (isVaultError(error, 'NotFound', 'PermissionDenied', 'BadRequest')) return false;
    throw error;
  }
};
