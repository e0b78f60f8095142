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

/**
 * Takes what a role asks for down to what the backend's limits admit: a limit that is lowered holds for roles that exist.
 * What a role did not say itself but has from the backend's defaults gives way without a word.
 */
export function limitedToken(backend: VaultAuthBackend, role: VaultAuthRole): LimitedToken {
  const asked = askedToken(backend, role);
  const said = role.spec.token ?? {};
  const { maxTTL: limit, maxPeriod, tokenTypes } = backend.spec.tenancy.limits;
  const longest = secondsOf(limit);
  const exceeded: string[] = [];
  const complain = (field: keyof RoleToken, what: string): void => {
    if (said[field] !== undefined) exceeded.push(`token.${field} is ${String(said[field])}, ${what}`);
  };
  const short = (field: 'ttl' | 'maxTTL' | 'explicitMaxTTL'): number => {
    if (longest === 0 || asked[field] <= longest) return asked[field];
    complain(field, `tenancy.limits.maxTTL of the backend is ${limit}`);
    return longest;
  };
  const type = tokenTypes.includes(asked.type) ? asked.type : (tokenTypes[0] ?? 'default');
  if (type !== asked.type) complain('type', `the backend allows ${tokenTypes.join(', ')}`);
  const longestPeriod = type === 'batch' ? 0 : secondsOf(maxPeriod);
  if (asked.period > longestPeriod)
    complain('period', type === 'batch' ? BATCH : `tenancy.limits.maxPeriod of the backend is ${maxPeriod ?? '0s'}`);
  if (type === 'batch' && asked.numUses > 0) complain('numUses', BATCH);
  // A token whose end nobody sets would live as long as the mount allows, whatever the limit says.
  const maxTTL = short('maxTTL') || longest;
  const explicitMaxTTL = short('explicitMaxTTL');
  const ttl = short('ttl');
  // Vault refuses a life longer than the maximum, be the maximum a limit or a default.
  if (maxTTL > 0 && ttl > maxTTL) complain('ttl', `longer than token.maxTTL of the backend's defaults, which is ${maxTTL}s`);
  return {
    token: {
      ...asked,
      ttl: maxTTL > 0 ? Math.min(ttl, maxTTL) : ttl,
      maxTTL,
      explicitMaxTTL,
      type,
      period: Math.min(asked.period, longestPeriod),
      numUses: type === 'batch' ? 0 : asked.numUses,
    },
    exceeded,
  };
}

const BATCH = 'and batch tokens have none';

const askedToken = ({ spec: { defaults } }: VaultAuthBackend, { spec }: VaultAuthRole): RoleToken => {
  const own = spec.token ?? {};
  const said = { ...defaults.token, ...own };
  // One address and a list of networks exclude each other: what the role says itself counts.
  const isBoundToNetworks = (own.boundCIDRs?.length ?? 0) > 0;
  const strictlyBindIP = (said.strictlyBindIP ?? false) && !isBoundToNetworks;
  return {
    ttl: secondsOf(said.ttl),
    maxTTL: secondsOf(said.maxTTL),
    explicitMaxTTL: secondsOf(said.explicitMaxTTL),
    period: secondsOf(said.period),
    type: said.type ?? 'default',
    numUses: said.numUses ?? 0,
    noDefaultPolicy: said.noDefaultPolicy ?? false,
    boundCIDRs: strictlyBindIP ? [] : (said.boundCIDRs ?? []),
    strictlyBindIP,
  };
};
