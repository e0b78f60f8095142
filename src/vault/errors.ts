// Errors of Vault or OpenBao, and of requests that did not reach it.

/** The cause, as far as callers handle it differently. */
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
  /** HTTP status; 0 when there was no response. */
  readonly status: number;
  readonly kind: VaultErrorKind;
  /** The server's messages, with all secrets of the request redacted. */
  readonly errors: readonly string[];
  /** Of the header Retry-After. */
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
 * True when the requested object does not exist. A missing mount or namespace is a 404 too, but has a message (`no handler for
 * route`, `namespace not found`): that does not prove that a role or a policy is absent.
 */
export function isAbsent(error: unknown): error is VaultError {
  return isVaultError(error, 'NotFound') && error.errors.length === 0;
}

/** For `catch`: undefined when the requested object does not exist; throws all other errors again. */
export function undefinedIfAbsent(error: unknown): undefined {
  if (!isAbsent(error)) throw error;
}
