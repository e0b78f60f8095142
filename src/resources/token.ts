// The token block: what tokens of a login live for and may do. Roles have it, and backends have it as default.
import { choice, durationText, flag, integer, list, optional, type Rule, struct, text } from './schema.ts';

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
