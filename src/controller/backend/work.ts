// What every step of a backend's reconciliation gets.
import { isObserved } from '../../resources/common-fields.ts';
import type { VaultAuthBackend, VaultAuthBackendStatus } from '../../resources/backend.ts';
import type { ControllerContext } from '../context.ts';
import type { ReadyVault } from '../vault-registry.ts';
import type { BackendMemory } from './memory.ts';

export interface Work {
  readonly context: ControllerContext;
  readonly backend: VaultAuthBackend;
  readonly vault: ReadyVault;
  readonly memory: BackendMemory;
  /** The status as it was found, of this very mount path; what is not written now is carried over from it. */
  readonly before: VaultAuthBackendStatus;
  /** Look and do not touch, neither Vault nor Kubernetes. */
  readonly observe: boolean;
  readonly signal: AbortSignal;
}

/** Whether nothing may be written for this backend: the process, its endpoint or itself only observe. */
export function isLookOnly(context: ControllerContext, backend: VaultAuthBackend): boolean {
  const endpoint = context.listers.endpoints.get(backend.spec.endpointRef.name);
  return context.vault.observeOnly || isObserved(backend, ...(endpoint ? [endpoint] : []));
}

/** Whether the status speaks of this server: what was recorded in another cluster says nothing here. */
export function isRecordedHere({ before, vault }: Pick<Work, 'before' | 'vault'>): boolean {
  return before.mount !== undefined && (before.mount.clusterID ?? vault.clusterID) === vault.clusterID;
}
