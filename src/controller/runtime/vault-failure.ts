// What a failed call to Vault means for an object: a reason of its conditions, a sentence, and when to try again.
import { VaultError } from '../../vault/errors.ts';

export interface VaultFailure {
  readonly reason: 'PermissionDenied' | 'VaultSealed' | 'VaultUnavailable' | 'WriteFailed';
  readonly message: string;
  /** How long the server asked us to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

/** Undefined for whatever is no VaultError: that is our own fault and must not become a condition. `what` says what was tried. */
export function vaultFailure(error: unknown, what: string): VaultFailure | undefined {
  if (!(error instanceof VaultError)) return undefined;
  return { reason: reasonOf(error), message: `${what}: ${error.message}`, retryAfterMs: error.retryAfterMs };
}

const reasonOf = ({ kind }: VaultError): VaultFailure['reason'] => {
  switch (kind) {
    case 'PermissionDenied':
      return 'PermissionDenied';
    case 'Sealed':
    case 'Uninitialized':
      return 'VaultSealed';
    case 'BadRequest':
    case 'NotFound':
    case 'MethodNotAllowed':
    case 'PreconditionFailed':
      return 'WriteFailed';
    case 'RateLimited':
    case 'DisasterRecoveryStandby':
    case 'PerformanceStandby':
    case 'Standby':
    case 'Unavailable':
    case 'ServerError':
    case 'Unreadable':
    case 'DNSFailed':
    case 'TLSFailed':
    case 'ConnectionFailed':
    case 'Timeout':
    case 'CutOff':
      return 'VaultUnavailable';
  }
};
