// The reconcilers of the controller, by the kind of item that each works on.
import type { Reconcilers } from './context.ts';
import { reconcileTombstones } from './tombstones.ts';

export const reconcilers: Partial<Reconcilers> = {
  Tombstones: reconcileTombstones,
};
