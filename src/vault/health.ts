// Whether a server can work, what it is, and whether it has the namespace that we mean.
import { randomBytes } from 'node:crypto';
import { textOf } from '../json/json.ts';
import type { VaultCaller, VaultClient } from './client.ts';
import { isVaultError, VaultError } from './errors.ts';

export type Product = 'Vault' | 'OpenBao';

export interface Health {
  readonly initialized: boolean;
  readonly sealed: boolean;
  /** Answers from its own data only, or hands requests on to the active server. */
  readonly standby: boolean;
  /** A copy for the day when the original is lost: serves nothing until then. Vault Enterprise alone has it. */
  readonly disasterRecovery: boolean;
  readonly version: string;
  /** Not told by a sealed server. */
  readonly clusterID: string | undefined;
  readonly product: Product;
}

/** Longer than any server has them, and what a status takes. */
const LONGEST_VERSION = 64;
const LONGEST_CLUSTER_ID = 128;

/** Reads sys/health, which wants no token. Throws VaultError when the server cannot be reached or is neither product. */
export async function readHealth(client: VaultClient, signal?: AbortSignal): Promise<Health> {
  // OpenBao refuses the namespace header here. With these codes a 429 is a limit and never a standby.
  const query = { standbyok: 'true', perfstandbyok: 'true', drsecondarycode: '200', sealedcode: '200', uninitcode: '200' };
  const { raw, status } = await client.request({
    method: 'GET',
    path: 'sys/health',
    query,
    namespace: '',
    isUnlimited: true,
    lane: 'upkeep',
    signal,
  });
  const [version = '', clusterID = ''] = [textOf(raw, 'version'), textOf(raw, 'cluster_id')];
  if (typeof raw['initialized'] !== 'boolean' || version.length > LONGEST_VERSION || clusterID.length > LONGEST_CLUSTER_ID)
    throw new VaultError('GET sys/health: the answer is not that of a Vault or OpenBao server', {
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
    // Version numbers of the two overlap; this field was there in each Vault looked at (1.21.1) and in no OpenBao (2.4.0, 2.6.2).
    product: 'enterprise' in raw ? 'Vault' : 'OpenBao',
  };
}

/**
 * Whether the server keeps namespaces apart. Vault's Community Edition ignores the header: what is meant for a namespace is
 * written to the root. So a namespace that cannot exist must be refused. Wants no token.
 */
export async function hasNamespaces(client: VaultCaller, signal?: AbortSignal): Promise<boolean> {
  return !(await isServed(client, `absent-${randomBytes(8).toString('hex')}`, signal));
}

/** Whether a server that keeps namespaces apart has this one (empty: the root namespace). Wants no token. */
export async function namespaceExists(client: VaultCaller, namespace: string, signal?: AbortSignal): Promise<boolean> {
  return namespace === '' || isServed(client, namespace, signal);
}

/** Each namespace lets everybody ask which of its mounts everybody may see. */
const isServed = async (client: VaultCaller, namespace: string, signal: AbortSignal | undefined): Promise<boolean> => {
  try {
    await client.request({ method: 'GET', path: 'sys/internal/ui/mounts', namespace, lane: 'upkeep', signal });
    return true;
  } catch (error) {
    if (isVaultError(error, 'NotFound', 'PermissionDenied', 'BadRequest')) return false;
    throw error;
  }
};
