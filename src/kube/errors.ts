// Errors of the API server, and of requests that did not reach it.

export class KubeError extends Error {
  override readonly name = 'KubeError';
  /** HTTP status; 0 when there was no response. */
  readonly status: number;
  /** The API's reason (`NotFound`, `Conflict`, `AlreadyExists`, `Forbidden`, …), `Unreachable`, `Timeout`, `TooLarge` or `Unreadable`. */
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/**
 * The error of a response whose status is not 2xx, from its Status object or else from the status alone. Other bodies are not
 * quoted: that of a proxy may hold anything.
 */
export function errorOfResponse(status: number, body: string, operation: string): KubeError {
  const { reason, message } = statusOf(body);
  return new KubeError(
    status,
    reason ?? `Status${status}`,
    `${operation}: ${message ?? `the API server returned status ${status}`}`,
  );
}

/** True for a KubeError with one of these reasons. */
export function isKubeError(error: unknown, ...reasons: readonly string[]): error is KubeError {
  return error instanceof KubeError && reasons.includes(error.reason);
}

/** For `catch`: undefined for a KubeError with one of these reasons; throws all other errors again. */
export function undefinedOn(...reasons: readonly string[]): (error: unknown) => undefined {
  return (error) => {
    if (!isKubeError(error, ...reasons)) throw error;
  };
}

/** The message of an error; its name when it has none, as errors of aborted requests may. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}

const statusOf = (body: string): { readonly reason: string | undefined; readonly message: string | undefined } => {
  try {
    const { reason, message }: { reason?: unknown; message?: unknown } = JSON.parse(body);
    return { reason: textOf(reason), message: textOf(message) };
  } catch {
    return { reason: undefined, message: undefined };
  }
};

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
