// What the tokens of a role's logins are: what the role says, else what the backend says, within the backend's limits.
import type { VaultAuthBackend } from './backend.ts';
import { secondsOf } from './duration.ts';
import type { VaultAuthRole } from './role.ts';
import type { TokenType } from './token.ts';

/** All that can be said of a token; times in seconds, 0 for "as the mount says". */
export interface RoleToken {
  readonly ttl: number;
  readonly maxTTL: number;
  readonly explicitMaxTTL: number;
  readonly period: number;
  readonly type: TokenType;
  readonly numUses: number;
  readonly noDefaultPolicy: boolean;
  readonly boundCIDRs: readonly string[];
  readonly strictlyBindIP: boolean;
}

export interface LimitedToken {
  readonly token: RoleToken;
  /** What was asked beyond the limits, each as a sentence; what is in `token` is within them. */
  readonly exceeded: readonly string[];
}

/** Takes what a role asks for down to what the backend's limits admit: a limit that is lowered holds for roles that exist. */
export const limitedToken = (backend: VaultAuthBackend, role: VaultAuthRole): LimitedToken => {
  const asked = askedToken(backend, role);
  const { maxTTL, maxPeriod, tokenTypes } = backend.spec.tenancy.limits;
  const longest = secondsOf(maxTTL);
  const exceeded: string[] = [];
  const within = (field: string, seconds: number, limit: number, limitName: string): number => {
    if (seconds <= limit) return seconds;
    exceeded.push(`${field} is ${seconds}s, ${limitName} of the backend is ${limit}s`);
    return limit;
  };
  const short = (field: string, seconds: number): number =>
    longest === 0 ? seconds : within(field, seconds, longest, 'tenancy.limits.maxTTL');
  // A renewable token whose end nobody sets would live as long as the mount allows, whatever the limit says.
  const maximum = short('token.maxTTL', asked.maxTTL);
  const type = tokenTypes.includes(asked.type) ? asked.type : (tokenTypes[0] ?? 'default');
  if (type !== asked.type) exceeded.push(`token.type is ${asked.type}, the backend allows ${tokenTypes.join(', ')}`);
  const isBatch = type === 'batch';
  const period = within('token.period', asked.period, secondsOf(maxPeriod), 'tenancy.limits.maxPeriod');
  const token: RoleToken = {
    ...asked,
    ttl: short('token.ttl', asked.ttl),
    maxTTL: maximum === 0 ? longest : maximum,
    explicitMaxTTL: short('token.explicitMaxTTL', asked.explicitMaxTTL),
    type,
    period: isBatch ? 0 : period,
    numUses: isBatch ? 0 : asked.numUses,
  };
  return { token: { ...token, ttl: withinMaximum(token, exceeded) }, exceeded };
};

/** A life longer than the maximum is refused by Vault, be the maximum a limit or the backend's default. */
const withinMaximum = ({ ttl, maxTTL }: RoleToken, exceeded: string[]): number => {
  if (maxTTL === 0 || ttl <= maxTTL) return ttl;
  exceeded.push(`token.ttl is ${ttl}s, token.maxTTL is ${maxTTL}s`);
  return maxTTL;
};

const askedToken = ({ spec: { defaults } }: VaultAuthBackend, { spec }: VaultAuthRole): RoleToken => {
  const said = { ...defaults.token, ...spec.token };
  return {
    ttl: secondsOf(said.ttl),
    maxTTL: secondsOf(said.maxTTL),
    explicitMaxTTL: secondsOf(said.explicitMaxTTL),
    period: secondsOf(said.period),
    type: said.type ?? 'default',
    numUses: said.numUses ?? 0,
    noDefaultPolicy: said.noDefaultPolicy ?? false,
    boundCIDRs: said.boundCIDRs ?? [],
    strictlyBindIP: said.strictlyBindIP ?? false,
  };
};
