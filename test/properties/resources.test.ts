// Properties of every role that a namespace admin can write: unique names, allowed policies, bindings in its own namespace.
import fc from 'fast-check';
import { EXTERNAL_PREFIX } from '../../src/resources/role.ts';
import { roleDocument } from '../../src/resources/role-document.ts';
import { probeRoleName, vaultRoleName } from '../../src/resources/role-name.ts';
import { readResource } from '../../src/resources/read-resource.ts';
import { exportRole } from '../../src/resources/export-role.ts';
import { evaluateTenancy, isRetained } from '../../src/resources/tenancy.ts';
import { kubernetesBackend, webRole } from '../support/objects.ts';
import { POLICIES, type Situation, situation } from './roles.ts';

const RUNS = { numRuns: 300 };
const policyName = (name: string): string | undefined =>
  (POLICIES as readonly string[]).includes(name) ? `acl-${name}` : undefined;
const inVault = (policy: string): string | undefined =>
  policy.startsWith(EXTERNAL_PREFIX) ? policy.slice(EXTERNAL_PREFIX.length) : policyName(policy);
const judge = (given: Situation) =>
  evaluateTenancy({ ...given, policyName, olderRoles: 0, nameHolder: undefined, product: 'OpenBao' });
const documentOf = (given: Situation) =>
  roleDocument({ ...given, product: 'OpenBao', effectivePolicies: judge(given).effectivePolicies });

const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,5}[a-z0-9])?$/);
const name = fc.array(label, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.'));
const place = fc.record({ cluster: label, namespace: label, name });

const qualified = ({ cluster, namespace, name: called }: { cluster: string; namespace: string; name: string }): string =>
  vaultRoleName(kubernetesBackend({ clusterName: cluster }), webRole({}, called, namespace));

test('qualified names are unique, and none is that of the probe', () => {
  fc.assert(
    fc.property(place, place, (one, other) => {
      expect(qualified(one) === qualified(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
      expect(qualified(one)).not.toBe(probeRoleName(kubernetesBackend({ clusterName: other.cluster })));
    }),
    RUNS,
  );
});

test('no role binds anything outside its namespace', () => {
  fc.assert(
    fc.property(situation, (given) => {
      const document = documentOf(given);
      const names = given.role.spec.serviceAccounts ?? ['web'];
      expect(JSON.stringify(names)).not.toMatch(/[*/:]/);
      expect(document).toMatchObject(
        given.backend.spec.type === 'jwt'
          ? {
              bound_claims: { sub: names.map((account) => `system:serviceaccount:team:${account}`) },
              bound_claims_type: 'string',
              role_type: 'jwt',
            }
          : {
              bound_service_account_names: names,
              bound_service_account_namespaces: ['team'],
              bound_service_account_namespace_selector: '',
            },
      );
    }),
    RUNS,
  );
});

test('no role has a policy without a default or a rule for its namespace', () => {
  let admitted = 0;
  fc.assert(
    fc.property(situation, (given) => {
      const { effectivePolicies, admitted: isAdmitted } = judge(given);
      const { defaultPolicies, policyRules } = given.backend.spec.tenancy;
      const matches = (selector: object): boolean =>
        Object.entries((selector as { matchLabels?: Record<string, string> }).matchLabels ?? {}).every(
          ([key, value]) => given.namespaceLabels[key] === value,
        );
      const allowed = policyRules.filter((rule) => matches(rule.namespaceSelector)).flatMap((rule) => rule.policies);
      const most = new Set([...defaultPolicies, ...allowed].map(inVault));
      expect(effectivePolicies.filter((policy) => !most.has(policy))).toEqual([]);
      expect(effectivePolicies).not.toContain('root');
      if (isAdmitted) admitted += 1;
    }),
    RUNS,
  );
  expect(admitted).toBeGreaterThan(RUNS.numRuns / 10);
});

test('removing a rule never adds a policy', () => {
  fc.assert(
    fc.property(situation, fc.nat(), (given, which) => {
      const { policyRules } = given.backend.spec.tenancy;
      const fewer = policyRules.filter((_, index) => index !== which % Math.max(policyRules.length, 1));
      const backend = {
        ...given.backend,
        spec: { ...given.backend.spec, tenancy: { ...given.backend.spec.tenancy, policyRules: fewer } },
      };
      const all = new Set(judge(given).effectivePolicies);
      expect(judge({ ...given, backend }).effectivePolicies.filter((policy) => !all.has(policy))).toEqual([]);
    }),
    RUNS,
  );
});

const hours = (text: string | undefined): number =>
  text === undefined ? 0 : text.endsWith('m') ? Number.parseInt(text, 10) * 60 : Number.parseInt(text, 10) * 3600;

test('no role exceeds a limit', () => {
  fc.assert(
    fc.property(situation, (given) => {
      const { limits } = given.backend.spec.tenancy;
      const document = documentOf(given) as unknown as Readonly<Record<string, number>>;
      for (const field of ['token_ttl', 'token_max_ttl', 'token_explicit_max_ttl'])
        expect(document[field]).toBeLessThanOrEqual(hours(limits.maxTTL));
      expect(document['token_max_ttl']).toBeGreaterThan(0);
      expect(document['token_ttl']).toBeLessThanOrEqual(document['token_max_ttl'] ?? 0);
      expect(document['token_period']).toBeLessThanOrEqual(hours(limits.maxPeriod));
      expect(limits.tokenTypes).toContain(document['token_type']);
      if (String(document['token_type']) === 'batch')
        expect([document['token_period'], document['token_num_uses']]).toEqual([0, 0]);
    }),
    RUNS,
  );
});

test('no role is retained in Vault unless the backend allows it, and the condition reports it', () => {
  let refused = 0;
  fc.assert(
    fc.property(situation, (given) => {
      const { backend, role } = given;
      const { allowRetain } = backend.spec.tenancy;
      if (!allowRetain) expect(isRetained(role, backend)).toBe(false);
      const { condition } = judge(given);
      const isRefused = role.spec.deletionPolicy === 'Retain' && role.spec.managementPolicy === 'Manage' && !allowRetain;
      if (isRefused) expect(condition.status).toBe('False');
      else expect(condition.reason).not.toBe('RetainNotAllowed');
      if (isRefused) refused += 1;
    }),
    RUNS,
  );
  expect(refused).toBeGreaterThan(0);
});

test('reading is idempotent', () => {
  fc.assert(
    fc.property(situation, ({ role, backend }) => {
      for (const [kind, resource] of [
        ['VaultAuthRole', role],
        ['VaultAuthBackend', backend],
      ] as const) {
        const again = readResource(kind, JSON.parse(JSON.stringify(resource)));
        expect(again).toEqual({ ok: true, resource });
      }
    }),
    { numRuns: 200 },
  );
});

test('a role that is exported from Vault describes the same role', () => {
  fc.assert(
    fc.property(situation, (given) => {
      const { type } = given.backend.spec;
      const document = documentOf(given);
      const { roles } = exportRole({ name: 'web', document }, { type, backend: given.backend.metadata.name, isClientJWT: false });
      fc.pre(roles.length === 1);
      const reading = readResource('VaultAuthRole', roles[0]?.manifest ?? {});
      if (!reading.ok) throw new Error(JSON.stringify(reading));
      const limits = {
        ...given.backend.spec.tenancy.limits,
        maxTTL: '0s',
        maxPeriod: '24h',
        tokenTypes: ['default', 'service', 'batch'] as const,
      };
      const backend = { ...given.backend, spec: { ...given.backend.spec, tenancy: { ...given.backend.spec.tenancy, limits } } };
      const again = roleDocument({
        backend,
        role: reading.resource,
        product: 'OpenBao',
        effectivePolicies: document['token_policies'] as string[],
      });
      expect(again).toEqual(document);
    }),
    RUNS,
  );
});
