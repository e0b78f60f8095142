// Names below a path.
import type { VaultCaller } from './client.ts';
import { isAbsent } from './error.ts';

/** The names, in the server's order; an empty folder is a 404 there. Throws VaultError. */
export async function listNames(caller: VaultCaller, path: string, signal?: AbortSignal): Promise<readonly string[]> {
  try {
    const { data } = await caller.request({ method: 'LIST', path, signal });
    const names = data?.['keys'];
    return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}
