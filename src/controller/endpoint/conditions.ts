// The conditions of an endpoint, and which errors of Vault mean what.
import type { EndpointConditionUpdate } from '../../resources/endpoint.ts';
import type { VaultError } from '../../vault/errors.ts';

type Of<Type extends EndpointConditionUpdate['type']> = Extract<EndpointConditionUpdate, { readonly type: Type }>;

/** The condition Reachable: True only with the reason `Connected`. */
export function reachable(reason: Of<'Reachable'>['reason'], message: string): Of<'Reachable'> {
  return {
    type: 'Reachable',
    status: reason === 'Connected' ? 'True' : 'False',
    reason,
    message,
  };
}

/** `TokenExpiring` is True: the token works until it has expired. */
export function authenticated(reason: Of<'Authenticated'>['reason'], message: string): Of<'Authenticated'> {
  return {
    type: 'Authenticated',
    status: reason === 'LoggedIn' || reason === 'TokenExpiring' ? 'True' : reason === 'NotReached' ? 'Unknown' : 'False',
    reason,
    message,
  };
}

/** The condition Supported: True only with the reason `Detected`, and unknown with `NotReached`. */
export function supported(reason: Of<'Supported'>['reason'], message: string): Of<'Supported'> {
  return {
    type: 'Supported',
    status: reason === 'Detected' ? 'True' : reason === 'NotReached' ? 'Unknown' : 'False',
    reason,
    message,
  };
}

/** The condition Authorized: True only with the reason `Sufficient`, and unknown with `NotChecked`. */
export function authorized(reason: Of<'Authorized'>['reason'], message: string): Of<'Authorized'> {
  return {
    type: 'Authorized',
    status: reason === 'Sufficient' ? 'True' : reason === 'NotChecked' ? 'Unknown' : 'False',
    reason,
    message,
  };
}

/** The condition Deletable: True only with the reason `Unused`. */
export function deletable(reason: Of<'Deletable'>['reason'], message: string): Of<'Deletable'> {
  return {
    type: 'Deletable',
    status: reason === 'Unused' ? 'True' : 'False',
    reason,
    message,
  };
}

/** A failure of the server or of the network, rather than of the request. */
export function unreachable(error: VaultError): Of<'Reachable'> {
  return reachable(reasonOf(error), error.message);
}

/** Whether the error of a login is about the login, and not about the state of the server. */
export function isDenial({ kind, errors }: VaultError): boolean {
  switch (kind) {
    case 'BadRequest':
    case 'PermissionDenied':
    case 'NotFound':
    case 'MethodNotAllowed':
    case 'PreconditionFailed':
    case 'Unreadable':
      return true;
    case 'ServerError':
      // For example "could not load backend configuration" of a mount without a configuration.
      return errors.length > 0;
    case 'RateLimited':
    case 'DisasterRecoveryStandby':
    case 'PerformanceStandby':
    case 'Standby':
    case 'Uninitialized':
    case 'Sealed':
    case 'Unavailable':
    case 'DNSFailed':
    case 'TLSFailed':
    case 'ConnectionFailed':
    case 'Timeout':
    case 'CutOff':
      return false;
  }
}

const reasonOf = ({ kind }: VaultError): Of<'Reachable'>['reason'] => {
  switch (kind) {
    case 'DNSFailed':
    case 'TLSFailed':
    case 'ConnectionFailed':
    case 'Timeout':
    case 'Sealed':
    case 'Uninitialized':
    case 'RateLimited':
      return kind;
    case 'CutOff':
      return 'ConnectionFailed';
    case 'Standby':
    case 'DisasterRecoveryStandby':
    case 'PerformanceStandby':
      return 'Standby';
    case 'BadRequest':
    case 'PermissionDenied':
    case 'NotFound':
    case 'MethodNotAllowed':
    case 'PreconditionFailed':
    case 'Unavailable':
    case 'ServerError':
    case 'Unreadable':
      return 'ServerError';
  }
};
