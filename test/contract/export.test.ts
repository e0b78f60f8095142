// The command export on real mounts: it prints what Vault stores, and writes nothing.
import { parseAllDocuments } from 'yaml';
import { exportCommand } from '../../src/cli/export.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { differences } from '../../src/resources/canonical.ts';
import { kubernetesConfig } from '../../src/resources/config-document.ts';
import { kindOf, readResource, type Resources } from '../../src/resources/read-resource.ts';
import { roleDocument } from '../../src/resources/role-document.ts';
import { vaultRoleName } from '../../src/resources/role-name.ts';
import { evaluateTenancy } from '../../src/resources/tenancy.ts';
import { readConfig, writeConfig } from '../../src/vault/mounts.ts';
import { readRole, writeRole } from '../../src/vault/roles.ts';
import { kubernetesBackend } from '../support/objects.ts';
import { runCommand, type CommandResult } from '../unit/cli/run-command.ts';
import { type ContractServer, onEachServer, type ProductName } from './servers.ts';

const PRODUCT = { openbao: 'OpenBao', vault: 'Vault' } as const satisfies Readonly<Record<ProductName, string>>;
const binding = (names: readonly string[], namespaces: readonly string[]): JsonObject => ({
  bound_service_account_names: names,
  bound_service_account_namespaces: namespaces,
});

const ROLES: Readonly<Record<string, JsonObject>> = {
  web: {
    ...binding(['web', 'worker'], ['team']),
    audience: 'vault',
    token_policies: ['B', 'a'],
    token_ttl: '90m',
    token_max_ttl: '100h',
  },
  old_style: { ...binding(['old'], ['team']), audience: 'vault', policies: ['a'], ttl: 60 },
  batch: { ...binding(['job'], ['jobs']), audience: 'vault', token_type: 'batch', alias_name_source: 'serviceaccount_name' },
  bound: {
    ...binding(['web'], ['jobs']),
    audience: 'vault',
    token_period: 600,
    token_bound_cidrs: ['10.0.0.1/32', '10.0.0.0/8'],
    token_num_uses: 3,
    token_no_default_policy: true,
  },
  bare: binding(['web'], ['bare']),
  shared: { ...binding(['web'], ['a', 'b']), audience: 'vault' },
  glob: { ...binding(['app-*'], ['team']), audience: 'vault' },
  everybody: { ...binding(['*'], ['team']), audience: 'vault' },
  selected: { ...binding(['web'], ['team']), bound_service_account_namespace_selector: '{"matchLabels":{"a":"b"}}' },
};

/** The printed objects. */
const printed = (out: string): readonly JsonObject[] =>
  parseAllDocuments(out).flatMap((document) => {
    const value: unknown = document.toJS();
    return value === null ? [] : [value as JsonObject];
  });
const resourceOf = <Kind extends 'VaultAuthBackend' | 'VaultAuthRole'>(
  kind: Kind,
  object: JsonObject | undefined,
): Resources[Kind] => {
  const reading = readResource(kind, object ?? {});
  if (!reading.ok) throw new Error(reading.problems.join('; '));
  return reading.resource;
};

onEachServer(
  [],
  () => Promise.resolve(),
  (product, server) => {
    const run = ({ address, bed }: ContractServer, ...words: readonly string[]): Promise<CommandResult> =>
      runCommand(exportCommand, ['-cluster', 'prod', ...words], {
        environment: { VAULT_ADDR: address, VAULT_TOKEN: bed[product]?.rootToken ?? '' },
      });
    const prepared = async (): Promise<string> => {
      const { root, mount, bed } = server();
      const path = await mount('kubernetes');
      const backend = kubernetesBackend({}, { reviewer: { mode: 'ClientJWT' } });
      await writeConfig(root, path, {
        ...kubernetesConfig({ backend, product: PRODUCT[product], ca: bed.ca, pemKeys: [] }),
        token_reviewer_jwt: 'a.b.c',
      });
      for (const [name, document] of Object.entries(ROLES)) await writeRole(root, path, name, document);
      return path;
    };

    it('prints the stored fields as manifests, and reports all others', async () => {
      const { root, bed } = server();
      const path = await prepared();
      const { code, out, errors } = await run(server(), '-path', `auth/${path}/`, '-name', 'exported');
      expect(code).toBe(0);
      expect(errors.join('\n')).toMatch(/role everybody: not expressed: binds by the pattern "\*"/);
      expect(errors.join('\n')).toMatch(/role glob: not expressed: binds by the pattern "app-\*"/);
      expect(errors.join('\n')).toMatch(/role selected: not expressed: binds namespaces by a selector/);
      expect(errors.join('\n')).toMatch(/role shared: binds 2 namespaces/);
      expect(errors.join('\n')).toMatch(/role old_style: has deprecated fields \(policies, ttl\)/);
      expect(errors.at(-1)).toBe('vault-auth-injector export: 7 roles printed, 3 not expressed');
      expect(out).toContain('# binds 2 namespaces');
      expect(out).not.toContain('a.b.c');

      const [first, ...others] = printed(out);
      expect([first, ...others].map((object) => object && kindOf(object))).toEqual([
        'VaultAuthBackend',
        ...others.map(() => 'VaultAuthRole'),
      ]);
      const backend = resourceOf('VaultAuthBackend', first);
      expect(backend.spec).toMatchObject({ managementPolicy: 'Observe', path, mount: { create: false } });
      const config = kubernetesConfig({ backend, product: PRODUCT[product], ca: bed.ca, reviewerToken: 'x', pemKeys: [] });
      expect(differences(config, (await readConfig(root, path)) ?? {}, 'kubernetesConfig')).toEqual([]);

      const drift = new Map<string, readonly string[]>();
      for (const object of others) {
        const role = resourceOf('VaultAuthRole', object);
        const namespaceLabels = { 'kubernetes.io/metadata.name': role.metadata.namespace ?? '' };
        const verdict = evaluateTenancy({
          backend,
          role,
          namespaceLabels,
          policyName: () => undefined,
          olderRoles: 0,
          nameHolder: undefined,
          product: PRODUCT[product],
        });
        expect([role.metadata.name, verdict.condition.reason]).toEqual([role.metadata.name, 'Accepted']);
        const want = roleDocument({ backend, role, product: PRODUCT[product], effectivePolicies: verdict.effectivePolicies });
        const got = (await readRole(root, path, vaultRoleName(backend, role))) ?? {};
        drift.set(
          `${role.metadata.namespace}/${role.metadata.name}`,
          differences(want, got, 'kubernetesRole').map(({ field }) => field),
        );
      }
      // Only the reported roles differ: one for two namespaces, and one without audience.
      expect(Object.fromEntries(drift)).toEqual({
        'a/shared': ['bound_service_account_namespaces'],
        'b/shared': ['bound_service_account_namespaces'],
        'bare/bare': ['audience'],
        'jobs/batch': [],
        'jobs/bound': [],
        'team/old-style': [],
        'team/web': [],
      });
    });

    it('lists the mounts for an unknown one, and reports errors in its own words', async () => {
      const path = await server().mount('jwt');
      expect(await run(server(), '-path', 'nowhere')).toMatchObject({
        code: 1,
        errors: [expect.stringMatching(new RegExp(`no auth mount "nowhere"; existing mounts: .*${path} \\(jwt\\)`))],
      });
      expect(await run(server(), '-path', path)).toMatchObject({
        code: 1,
        errors: [expect.stringContaining('was never configured'), expect.any(String)],
      });
      const { address } = server();
      const denied = await runCommand(exportCommand, ['-cluster', 'prod', '-path', path, '-address', address], {
        environment: { VAULT_TOKEN: 'canary-token' },
      });
      expect(denied).toMatchObject({ code: 1, errors: [expect.stringContaining('permission denied')] });
      expect(denied.errors.join()).not.toContain('canary-token');
      expect(await runCommand(exportCommand, ['-path', 'a'])).toMatchObject({
        code: 2,
        errors: [
          expect.stringContaining('-cluster'),
          expect.stringContaining('VAULT_ADDR'),
          expect.stringContaining('VAULT_TOKEN'),
        ],
      });
      expect(await runCommand(exportCommand, ['-help'])).toMatchObject({ code: 0, out: expect.stringContaining('-token-file') });
    });
  },
);
