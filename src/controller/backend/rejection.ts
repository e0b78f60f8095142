// Configurations that Vault refuses for what they are, told by what it says.
import type { BackendConditionUpdate, VaultAuthBackend } from '../../resources/backend.ts';
import { isVaultError } from '../../vault/errors.ts';
import { configured } from './configured.ts';
import { keysFresh } from './keys.ts';

/** What a refusal of the configuration means; undefined: nothing that is known here. */
export function rejection({ spec }: VaultAuthBackend, error: unknown): readonly BackendConditionUpdate[] | undefined {
  const source = spec.jwt?.keys.source;
  if (source === undefined || !isVaultError(error, 'BadRequest')) return undefined;
  const said = error.errors.join('; ');
  // Who does not know this provider looks for a source of keys beside it, and finds none.
  if (source === 'OpenBaoKubernetes' && /exactly one of|provider/i.test(said))
    return [
      configured(
        'False',
        'UnsupportedByProduct',
        `This server cannot fetch keys with its own service account (jwt.keys.source OpenBaoKubernetes; OpenBao 2.6 can): use Push. It says: ${said}`,
      ),
      keysFresh('False', 'NotSynced', 'There is no configuration that brings keys.'),
    ];
  // Both products try the URL when it is written, and hide why it failed.
  if (/error checking (oidc discovery|jwks)/i.test(said))
    return [
      configured('False', 'WriteFailed', `Vault refused the source of keys: ${said}`),
      keysFresh(
        'False',
        'DiscoveryRejected',
        `Vault cannot use the URL of the keys: ${said}. It must be reachable without login (ClusterRole system:service-account-issuer-discovery for system:unauthenticated), its certificate trusted (jwt.keys.ca), and its issuer the same text; with Push none of that is needed.`,
      ),
    ];
  return undefined;
}
