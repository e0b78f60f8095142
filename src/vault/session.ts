// Requests as who logged in: logs in when it must, renews in time, and logs in anew when the token is gone.
import type { VaultResponse } from './response.ts';
import type { VaultCall, VaultCaller, VaultClient } from './client.ts';
import { isVaultError } from './errors.ts';
import { type Login, login, lookUpSelf, renewSelf, type Token } from './login.ts';

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
  /** How long the token was to live when we got it; 0: for ever. */
  readonly leaseSeconds: number;
  /** Milliseconds since 1970; undefined: never. */
  readonly expiresAt: number | undefined;
}

export interface VaultSession extends VaultCaller {
  /** Logs in unless there is a valid token. Throws VaultError, or what the credential's function throws; the same again for a while, without another login. */
  ready(): Promise<SessionState>;
  /** Milliseconds since 1970; undefined when not logged in, and for a token that never expires. */
  expiresAt(): number | undefined;
  /** Undefined when not logged in. */
  state(): SessionState | undefined;
  /** Forgets the token. It is not revoked: it ends with its lease. */
  close(): void;
}

interface Held extends Token {
  /** Seconds that it lived when it was new: a lease that shrinks at renewals meets the token's maximum. */
  readonly firstLeaseSeconds: number;
  readonly expiresAt: number;
  /** A little earlier, for clocks and for the way to the server. */
  readonly usableUntil: number;
  readonly renewAt: number;
}

const MARGIN_MS = 2000;
/** A failed renewal is tried again after this, as long as the token lives. */
const RENEW_AGAIN_MS = 5000;
/** A failed login is not repeated before this, doubled with each failure in a row. */
const FIRST_HOLD_MS = 1000;
const LONGEST_HOLD_MS = 10_000;

/** A session without a token yet: the first request logs in. */
export function vaultSession({ client, login: how, now = Date.now }: VaultSessionOptions): VaultSession {
  let held: Held | undefined;
  let entering: Promise<Held> | undefined;
  let renewing: Promise<void> | undefined;
  let failure: { readonly error: unknown; readonly until: number; readonly holdMs: number } | undefined;
  // True when a token may not even look at itself, which then says nothing about whether it is valid.
  let lookUpTellsNothing = false;

  const hold = (token: Token, firstLeaseSeconds: number): Held => {
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
  const enter = async (): Promise<Held> => {
    if (failure && now() < failure.until) throw failure.error;
    try {
      const token = await login(client, how);
      failure = undefined;
      return hold(token, token.leaseSeconds);
    } catch (error) {
      const holdMs = Math.min(LONGEST_HOLD_MS, failure ? failure.holdMs * 2 : FIRST_HOLD_MS);
      failure = { error, until: now() + holdMs, holdMs };
      throw error;
    }
  };
  /** One login at a time, however many wait for it. */
  const enterOnce = (): Promise<Held> => {
    entering ??= enter().finally(() => {
      entering = undefined;
    });
    return entering;
  };
  const renew = async (before: Held): Promise<void> => {
    const token = before.renewable ? await renewSelf(client, before.token).catch(() => undefined) : undefined;
    if (held !== before) return;
    // What we have is good until it expires, whatever became of the renewal.
    held = token ? hold(token, before.firstLeaseSeconds) : { ...before, renewAt: now() + RENEW_AGAIN_MS };
    // Renewals are refused, or meet the token's maximum: only a login gives a whole life again.
    if (!token || token.leaseSeconds * 2 < before.firstLeaseSeconds) await enterOnce().catch(() => undefined);
  };
  const current = async (): Promise<Held> => {
    if (!held || now() >= held.usableUntil) return enterOnce();
    // In the background: as long as the token lives nobody has to wait for a new one.
    if (now() >= held.renewAt)
      renewing ??= renew(held).finally(() => {
        renewing = undefined;
      });
    return held;
  };
  /** After a 403: is it the token that is no longer good, or only what was asked? */
  const isGone = async ({ token }: Held): Promise<boolean> => {
    if (held?.token !== token) return true;
    return !lookUpTellsNothing && (await isRefused(client, token));
  };

  return {
    async request(call: VaultCall): Promise<VaultResponse> {
      const first = await current();
      try {
        return await client.request({ ...call, token: first.token });
      } catch (error) {
        if (!isVaultError(error, 'PermissionDenied') || !(await isGone(first))) throw error;
        if (held?.token === first.token) held = undefined;
        const second = await current();
        try {
          return await client.request({ ...call, token: second.token });
        } catch (again) {
          if (isVaultError(again, 'PermissionDenied') && !lookUpTellsNothing)
            lookUpTellsNothing = await isRefused(client, second.token);
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

/** Whether a token is refused even the look at itself, which each token may take unless it lacks the policy "default". */
const isRefused = (client: VaultClient, token: string): Promise<boolean> =>
  lookUpSelf(client, token).then(
    () => false,
    (error: unknown) => isVaultError(error, 'PermissionDenied'),
  );

const stateOf = ({ accessor, policies, renewable, firstLeaseSeconds, expiresAt }: Held): SessionState => ({
  accessor,
  policies,
  renewable,
  leaseSeconds: firstLeaseSeconds,
  expiresAt: finite(expiresAt),
});

const finite = (time: number): number | undefined => (Number.isFinite(time) ? time : undefined);
