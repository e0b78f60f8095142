// The token block: what tokens of a login live for and may do. Roles have it, and backends have it as default.
import { choice, durationText, flag, integer, list, optional, type Rule, struct, text, secondsOf } from './schema.ts';
import type { VaultAuthBackend } from './backend.ts';
import type { VaultAuthRole } from './role.ts';

export const TOKEN_TYPES = ['default', 'service', 'batch'] as const;
export type TokenType = (typeof TOKEN_TYPES)[number];

/** Addresses with or without mask, IPv4 or IPv6; whether the numbers fit is CEL's part. */
const CIDR = '^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$';

/** True where both are given and `first` is no longer than `second`; 0s stands for "as the mount says" and passes. */
const notLonger = (first: string, second: string): string =>
  `!has(self.${first}) || !has(self.${second}) || duration(self.${second}) == duration('0s') || duration(self.${first}) <= duration(self.${second})`;

const RULES: readonly Rule[] = [
  { rule: notLonger('ttl', 'maxTTL'), message: 'must not be longer than maxTTL', fieldPath: '.ttl' },
  {
    rule: "!has(self.type) || self.type != 'batch' || ((!has(self.period) || duration(self.period) == duration('0s')) && (!has(self.numUses) || self.numUses == 0))",
    message: 'batch tokens have neither period nor numUses',
    fieldPath: '.type',
  },
  {
    rule: '!has(self.strictlyBindIP) || !self.strictlyBindIP || !has(self.boundCIDRs) || self.boundCIDRs.size() == 0',
    message: 'strictlyBindIP cannot be combined with boundCIDRs',
    fieldPath: '.strictlyBindIP',
  },
];

/** The members, none of them required. */
const members = {
  ttl: optional(durationText('How long a token lives until it is renewed; 0s as the mount says.')),
  maxTTL: optional(durationText('How long renewals can keep it; 0s as the mount says.')),
  explicitMaxTTL: optional(durationText('When it ends in any case, periodic or not; 0s for no such end.')),
  period: optional(durationText('Makes tokens periodic: each renewal sets their life to this, without end. 0s for not.')),
  type: optional(choice(TOKEN_TYPES, 'The type of token; default as the mount says.')),
  numUses: optional(
    integer('How often a token can be used; 0 for always. A limit breaks an agent, which renews its token.', {
      min: 0,
      max: 1000000,
    }),
  ),
  noDefaultPolicy: optional(flag('Leave out the policy "default".')),
  boundCIDRs: optional(
    list(
      text('An address or a network.', {
        min: 2,
        max: 49,
        pattern: CIDR,
        rules: [{ rule: 'isCIDR(self) || isIP(self)', message: 'must be an address or a network such as 10.0.0.0/8' }],
      }),
      'From where logins and uses of the token are allowed; empty for anywhere.',
      { max: 32, merge: 'set' },
    ),
  ),
  strictlyBindIP: optional(flag('Bind each token to the address that logged in. OpenBao alone.')),
};

export function tokenSchema(description: string) {
  return struct(members, description, { rules: RULES });
}

/** The same block with the values that a backend has when it says nothing. */
export function defaultTokenSchema(description: string) {
  return struct(
    {
      ...members,
      ttl: durationText('How long a token lives until it is renewed; 0s as the mount says.', { default: '1h' }),
      maxTTL: durationText('How long renewals can keep it; 0s as the mount says.', { default: '24h' }),
    },
    description,
    { filled: true, rules: RULES },
  );
}

// What the tokens of a role's logins are: what the role says, else what the backend says, within the backend's limits.

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
