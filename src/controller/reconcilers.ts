// The reconcilers of the controller, by the kind of item that each works on.
import { reconcileAutoRole } from './auto-roles.ts';
import { type BackendOptions, backendReconciler } from './backend/reconcile.ts';
import type { Reconcilers } from './context.ts';
import { reconcileEndpoint } from './endpoint/endpoint.ts';
import { reconcilePolicy } from './policy/policy.ts';
import { reconcileRole } from './role/role.ts';
import { reconcileTombstones } from './tombstones.ts';

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
