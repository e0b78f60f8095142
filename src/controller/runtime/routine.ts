// The servers as a routine look uses them: what nobody waits for lets go first what somebody waits for.
import type { VaultCall } from '../../vault/client.ts';
import type { VaultRegistry } from './vault-registry.ts';

/**
 * The registry for one run that no change asked for: its reads wait behind all that others do. From its first write on, the
 * write among it, it goes on as a change: what was found to be wrong is put right and read back at once.
 */
export function routineVaults(vaults: VaultRegistry): VaultRegistry {
  let hasWritten = false;
  const asRoutine = <Call extends VaultCall>(call: Call): Call => {
    hasWritten ||= call.method !== 'GET' && call.method !== 'LIST';
    return hasWritten ? call : { priority: 'resync', ...call };
  };
  return {
    ...vaults,
    get: (endpoint) => {
      const vault = vaults.get(endpoint);
      if (vault.state === 'notReady') return vault;
      const { session, client } = vault;
      return {
        ...vault,
        session: { ...session, request: (call) => session.request(asRoutine(call)) },
        client: { ...client, request: (call) => client.request(asRoutine(call)) },
      };
    },
  };
}
