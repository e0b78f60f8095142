// How a mount is to be tuned: only what the manifest says, since the rest of a mount may be somebody else's.
import type { JsonObject } from '../json/json.ts';
import type { VaultAuthBackend } from './backend.ts';
import { secondsOf } from './duration.ts';

/** The body of `sys/mounts/auth/<path>/tune`; empty when nothing is said. Times in seconds, 0 resets to the server's own. */
export function tuneDocument({ spec: { mount } }: VaultAuthBackend): JsonObject {
  const { defaultLeaseTTL, maxLeaseTTL, listingVisibility, tokenType } = mount.tune;
  return {
    ...(mount.description === undefined ? {} : { description: mount.description }),
    ...(defaultLeaseTTL === undefined ? {} : { default_lease_ttl: secondsOf(defaultLeaseTTL) }),
    ...(maxLeaseTTL === undefined ? {} : { max_lease_ttl: secondsOf(maxLeaseTTL) }),
    ...(listingVisibility === undefined ? {} : { listing_visibility: listingVisibility }),
    ...(tokenType === undefined ? {} : { token_type: tokenType }),
  };
}
