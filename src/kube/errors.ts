// What the API server refused, or why it could not be reached.

export class KubeError extends Error {
  override readonly name = 'KubeError';
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** The API's word (`NotFound`, `Conflict`, `AlreadyExists`, `Forbidden`, …), `Unreachable`, or `Timeout`. */
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** The error of an answer that is no success: what its Status object says, or else the status alone. The body is not quoted, it may hold anything. */
export function errorOfAnswer(status: number, body: string, request: string): KubeError {
  const { reason, message } = statusOf(body);
  return new KubeError(status, reason ?? `Status${status}`, `${request}: ${message ?? `the API server answered ${status}`}`);
}

/** True for a KubeError with one of these reasons. */
export function isKubeError(error: unknown, ...reasons: readonly string[]): error is KubeError {
  return error instanceof KubeError && reasons.includes(error.reason);
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
