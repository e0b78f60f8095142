// Which namespaces of the server a policy reaches into where that gives power over them: the server is asked, since only it knows.
import type { VaultEndpoint } from '../../resources/endpoint.ts';
import type { NamespacePath, PolicyText } from '../../resources/policy-text.ts';
import { namespaceExists } from '../../vault/health.ts';
import type { ReadyVault } from '../runtime/vault-registry.ts';

/** Those of the paths whose namespace is one. Wants no right; asks nothing of a server without namespaces. Throws VaultError. */
export async function reachedNamespaces(
  endpoint: VaultEndpoint | undefined,
  { client, capabilities }: ReadyVault,
  { namespacePaths }: Extract<PolicyText, { readonly ok: true }>,
  signal: AbortSignal,
): Promise<readonly NamespacePath[]> {
  if (!capabilities.includes('Namespaces')) return [];
  const asked = new Map<string, boolean>();
  const exists = async (name: string): Promise<boolean> => {
    const known = asked.get(name);
    if (known !== undefined) return known;
    const full = [endpoint?.spec.namespace ?? '', name].filter((part) => part !== '').join('/');
    // What cannot be sent cannot be asked, and what is not known is not allowed.
    const found = !ASKABLE.test(full) || (await namespaceExists(client, full, signal));
    asked.set(name, found);
    return found;
  };
  const reached: NamespacePath[] = [];
  for (const reading of namespacePaths) if (await isThere(reading.namespace, exists)) reached.push(reading);
  return reached;
}

const ASKABLE = /^[!-~]+$/;

/** From above: most paths begin with a mount, and below a mount there is no namespace. */
const isThere = async (namespace: string, exists: (name: string) => Promise<boolean>): Promise<boolean> => {
  const parts = namespace.split('/');
  for (let depth = 1; depth <= parts.length; depth += 1) if (!(await exists(parts.slice(0, depth).join('/')))) return false;
  return true;
};
