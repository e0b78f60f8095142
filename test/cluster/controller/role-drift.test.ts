// Drift of a role: corrected and reported, and nothing is written without drift.
import { type JsonObject, objectAt, objectsOf, textOf } from '../../../src/json/json.ts';
import { collectionPath, objectPath } from '../../../src/resources/kinds.ts';
import { readObject, untilCondition } from '../../bed/controller.ts';
import { onEachProduct } from '../seeds/stage.ts';

import { backend, declare, FLAGS, inVault, messageOf, writes } from './role-stage.ts';
import { eventually } from '../../support/eventually.ts';

/** The change in Vault, by the field that the status must report. */
const DRIFT: Readonly<Record<'kubernetes' | 'jwt', Readonly<Record<string, JsonObject>>>> = {
  kubernetes: {
    bound_service_account_names: { bound_service_account_names: ['app', 'evil'] },
    bound_service_account_namespaces: { bound_service_account_namespaces: ['*'] },
    bound_service_account_namespace_selector: { bound_service_account_namespace_selector: '{"matchLabels":{"a":"b"}}' },
    audience: { audience: 'other' },
    alias_name_source: { alias_name_source: 'serviceaccount_name' },
    token_ttl: { token_ttl: 7 },
    token_max_ttl: { token_max_ttl: 999999 },
    token_explicit_max_ttl: { token_explicit_max_ttl: 60 },
    token_period: { token_period: 60 },
    token_policies: { policies: ['evil'] },
    token_bound_cidrs: { token_bound_cidrs: ['10.0.0.0/8'] },
    token_num_uses: { token_num_uses: 3 },
    token_no_default_policy: { token_no_default_policy: true },
    token_type: { token_type: 'batch' },
  },
  jwt: {
    bound_audiences: { role_type: 'jwt', bound_audiences: ['other'] },
    bound_subject: { role_type: 'jwt', bound_subject: 'system:serviceaccount:other:other' },
    bound_claims: { role_type: 'jwt', bound_claims: { sub: ['system:serviceaccount:other:other'] } },
    bound_claims_type: { role_type: 'jwt', bound_claims_type: 'glob' },
    user_claim: { role_type: 'jwt', user_claim: 'iss' },
    groups_claim: { role_type: 'jwt', groups_claim: 'groups' },
    claim_mappings: { role_type: 'jwt', claim_mappings: { sub: 'subject' } },
    expiration_leeway: { role_type: 'jwt', expiration_leeway: 3600 },
    not_before_leeway: { role_type: 'jwt', not_before_leeway: 3600 },
    clock_skew_leeway: { role_type: 'jwt', clock_skew_leeway: 3600 },
    token_policies: { role_type: 'jwt', token_policies: ['evil'] },
  },
};

onEachProduct(
  (stage) => {
    const namespaceOf = new Map<string, string>();
    const setUp = async (): Promise<string> => {
      const known = namespaceOf.get('team');
      if (known) return known;
      await backend(stage(), 'kubernetes');
      await backend(stage(), 'jwt', { type: 'jwt', jwt: {}, kubernetes: undefined as never });
      const namespace = await stage().bed.createNamespace({ labels: { roles: 'yes' } });
      namespaceOf.set('team', namespace);
      for (const name of ['kubernetes', 'jwt']) {
        await untilCondition(stage().bed, 'VaultAuthBackend', { name }, 'Mounted=True');
        await declare(stage(), namespace, name, { backendRef: { name }, serviceAccounts: ['app'] });
        await untilCondition(stage().bed, 'VaultAuthRole', { namespace, name }, 'Ready=True');
      }
      return namespace;
    };

    it.each(['kubernetes', 'jwt'] as const)(
      'corrects and reports drift in every field of a %s role',
      async (type) => {
        const { bed, vault } = stage();
        const namespace = await setUp();
        const fields = Object.entries(DRIFT[type]).map(([field, body]) => ({
          field,
          body,
          name: `${type}-${field.replaceAll('_', '-')}`,
        }));
        const pathOf = (name: string): string => `auth/${type}/role/test.${namespace}.${name}`;
        for (const { name } of fields)
          await declare(stage(), namespace, name, { backendRef: { name: type }, serviceAccounts: ['app'] });
        for (const { name } of fields) await untilCondition(bed, 'VaultAuthRole', { namespace, name }, 'Ready=True');
        const declared = await inVault(stage(), pathOf(fields[0]?.name ?? ''));
        const spoil = async (name: string, body: JsonObject): Promise<void> =>
          expect((await vault.ask('POST', pathOf(name), body)).status).toBeLessThan(300);
        for (const { name, body } of fields) {
          await spoil(name, body);
          expect(await inVault(stage(), pathOf(name))).not.toEqual(declared);
        }
        // A repair is reported until the next resync, here a second later: all are watched in parallel.
        const missing = new Set(fields.map(({ name }) => name));
        const fieldOf = new Map(fields.map(({ name, field }) => [name, field]));
        let spoiltAt = Date.now();
        await eventually(
          'every field is reported',
          async () => {
            const list = await bed.request<JsonObject>('GET', collectionPath('VaultAuthRole', namespace));
            for (const role of objectsOf(list['items'])) {
              const name = textOf(objectAt(role, 'metadata'), 'name') ?? '';
              if (messageOf(role, 'Programmed').includes(fieldOf.get(name) ?? '?')) missing.delete(name);
            }
            // A repair that was missed is repeated.
            if (Date.now() > spoiltAt + 15_000) {
              for (const { name, body } of fields) if (missing.has(name)) await spoil(name, body);
              spoiltAt = Date.now();
            }
            return missing.size === 0;
          },
          { state: () => [...missing].join(', ') },
        );
        for (const { field, name } of fields)
          await eventually(async () => expect((await inVault(stage(), pathOf(name)))?.[field]).toEqual(declared?.[field]));
      },
      300_000,
    );

    it('creates a deleted role again, and all roles after their mount was deleted', async () => {
      const { bed, vault } = stage();
      const namespace = await setUp();
      const path = `auth/kubernetes/role/test.${namespace}.kubernetes`;
      const accessor = async (): Promise<string | undefined> =>
        textOf(
          objectAt(objectAt(await readObject(bed, 'VaultAuthRole', { namespace, name: 'kubernetes' }), 'status'), 'vault'),
          'mountAccessor',
        );
      await vault.ask('DELETE', path);
      await eventually('the role is there', async () => (await vault.ask('GET', path)).status === 200);
      const before = await accessor();
      await vault.ask('DELETE', 'sys/auth/kubernetes');
      await eventually('the role is there on the new mount', async () => (await vault.ask('GET', path)).status === 200);
      await eventually('the status has the new accessor', async () => (await accessor()) !== before);
    });

    it('writes nothing without drift', async () => {
      const namespace = await setUp();
      for (const name of ['kubernetes', 'jwt'])
        await untilCondition(stage().bed, 'VaultAuthRole', { namespace, name }, 'Programmed=InSync');
      const { proxy } = stage();
      const reads = (): number => proxy.seen.filter(({ method, path }) => method === 'GET' && path.includes('/role/')).length;
      const [start, written] = [reads(), writes(stage()).length];
      await eventually('it has looked several times', () => reads() >= start + 6);
      expect(writes(stage()).slice(written)).toEqual([]);
    });

    it('reports whether an observed role admits its service accounts', async () => {
      const { bed, vault } = stage();
      const namespace = await setUp();
      await vault.ask('POST', 'auth/kubernetes/role/legacy', {
        bound_service_account_names: ['app-*'],
        bound_service_account_namespaces: [namespace],
        token_policies: ['legacy'],
      });
      const observed = { backendRef: { name: 'kubernetes' }, managementPolicy: 'Observe', vaultRoleName: 'legacy' };
      const written = writes(stage()).length;
      await declare(stage(), namespace, 'admitted', { ...observed, serviceAccounts: ['app-1'] });
      await declare(stage(), namespace, 'refused', { ...observed, serviceAccounts: ['other'] });
      const role = await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'admitted' }, 'Programmed=Observed');
      expect(objectAt(role, 'status')).toMatchObject({ effectivePolicies: ['legacy'] });
      const refused = await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'refused' }, 'Programmed=ObservedMismatch');
      expect(JSON.stringify(refused['status'])).not.toContain('app-*');
      await bed.request('DELETE', objectPath('VaultAuthRole', { namespace, name: 'admitted' }));
      await eventually(
        'the object is gone',
        async () => (await bed.exchange('GET', objectPath('VaultAuthRole', { namespace, name: 'admitted' }))).status === 404,
      );
      expect((await vault.ask('GET', 'auth/kubernetes/role/legacy')).status).toBe(200);
      expect(writes(stage()).slice(written)).toEqual([]);
    });
  },
  { flags: FLAGS, isAdministrator: true },
);
