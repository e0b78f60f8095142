// The versions of secrets, from the metadata of KV version 2: one read for each path and interval, however many workloads use it.
// A value is never read.
import { type JsonObject, objectAt, textOf } from '../../json/json.ts';
import type { VaultCaller } from '../../vault/client.ts';
import { VaultError } from '../../vault/errors.ts';
import type { ControllerContext, ReconcileResult } from '../runtime/context.ts';
import type { RolloutPod } from './pods.ts';

/** What is known of a secret's version. */
export type SecretVersion =
  /** `createdAt`: milliseconds since 1970, by Vault's clock. `isDeleted`: the current version cannot be read. */
  | { readonly kind: 'known'; readonly version: number; readonly createdAt: number; readonly isDeleted: boolean }
  /** Not a secret with versions, or not readable for the controller; the reason as a sentence. */
  | { readonly kind: 'unversioned' | 'unreadable'; readonly reason: string };

/** The versions that were read last, by endpoint and path. */
export interface SecretVersions {
  readonly get: (secret: string) => SecretVersion | undefined;
  readonly set: (secret: string, version: SecretVersion) => void;
  readonly delete: (secret: string) => void;
  readonly size: () => number;
}

/** No versions yet. `onChange` is called for each one that differs from the one before. */
export function secretVersions(onChange: (secret: string) => void): SecretVersions {
  const versions = new Map<string, SecretVersion>();
  return {
    get: (secret) => versions.get(secret),
    set: (secret, version) => {
      const before = versions.get(secret);
      versions.set(secret, version);
      if (JSON.stringify(before) !== JSON.stringify(version)) onChange(secret);
    },
    delete: (secret) => void versions.delete(secret),
    size: () => versions.size,
  };
}

/** So many paths are read at ten a second at the most; with more of them the interval grows. */
const MIN_MS_PER_SECRET = 100;

/** The reconciler of one secret: reads its version until no pod uses it any more. */
export async function reconcileSecretVersion(
  context: ControllerContext,
  secret: string,
  pods: readonly RolloutPod[] | undefined,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const { rollouts, clock, vault } = context;
  if (!rollouts) return {};
  const { versions, options } = rollouts;
  if (!pods || pods.length === 0) {
    versions.delete(secret);
    return {};
  }
  const cut = secret.indexOf('/');
  const [endpoint, path] = [secret.slice(0, cut), secret.slice(cut + 1)];
  const server = vault.registry.get(endpoint);
  const version: SecretVersion =
    server.state === 'ready'
      ? await readVersion(server.session, path, signal)
      : { kind: 'unreadable', reason: `VaultEndpoint ${endpoint} is not ready: ${server.message}` };
  // In an outage the last version stays: a restart of the controller would otherwise be the only way to lose it.
  if (version.kind !== 'unreadable' || versions.get(secret)?.kind !== 'known') versions.set(secret, version);
  const interval = Math.max(options.intervalMs, versions.size() * MIN_MS_PER_SECRET);
  return { requeueAfterMs: interval * (0.9 + 0.2 * clock.random()) };
}

/** Reads the current version of the secret at a path such as `kv/data/web`. Throws no VaultError. */
export async function readVersion(caller: VaultCaller, path: string, signal?: AbortSignal): Promise<SecretVersion> {
  try {
    // Every token with a right below a mount may read which mount that is.
    const { data: mount } = await caller.request({ method: 'GET', path: `sys/internal/ui/mounts/${path}`, signal });
    const root = textOf(mount, 'path') ?? '';
    const type = textOf(mount, 'type') ?? '';
    if (type !== 'kv' && type !== 'generic')
      return { kind: 'unversioned', reason: `${root} is a secrets engine of type ${type}: its secrets are issued for each pod` };
    if (textOf(objectAt(mount, 'options'), 'version') !== '2')
      return { kind: 'unversioned', reason: `${root} is KV version 1, which has no versions` };
    const rest = path.slice(root.length);
    if (!rest.startsWith('data/')) return { kind: 'unversioned', reason: `${path} is not a path below ${root}data/` };
    const { data } = await caller.request({ method: 'GET', path: `${root}metadata/${rest.slice('data/'.length)}`, signal });
    return versionOf(data);
  } catch (error) {
    if (error instanceof VaultError) return { kind: 'unreadable', reason: reasonOf(error, path) };
    throw error;
  }
}

const versionOf = (data: JsonObject | undefined): SecretVersion => {
  const version = Number(data?.['current_version'] ?? 0);
  const details = objectAt(objectAt(data, 'versions'), String(version));
  return {
    kind: 'known',
    version,
    createdAt: Date.parse(textOf(details, 'created_time') ?? '') || 0,
    isDeleted: details === undefined || details['destroyed'] === true || (textOf(details, 'deletion_time') ?? '') !== '',
  };
};

const reasonOf = ({ kind, message }: VaultError, path: string): string => {
  if (kind === 'PermissionDenied')
    return `Vault denies the controller to read the metadata of ${path}: grant what "vault-auth-injector policy -metadata" prints`;
  return kind === 'NotFound' ? `Vault has no metadata of ${path}` : message;
};
