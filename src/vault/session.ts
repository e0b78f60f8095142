// A session: requests with a token, which is renewed in time and replaced by a new login when it is revoked or expires.
import { backoffMs } from '../net/backoff.ts';
import type { VaultCall, VaultCaller, VaultClient } from './client.ts';
import { isVaultError } from './errors.ts';
import { type Login, login, lookUpSelf, renewSelf, type Token } from './login.ts';
import type { VaultResponse } from './response.ts';

export interface VaultSessionOptions {
  readonly client: VaultClient;
  readonly login: Login;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** A token without the token itself. */
export interface SessionState {
  readonly accessor: string | undefined;
  readonly policies: readonly string[];
  readonly renewable: boolean;
  /** The TTL of the token at login; 0: no expiry. */
  readonly leaseSeconds: number;
  /** Milliseconds since 1970; undefined: never. */
  readonly expiresAt: number | undefined;
}

export interface VaultSession extends VaultCaller {
  /** Logs in unless there is a valid token. Throws VaultError, or the error of the credential's function; during the back-off the same again, without a login. */
  ready(): Promise<SessionState>;
  /** Milliseconds since 1970; undefined when not logged in, and for a token without expiry. */
  expiresAt(): number | undefined;
  /** Undefined when not logged in. */
  state(): SessionState | undefined;
  /** Drops the token. It is not revoked, but expires with its lease. */
  close(): void;
}

interface HeldToken extends Token {
  /** Seconds, at login: a lease that shrinks at renewals has met the max TTL of the token. */
  readonly firstLeaseSeconds: number;
  readonly expiresAt: number;
  /** A little earlier, for clock skew and the time on the network. */
  readonly usableUntil: number;
  readonly renewAt: number;
}

const MARGIN_MS = 2000;
/** A failed renewal is retried after this, while the token is valid. */
const RENEW_RETRY_MS = 5000;
const LOGIN_BACKOFF = { firstMs: 1000, maxMs: 10_000 };

/** A session without a token: its first request logs in. */
export function vaultSession({ client, login: how, now = Date.now }: VaultSessionOptions): VaultSession {
  let held: HeldToken | undefined;
  let loggingIn: Promise<HeldToken> | undefined;
  let renewing: Promise<void> | undefined;
  let failure: { readonly error: unknown; readonly until: number; readonly count: number } | undefined;
  /** The policies of a valid token forbid lookup-self: a 403 from it does not prove that the token is invalid. */
  let isLookUpForbidden = false;

  const hold = (token: Token, firstLeaseSeconds: number): HeldToken => {
    const leaseMs = token.leaseSeconds * 1000;
    const expiresAt = token.leaseSeconds === 0 ? Infinity : now() + leaseMs;
    held = {
      ...token,
      firstLeaseSeconds,
      expiresAt,
      usableUntil: expiresAt - Math.min(MARGIN_MS, leaseMs / 10),
      renewAt: expiresAt - leaseMs / 3,
    };
    return held;
  };
  const logIn = async (): Promise<HeldToken> => {
    if (failure && now() < failure.until) throw failure.error;
    try {
      const token = await login(client, how);
      failure = undefined;
      return hold(token, token.leaseSeconds);
    } catch (error) {
      const count = (failure?.count ?? 0) + 1;
      // Without jitter: one session is one client of the server.
      failure = { error, until: now() + backoffMs(count, LOGIN_BACKOFF, () => 1), count };
      throw error;
    }
  };
  /** All callers share one login. */
  const logInOnce = (): Promise<HeldToken> => {
    loggingIn ??= logIn().finally(() => {
      loggingIn = undefined;
    });
    return loggingIn;
  };
  const renew = async (before: HeldToken): Promise<void> => {
    const token = before.renewable ? await renewSelf(client, before.token).catch(() => undefined) : undefined;
    if (held !== before) return;
    // Also after a failed renewal the token is valid until it expires.
    held = token ? hold(token, before.firstLeaseSeconds) : { ...before, renewAt: now() + RENEW_RETRY_MS };
    // Renewals are denied, or meet the max TTL of the token: only a login gives a whole TTL again.
    if (!token || token.leaseSeconds * 2 < before.firstLeaseSeconds) await logInOnce().catch(() => undefined);
  };
  const current = async (): Promise<HeldToken> => {
    if (!held || now() >= held.usableUntil) return logInOnce();
    // In the background: requests go on with the valid token.
    if (now() >= held.renewAt)
      renewing ??= renew(held).finally(() => {
        renewing = undefined;
      });
    return held;
  };
  /** After a 403: whether the token is invalid, and not only without the right to the path. */
  const isInvalid = async ({ token }: HeldToken): Promise<boolean> => {
    if (held?.token !== token) return true;
    return !isLookUpForbidden && (await isLookUpDenied(client, token));
  };

  return {
    async request(call: VaultCall): Promise<VaultResponse> {
      const first = await current();
      try {
        return await client.request({ ...call, token: first.token });
      } catch (error) {
        if (!isVaultError(error, 'PermissionDenied') || !(await isInvalid(first))) throw error;
        if (held?.token === first.token) held = undefined;
        const second = await current();
        try {
          return await client.request({ ...call, token: second.token });
        } catch (again) {
          if (isVaultError(again, 'PermissionDenied') && !isLookUpForbidden)
            isLookUpForbidden = await isLookUpDenied(client, second.token);
          throw again;
        }
      }
    },
    ready: async () => stateOf(await current()),
    expiresAt: () => held && finite(held.expiresAt),
    state: () => held && stateOf(held),
    close() {
      held = undefined;
    },
  };
}

/** Whether the server denies lookup-self, which the policy "default" grants to each valid token. */
const isLookUpDenied = (client: VaultClient, token: string): Promise<boolean> =>
  lookUpSelf(client, token).then(
    () => false,
    (error: unknown) => isVaultError(error, 'PermissionDenied'),
  );

const stateOf = ({ accessor, policies, renewable, firstLeaseSeconds, expiresAt }: HeldToken): SessionState => ({
  accessor,
  policies,
  renewable,
  leaseSeconds: firstLeaseSeconds,
  expiresAt: finite(expiresAt),
});

const finite = (time: number): number | undefined => (Number.isFinite(time) ? time : undefined);
