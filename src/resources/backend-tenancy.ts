// Spec fields of a VaultAuthBackend for its tenants: which namespaces may have roles with which policies, limits, defaults, and
// automatic roles.
import { AUTO_ROLE_ANNOTATION, AUTO_ROLE_POLICIES_ANNOTATION } from './kinds.ts';
import { audience, ALIAS_NAME_SOURCES, policyReferences } from './role.ts';
import { choice, durationText, flag, integer, list, optional, type ValueOf, struct, text } from './schema.ts';
import { labelSelector } from './label-selector.ts';
import { defaultTokenSchema, TOKEN_TYPES, tokenSchema } from './role-token.ts';

const policyRule = struct(
  {
    policies: policyReferences('Allowed policies: names of VaultACLPolicies, or external:NAME.', { max: 64, min: 1 }),
    namespaceSelector: labelSelector(
      'Namespaces whose roles may use the policies. An empty selector matches every namespace that may have roles.',
    ),
    serviceAccountPattern: optional(
      text('Restricts the rule to roles that bind only service accounts with matching names; * matches any characters.', {
        min: 1,
        max: 253,
        pattern: '^[a-z0-9*]([a-z0-9.*-]*[a-z0-9*])?$',
      }),
    ),
  },
  'Policies that roles of the selected namespaces may use.',
);
export type PolicyRule = ValueOf<typeof policyRule>;

const limits = struct(
  {
    maxTTL: durationText('Maximum ttl, maxTTL and explicitMaxTTL of a role; 0s for no limit.', { default: '24h' }),
    maxPeriod: optional(durationText('Maximum period of a role. Periodic tokens are not allowed when it is left out.')),
    tokenTypes: list(choice(TOKEN_TYPES, 'A token type.'), 'Allowed token types.', {
      min: 1,
      max: 3,
      merge: 'set',
      default: [...TOKEN_TYPES],
    }),
    maxRolesPerNamespace: integer(
      'Maximum number of roles of a namespace on this backend; the oldest roles are admitted first.',
      {
        min: 0,
        max: 10000,
        default: 50,
      },
    ),
    minTokenExpirationSeconds: integer('Minimum lifetime of the projected service account token of a role.', {
      min: 600,
      max: 86400,
      default: 600,
    }),
  },
  'Limits of the roles.',
  { filled: true },
);

export const tenancySchema = struct(
  {
    namespaceSelector: optional(
      labelSelector(
        'Namespaces that may have roles on this backend: none when it is left out, every namespace when it is empty ({}).',
      ),
    ),
    policyRules: list(policyRule, 'Rules that allow policies. A policy that no rule allows is left out of the role.', {
      max: 64,
      merge: 'atomic',
      default: [],
    }),
    defaultPolicies: policyReferences('Policies of every role, in addition to those it requests.', { max: 32, default: [] }),
    limits,
    allowRetain: flag(
      'Allow a role to remain in Vault after its VaultAuthRole is deleted, with deletionPolicy Retain or when its managementPolicy became Observe. Policy rules and limits no longer apply to such a role. When false, the role is deleted with its object, and deletionPolicy Retain is reported as RetainNotAllowed.',
      { default: false },
    ),
    roleNaming: choice(
      ['Qualified', 'Plain'],
      'Naming of roles in Vault. Qualified: CLUSTER.NAMESPACE.NAME, which is unique. Plain: NAME; on a conflict the oldest object keeps it.',
      { default: 'Qualified' },
    ),
  },
  'What namespaces may do on this backend.',
  { filled: true },
);

export const defaultsSchema = struct(
  {
    audience: optional(
      audience(
        'Audience that service account tokens must have. Defaults to vault://CLUSTER/PATH. Must not be set with reviewer mode ClientJWT.',
      ),
    ),
    tokenExpirationSeconds: integer('Requested lifetime of the projected service account token in injected pods.', {
      min: 600,
      max: 86400,
      default: 900,
    }),
    aliasNameSource: choice(
      ALIAS_NAME_SOURCES,
      'Name of the entity alias in Vault. ServiceAccountUID: changes when the service account is recreated. ServiceAccountName: NAMESPACE/NAME.',
      { default: 'ServiceAccountUID' },
    ),
    token: defaultTokenSchema('Vault tokens that logins get.'),
  },
  'Defaults of the roles.',
  { filled: true },
);

export const autoRolesSchema = struct(
  {
    mode: choice(
      ['Disabled', 'Annotated', 'All'],
      `Service accounts that get a role automatically. Disabled: none. Annotated: those with the annotation ${AUTO_ROLE_ANNOTATION}: "true". All: every one, but "default" only with this annotation or with includeDefault.`,
      { default: 'Disabled' },
    ),
    includeDefault: flag(
      'With mode All: also create a role for the service account "default", which every pod without serviceAccountName uses.',
      {
        default: false,
      },
    ),
    namespaceSelector: optional(
      labelSelector('Namespaces with automatic roles, among those that may have roles: none when it is left out.'),
    ),
    template: struct(
      {
        policies: policyReferences(
          `Requested policies, in addition to those in the annotation ${AUTO_ROLE_POLICIES_ANNOTATION} of the service account.`,
          {
            max: 32,
            default: [],
          },
        ),
        tokenExpirationSeconds: optional(integer('tokenExpirationSeconds of the roles.', { min: 600, max: 86400 })),
        token: optional(tokenSchema('token of the roles.')),
      },
      'Spec of the automatic roles.',
      { filled: true },
    ),
  },
  'VaultAuthRoles that the controller creates for service accounts.',
  { filled: true },
);
