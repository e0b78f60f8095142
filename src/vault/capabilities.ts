// What a session may do.
import type { VaultCaller } from './client.ts';

/** The capabilities on each path, sorted; `["deny"]` where there are none. Throws VaultError. */
export async function readCapabilities(
  caller: VaultCaller,
  paths: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const { data = {} } = await caller.request({ method: 'POST', path: 'sys/capabilities-self', body: { paths }, signal });
  return new Map(
    paths.map((path) => {
      const found = data[path];
      return [path, Array.isArray(found) ? found.filter((name) => typeof name === 'string') : ['deny']];
    }),
  );
}
