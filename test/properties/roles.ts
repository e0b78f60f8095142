// Roles that a namespace admin could write, and backends that limit them.
import fc from 'fast-check';
import type { Json, JsonObject } from '../../src/json/json.ts';
import { structural } from '../../src/resources/crd.ts';
import type { Resources } from '../../src/resources/read-resource.ts';
import { roleSpecSchema } from '../../src/resources/role.ts';
import { jwtBackend, kubernetesBackend, webRole } from '../support/objects.ts';
import { valueOf } from './schema-arbitrary.ts';

/** Policies in rules, so that some requests are allowed. */
export const POLICIES = ['a', 'b', 'c', 'external:a', 'external:kv/read'] as const;
const policies = fc.uniqueArray(fc.constantFrom(...POLICIES), { maxLength: 4 });
const NAMES = ['web', 'worker', 'default'] as const;
const NETWORKS = ['10.0.0.0/8', '10.1.2.3', '10.1.2.3/32', 'fd00::/8', 'fd00::1', '0.0.0.0/0'] as const;
const lengths = fc.constantFrom('0s', '30s', '10m', '1h', '90m', '23h59m59s', '24h', '99999h');

/** Any spec that the schema admits, partly with values that are likely to be allowed. */
const roleSpec: fc.Arbitrary<JsonObject> = fc
  .tuple(
    valueOf(structural(roleSpecSchema)),
    fc.record(
      {
        policies: fc.oneof(policies, fc.uniqueArray(valueOf(policySchema()), { maxLength: 3 })),
        serviceAccounts: fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 }),
        token: fc.record(
          {
            ttl: lengths,
            maxTTL: lengths,
            explicitMaxTTL: lengths,
            period: lengths,
            type: fc.constantFrom('default', 'service', 'batch'),
          },
          { requiredKeys: [] },
        ),
      },
      { requiredKeys: [] },
    ),
    fc.uniqueArray(fc.constantFrom(...NETWORKS), { maxLength: 3 }),
  )
  .map(([any, likely, boundCIDRs]) => {
    const spec = { ...(any as JsonObject), ...(likely as unknown as JsonObject) };
    // A CEL rule, not the schema, checks the numbers of a CIDR block.
    const token = spec['token'] as JsonObject | undefined;
    return token === undefined
      ? spec
      : { ...spec, token: { ...token, ...(token['boundCIDRs'] === undefined ? {} : { boundCIDRs }) } };
  });

function policySchema(): JsonObject {
  const schema = structural(roleSpecSchema) as { readonly properties: { readonly policies: { readonly items: JsonObject } } };
  return schema.properties.policies.items;
}

const tenancy = fc.record({
  namespaceSelector: fc.constantFrom<Json>(
    {},
    { matchLabels: { team: 'x' } },
    { matchExpressions: [{ key: 'team', operator: 'Exists' }] },
  ),
  policyRules: fc.array(
    fc.record(
      {
        policies: policies.filter((list) => list.length > 0),
        namespaceSelector: fc.constantFrom<Json>({}, { matchLabels: { team: 'x' } }, { matchLabels: { team: 'y' } }),
        serviceAccountPattern: fc.constantFrom('*', 'w*', 'web', '*e*'),
      },
      { requiredKeys: ['policies', 'namespaceSelector'] },
    ),
    { maxLength: 3 },
  ),
  defaultPolicies: policies,
  limits: fc.record(
    {
      maxTTL: fc.constantFrom('1h', '24h', '100h'),
      maxPeriod: fc.constantFrom('10m', '24h'),
      tokenTypes: fc.uniqueArray(fc.constantFrom('default', 'service', 'batch'), { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: [] },
  ),
  allowRetain: fc.boolean(),
  roleNaming: fc.constantFrom('Qualified', 'Plain'),
});

export interface Situation {
  readonly backend: Resources['VaultAuthBackend'];
  readonly role: Resources['VaultAuthRole'];
  readonly namespaceLabels: Readonly<Record<string, string>>;
}

/** A role of any content, of the namespace "team", on a backend of either type. */
export const situation: fc.Arbitrary<Situation> = fc.record({
  backend: fc
    .tuple(fc.boolean(), tenancy)
    .map(([isJWT, members]) => (isJWT ? jwtBackend : kubernetesBackend)({ tenancy: members })),
  role: roleSpec.map((spec) => webRole(spec)),
  namespaceLabels: fc.constantFrom<Readonly<Record<string, string>>>({}, { team: 'x' }, { team: 'y' }),
});
