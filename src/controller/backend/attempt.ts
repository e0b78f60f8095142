// Runs one step of a backend's reconcile, and turns an error of Vault or of the API server into a failed result.
import { KubeError } from '../../kube/errors.ts';
import type { BackendConditionUpdate, VaultAuthBackend } from '../../resources/backend.ts';
import { isVaultError } from '../../vault/errors.ts';
import { vaultFailure } from '../runtime/vault-failure.ts';
import { configured, keysFresh } from './conditions.ts';
import { type ReconcileInput, type StepResult, stepResult } from './step.ts';

/**
 * Runs a step. An error of Vault or of the API server becomes a failed result with this type of condition: `Mounted` before
 * there is a mount, `Configured` afterwards. Throws every other error.
 */
export async function attempt<Value>(
  type: 'Mounted' | 'Configured',
  { backend }: Pick<ReconcileInput, 'backend'>,
  step: () => Promise<StepResult<Value>>,
): Promise<StepResult<Value>> {
  try {
    return await step();
  } catch (error) {
    // `WriteFailed` also stands for a failed read of the API server: the message names the request.
    if (error instanceof KubeError)
      return stepResult({
        conditions: [{ type, status: 'Unknown', reason: 'WriteFailed', message: error.message }],
        failure: { isFinal: false, retryAfterMs: undefined },
      });
    const failure = vaultFailure(error, `auth/${backend.spec.path}`);
    if (!failure) throw error;
    const rejected = type === 'Configured' ? rejectedConfig(backend, error) : undefined;
    if (rejected) return stepResult({ conditions: rejected, failure: { isFinal: true, retryAfterMs: undefined } });
    const isDenied = failure.reason === 'PermissionDenied' || failure.reason === 'WriteFailed';
    return stepResult({
      conditions: [{ type, status: isDenied ? 'False' : 'Unknown', reason: failure.reason, message: failure.message }],
      failure: { isFinal: false, retryAfterMs: failure.retryAfterMs },
    });
  }
}

/** Configurations that Vault rejects for their content; undefined for every other error. */
const rejectedConfig = ({ spec }: VaultAuthBackend, error: unknown): readonly BackendConditionUpdate[] | undefined => {
  const source = spec.jwt?.keys.source;
  if (source === undefined || !isVaultError(error, 'BadRequest')) return undefined;
  const errors = error.errors.join('; ');
  // A server without this provider expects a source of keys beside it, and reports that none is set.
  if (source === 'OpenBaoKubernetes' && /exactly one of|provider/i.test(errors))
    return [
      configured(
        'False',
        'UnsupportedByProduct',
        `This server cannot fetch keys with its own service account (jwt.keys.source OpenBaoKubernetes requires OpenBao 2.6): use Push. Vault's error: ${errors}`,
      ),
      keysFresh('False', 'NotSynced', 'No configuration with keys was written.'),
    ];
  // Both products fetch the URL when it is written, and do not report why that failed.
  if (/error checking (oidc discovery|jwks)/i.test(errors))
    return [
      configured('False', 'WriteFailed', `Vault rejected the source of keys: ${errors}`),
      keysFresh(
        'False',
        'DiscoveryRejected',
        `Vault cannot use the URL of the keys: ${errors}. It must be reachable without authentication (ClusterRole system:service-account-issuer-discovery for system:unauthenticated), its certificate trusted (jwt.keys.ca), and its issuer identical; Push needs none of that.`,
      ),
    ];
  return undefined;
};
