// What a VaultAuthBackend lets namespaces do: which may have roles, which policies they may use, how long tokens may live.
import { AUTO_ROLE_ANNOTATION, AUTO_ROLE_POLICIES_ANNOTATION } from './kinds.ts';
import { audience, ALIAS_NAME_SOURCES, policyReferences } from './role.ts';
import { choice, durationText, flag, integer, list, optional, type ValueOf, struct, text } from './schema.ts';
import { selector } from './label-selector.ts';
import { defaultTokenSchema, TOKEN_TYPES, tokenSchema } from './role-token.ts';

const policyRule = struct(
  {
    policies: policyReferences('Policies that may be used: names of VaultACLPolicies, or external:NAME.', { max: 64, min: 1 }),
    namespaceSelector: selector('By namespaces with these labels; an empty one matches every namespace that may have roles.'),
    serviceAccountPattern: optional(
      text('Only for service accounts of these names; * stands for any characters. A role must bind no other.', {
        min: 1,
        max: 253,
        pattern: '^[a-z0-9*]([a-z0-9.*-]*[a-z0-9*])?$',
      }),
    ),
  },
  'Who may use which policies.',
);
export type PolicyRule = ValueOf<typeof policyRule>;

const limits = struct(
  {
    maxTTL: durationText('The longest ttl, maxTTL and explicitMaxTTL of a role.', { default: '24h' }),
    maxPeriod: optional(durationText('The longest period of a role; no periodic tokens when left out.')),
    tokenTypes: list(choice(TOKEN_TYPES, 'A type.'), 'The types of tokens that roles may have.', {
      min: 1,
      max: 3,
      merge: 'set',
      default: [...TOKEN_TYPES],
    }),
    maxRolesPerNamespace: integer('How many roles one namespace may have here; the oldest count first.', {
      min: 0,
      max: 10000,
      default: 50,
    }),
    minTokenExpirationSeconds: integer('The shortest life of a projected token that a role may ask for.', {
      min: 600,
      max: 86400,
      default: 600,
    }),
  },
  'What a role may ask for at the most.',
  { filled: true },
);

export const tenancySchema = struct(
  {
    namespaceSelector: optional(
      selector('Namespaces that may have roles here. None when left out; every namespace when empty ({}).'),
    ),
    policyRules: list(policyRule, 'Who may use which policies. What no rule allows is refused.', {
      max: 64,
      merge: 'atomic',
      default: [],
    }),
    defaultPolicies: policyReferences('Policies that every role gets.', { max: 32, default: [] }),
    limits,
    allowRetain: flag(
      'Let roles stay in Vault when their objects are deleted: with deletionPolicy Retain, or with managementPolicy Observe on what was made here before. No rule reaches such a role any more, and no limit counts it. When false, it is deleted with its object, and Retain is said to be not allowed.',
      { default: false },
    ),
    roleNaming: choice(
      ['Qualified', 'Plain'],
      'Names of roles in Vault. Qualified: CLUSTER.NAMESPACE.NAME, which no two roles share. Plain: NAME; the first owner keeps it.',
      { default: 'Qualified' },
    ),
  },
  'What namespaces may do here.',
  { filled: true },
);

export const defaultsSchema = struct(
  {
    audience: optional(
      audience('The audience that tokens must have; vault://CLUSTER/PATH when left out. Not for the reviewer mode ClientJWT.'),
    ),
    tokenExpirationSeconds: integer('The life of the projected token of injected pods.', { min: 600, max: 86400, default: 900 }),
    aliasNameSource: choice(
      ALIAS_NAME_SOURCES,
      'What names the identity in Vault: the UID, new with each service account, or namespace and name.',
      { default: 'ServiceAccountUID' },
    ),
    token: defaultTokenSchema('The tokens of logins.'),
  },
  'What roles get that say nothing of it.',
  { filled: true },
);

export const autoRolesSchema = struct(
  {
    mode: choice(
      ['Off', 'Annotated', 'All'],
      `Annotated: for service accounts with the annotation ${AUTO_ROLE_ANNOTATION}: "true". All: for every service account; for "default" only with this annotation, or with includeDefault.`,
      { default: 'Off' },
    ),
    includeDefault: flag('All: for the service account "default" too, as which every pod runs that names none.', {
      default: false,
    }),
    namespaceSelector: optional(selector('In these namespaces, out of those that may have roles here; in none when left out.')),
    template: struct(
      {
        policies: policyReferences(
          `Policies that the roles ask for, beside those in the annotation ${AUTO_ROLE_POLICIES_ANNOTATION}.`,
          {
            max: 32,
            default: [],
          },
        ),
        tokenExpirationSeconds: optional(integer('As in a role.', { min: 600, max: 86400 })),
        token: optional(tokenSchema('As in a role.')),
      },
      'What the roles say.',
      { filled: true },
    ),
  },
  'Roles that the controller makes for service accounts.',
  { filled: true },
);
