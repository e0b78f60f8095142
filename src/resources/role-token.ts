// The token block of roles and of backend defaults: one row for each field, with its schema and its parameter in Vault; and which
// token a role gets within the backend's limits.
import type { Json, JsonObject } from '../json/json.ts';
import type { VaultAuthBackend } from './backend.ts';
import type { Form } from './canonical.ts';
import { readValue } from './read-fields.ts';
import type { VaultAuthRole } from './role.ts';
import {
  choice,
  durationOf,
  durationText,
  flag,
  integer,
  list,
  optional,
  type OptionalField,
  type Rule,
  type Schema,
  secondsOf,
  struct,
  text,
  type ValueOf,
} from './schema.ts';

export const TOKEN_TYPES = ['default', 'service', 'batch'] as const;

/** Addresses with or without mask, IPv4 or IPv6; a CEL rule checks the numbers. */
const CIDR = '^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$';

interface FieldOptions {
  /** Vault drops the parameter without an error. */
  readonly isOpenBaoOnly?: boolean;
  /** Exported also when it is zero, since a default of the backend would take its place. */
  readonly isAlwaysExported?: boolean;
}

/** A field: `parameter` of a role write in Vault, `zero` is the value of a field that neither role nor backend sets. */
const field = <const Kind extends Form, Value>(
  parameter: string,
  form: Kind,
  schema: Schema<Value>,
  zero: NoInfer<Value>,
  options: FieldOptions = {},
) => ({ parameter, form, schema, zero, ...options });

const duration = (parameter: string, description: string, options?: FieldOptions) =>
  field(parameter, 'seconds', durationText(description), '0s', options);

const TOKEN_FIELDS = {
  ttl: duration('token_ttl', 'Initial TTL of the token; 0s uses the default lease TTL of the mount.', { isAlwaysExported: true }),
  maxTTL: duration('token_max_ttl', 'Maximum TTL that renewals can reach; 0s uses the maximum lease TTL of the mount.', {
    isAlwaysExported: true,
  }),
  explicitMaxTTL: duration(
    'token_explicit_max_ttl',
    'Hard limit of the lifetime, which also holds for periodic tokens; 0s for no limit.',
  ),
  period: duration('token_period', 'Makes the token periodic: each renewal resets its TTL to this value. 0s for not periodic.'),
  type: field('token_type', 'text', choice(TOKEN_TYPES, 'Token type; "default" uses the token type of the mount.'), 'default', {
    isAlwaysExported: true,
  }),
  numUses: field(
    'token_num_uses',
    'number',
    integer('Number of requests that a token is valid for; 0 for unlimited. An agent needs 0, because it renews its token.', {
      min: 0,
      max: 1000000,
    }),
    0,
  ),
  noDefaultPolicy: field('token_no_default_policy', 'flag', flag('Do not attach the policy "default" to the token.'), false),
  boundCIDRs: field(
    'token_bound_cidrs',
    'cidrs',
    list(
      text('An IP address or CIDR block.', {
        min: 2,
        max: 49,
        pattern: CIDR,
        rules: [{ rule: 'isCIDR(self) || isIP(self)', message: 'must be an IP address or a CIDR block such as 10.0.0.0/8' }],
      }),
      'Source addresses that may log in and use the token; empty for any address.',
      { max: 32, merge: 'set' },
    ),
    [],
  ),
  strictlyBindIP: field(
    'token_strictly_bind_ip',
    'flag',
    flag('Bind each token to the IP address that logged in. Only OpenBao supports this.'),
    false,
    { isOpenBaoOnly: true },
  ),
};

type TokenFields = typeof TOKEN_FIELDS;
type FieldName = keyof TokenFields;
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the names of an object literal
const FIELD_NAMES = Object.keys(TOKEN_FIELDS) as readonly FieldName[];

/** The token block of a role or of backend defaults. */
type TokenSpec = { readonly [Name in FieldName]?: ValueOf<TokenFields[Name]['schema']> };

/** A token with all fields, as Vault has them; durations in seconds, 0 for the value of the mount. */
export type RoleToken = {
  readonly [Name in FieldName]: TokenFields[Name]['form'] extends 'seconds' ? number : ValueOf<TokenFields[Name]['schema']>;
};

/** True where both are set and `first` is not longer than `second`; 0s means the value of the mount, and passes. */
const notLonger = (first: string, second: string): string =>
  `!has(self.${first}) || !has(self.${second}) || duration(self.${second}) == duration('0s') || duration(self.${first}) <= duration(self.${second})`;

const RULES: readonly Rule[] = [
  { rule: notLonger('ttl', 'maxTTL'), message: 'must not be longer than maxTTL', fieldPath: '.ttl' },
  {
    rule: "!has(self.type) || self.type != 'batch' || ((!has(self.period) || duration(self.period) == duration('0s')) && (!has(self.numUses) || self.numUses == 0))",
    message: 'must not be batch when period or numUses is set',
    fieldPath: '.type',
  },
  {
    rule: '!has(self.strictlyBindIP) || !self.strictlyBindIP || !has(self.boundCIDRs) || self.boundCIDRs.size() == 0',
    message: 'must not be true when boundCIDRs is set',
    fieldPath: '.strictlyBindIP',
  },
];

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one optional field for each row
const optionalFields = Object.fromEntries(FIELD_NAMES.map((name) => [name, optional<unknown>(TOKEN_FIELDS[name].schema)])) as {
  readonly [Name in FieldName]: OptionalField<ValueOf<TokenFields[Name]['schema']>>;
};

export function tokenSchema(description: string) {
  return struct(optionalFields, description, { rules: RULES });
}

/** The same block for the defaults of a backend, where a TTL is never left to the mount unasked. */
export function defaultTokenSchema(description: string) {
  return struct(
    {
      ...optionalFields,
      ttl: durationText(TOKEN_FIELDS.ttl.schema.description, { default: '1h' }),
      maxTTL: durationText(TOKEN_FIELDS.maxTTL.schema.description, { default: '24h' }),
    },
    description,
    { filled: true, rules: RULES },
  );
}

/** How each parameter of a token is compared with what Vault has. */
export const TOKEN_FORMS: Readonly<Record<string, Form>> = Object.fromEntries(
  Object.values(TOKEN_FIELDS).map(({ parameter, form }) => [parameter, form]),
);

/** The parameters of a role write for this token. */
export function tokenParameters(token: RoleToken, product: 'Vault' | 'OpenBao'): JsonObject {
  const fields: readonly (readonly [FieldName, { readonly parameter: string } & FieldOptions])[] = FIELD_NAMES.map((name) => [
    name,
    TOKEN_FIELDS[name],
  ]);
  return Object.fromEntries(
    fields
      .filter(([, { isOpenBaoOnly }]) => product === 'OpenBao' || isOpenBaoOnly !== true)
      .map(([name, { parameter }]) => [parameter, token[name]]),
  );
}

/** The token block of a role as Vault has it: fields that are zero are left out, unless a backend's default would fill them. */
export function exportedToken(document: JsonObject): JsonObject {
  const entries = FIELD_NAMES.flatMap((name) => {
    const { parameter, form, schema, zero, isAlwaysExported = false }: FieldOptions & TokenFields[FieldName] = TOKEN_FIELDS[name];
    const stored = document[parameter];
    const value = (form === 'seconds' ? durationOf(Number(stored ?? 0)) : readValue<Json>(schema, stored)) ?? zero;
    return isAlwaysExported || JSON.stringify(value) !== JSON.stringify(zero) ? [[name, value] as const] : [];
  });
  return Object.fromEntries(entries);
}

export interface LimitedToken {
  readonly token: RoleToken;
  /** One sentence for each request beyond the limits; `token` is within them. */
  readonly exceeded: readonly string[];
}

/**
 * Reduces what a role requests to the backend's limits, so that a lowered limit also holds for existing roles. A default of the
 * backend beyond its own limits is reduced without a sentence: the role did not request it.
 */
export function limitedToken(backend: VaultAuthBackend, role: VaultAuthRole): LimitedToken {
  const requested = requestedToken(backend, role);
  const own: TokenSpec = role.spec.token ?? {};
  const { maxTTL: limit, maxPeriod, tokenTypes } = backend.spec.tenancy.limits;
  const limitSeconds = secondsOf(limit);
  const exceeded: string[] = [];
  const report = (name: FieldName, reason: string): void => {
    if (own[name] !== undefined) exceeded.push(`token.${name} is ${String(own[name])}, ${reason}`);
  };
  const withinLimit = (name: 'ttl' | 'maxTTL' | 'explicitMaxTTL'): number => {
    if (limitSeconds === 0 || requested[name] <= limitSeconds) return requested[name];
    report(name, `tenancy.limits.maxTTL of the backend is ${limit}`);
    return limitSeconds;
  };
  const type = tokenTypes.includes(requested.type) ? requested.type : (tokenTypes[0] ?? 'default');
  if (type !== requested.type) report('type', `the backend allows ${tokenTypes.join(', ')}`);
  const maxPeriodSeconds = type === 'batch' ? 0 : secondsOf(maxPeriod);
  if (requested.period > maxPeriodSeconds)
    report('period', type === 'batch' ? BATCH : `tenancy.limits.maxPeriod of the backend is ${maxPeriod ?? '0s'}`);
  if (type === 'batch' && requested.numUses > 0) report('numUses', BATCH);
  // A maxTTL of 0 would let a token live as long as the mount allows, beyond the limit.
  const maxTTL = withinLimit('maxTTL') || limitSeconds;
  const explicitMaxTTL = withinLimit('explicitMaxTTL');
  const ttl = withinLimit('ttl');
  // Vault rejects a role whose TTL is longer than its maximum TTL, which may be a default here.
  if (maxTTL > 0 && ttl > maxTTL) report('ttl', `longer than token.maxTTL of the backend's defaults, which is ${maxTTL}s`);
  return {
    token: {
      ...requested,
      ttl: maxTTL > 0 ? Math.min(ttl, maxTTL) : ttl,
      maxTTL,
      explicitMaxTTL,
      type,
      period: Math.min(requested.period, maxPeriodSeconds),
      numUses: type === 'batch' ? 0 : requested.numUses,
    },
    exceeded,
  };
}

const BATCH = 'and batch tokens have none';

const requestedToken = ({ spec: { defaults } }: VaultAuthBackend, { spec }: VaultAuthRole): RoleToken => {
  const own: TokenSpec = spec.token ?? {};
  const merged: TokenSpec = { ...defaults.token, ...own };
  // strictlyBindIP and boundCIDRs exclude each other: what the role sets itself wins.
  const isBoundToNetworks = (own.boundCIDRs?.length ?? 0) > 0;
  const strictlyBindIP = (merged.strictlyBindIP ?? false) && !isBoundToNetworks;
  const values = FIELD_NAMES.map((name) => {
    const { form, zero } = TOKEN_FIELDS[name];
    const value = merged[name] ?? zero;
    return [name, form === 'seconds' ? secondsOf(String(value)) : value] as const;
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one value for each row
  const token = Object.fromEntries(values) as RoleToken;
  return { ...token, strictlyBindIP, boundCIDRs: strictlyBindIP ? [] : token.boundCIDRs };
};
