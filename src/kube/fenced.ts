// A client that reads always and writes only while it may.
import type { KubeClient } from './client.ts';

/** Asks `fence` before everything but reads; what that throws is the answer. Closing is the owner's. */
export function fencedClient(client: KubeClient, fence: () => void): KubeClient {
  return {
    request: async (options) => {
      if (options.method !== 'GET') fence();
      return client.request(options);
    },
    close: () => undefined,
  };
}
