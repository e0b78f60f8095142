// The reconcilers of the controller, by the kind of item that each works on.
import type { Reconcilers } from './context.ts';
import { reconcileEndpoint } from './endpoint/endpoint.ts';
import { reconcilePolicy } from './policy/policy.ts';
import { reconcileRole } from './role/role.ts';
import { reconcileTombstones } from './tombstones.ts';

export const reconcilers: Partial<Reconcilers> = {
  VaultEndpoint: reconcileEndpoint,
  VaultACLPolicy: reconcilePolicy,
  VaultAuthRole: reconcileRole,
  Tombstones: reconcileTombstones,
};
