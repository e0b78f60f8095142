// What a failed request to Vault means for an object: a condition reason, a message, and the time of the retry.
import { VaultError } from '../../vault/errors.ts';

export interface VaultFailure {
  readonly reason: 'PermissionDenied' | 'VaultSealed' | 'VaultUnavailable' | 'WriteFailed';
  readonly message: string;
  /** The server's Retry-After in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

/** Undefined for any other error: a bug must not become a condition. `what` names the object of the request. */
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
