// What Vault or OpenBao refused, or why it could not be asked.

/** What went wrong, as far as a caller must tell things apart. */
export type VaultErrorKind =
  | 'BadRequest'
  | 'PermissionDenied'
  | 'NotFound'
  | 'MethodNotAllowed'
  | 'PreconditionFailed'
  | 'RateLimited'
  | 'DisasterRecoveryStandby'
  | 'PerformanceStandby'
  | 'Standby'
  | 'Uninitialized'
  | 'Sealed'
  | 'Unavailable'
  | 'ServerError'
  | 'Unreadable'
  | 'DNSFailed'
  | 'TLSFailed'
  | 'ConnectionFailed'
  | 'Timeout'
  | 'CutOff';

export interface VaultErrorDetails {
  readonly status: number;
  readonly kind: VaultErrorKind;
  readonly errors?: readonly string[];
  readonly retryAfterMs?: number | undefined;
  readonly written: 'no' | 'unknown';
}

export class VaultError extends Error {
  override readonly name = 'VaultError';
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly kind: VaultErrorKind;
  /** The server's own words, without anything that was sent as a secret. */
  readonly errors: readonly string[];
  /** How long the server asked us to wait. */
  readonly retryAfterMs: number | undefined;
  /** Whether the write may have happened; always `no` for a read. */
  readonly written: 'no' | 'unknown';

  constructor(message: string, { status, kind, errors = [], retryAfterMs, written }: VaultErrorDetails) {
    super(message);
    this.status = status;
    this.kind = kind;
    this.errors = errors;
    this.retryAfterMs = retryAfterMs;
    this.written = written;
  }
}

/** True for a VaultError of one of these kinds. */
export function isVaultError(error: unknown, ...kinds: readonly VaultErrorKind[]): error is VaultError {
  return error instanceof VaultError && kinds.includes(error.kind);
}

/**
 * True when what was asked for does not exist. A missing mount or namespace is a 404 too, but one with words
 * (`no handler for route`, `namespace not found`): that is no proof that a role or a policy is absent.
 */
export function isAbsent(error: unknown): error is VaultError {
  return isVaultError(error, 'NotFound') && error.errors.length === 0;
}
