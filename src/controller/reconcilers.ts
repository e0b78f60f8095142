// The reconcilers of the controller, by the kind of item that each works on.
import { reconcileAutoRole } from './auto-roles.ts';
import { type BackendOptions, backendReconciler } from './backend/reconcile.ts';
import type { Reconcilers } from './runtime/context.ts';
import { reconcileEndpoint } from './endpoint/reconcile.ts';
import { reconcilePolicy } from './policy/reconcile.ts';
import { reconcileRole } from './role/reconcile.ts';
import { reconcileTombstones } from './pending-deletions.ts';

/** All of them. */
export function reconcilers(options: BackendOptions): Partial<Reconcilers> {
  return {
    VaultEndpoint: reconcileEndpoint,
    VaultAuthBackend: backendReconciler(options),
    VaultACLPolicy: reconcilePolicy,
    VaultAuthRole: reconcileRole,
    ServiceAccount: reconcileAutoRole,
    Tombstones: reconcileTombstones,
  };
}
