// Tenancy: a role that is not admitted does not stay in Vault, and a role of another owner is not touched.
import { type JsonObject, objectAt, objectsOf, textOf } from '../../../src/json/json.ts';
import { objectPath } from '../../../src/resources/kinds.ts';
import { untilCondition } from '../../bed/controller.ts';
import { onEachProduct, type Stage } from '../seeds/stage.ts';
import { backend, change, declare, FLAGS, inVault, messageOf } from './role-stage.ts';
import { eventually } from '../../support/eventually.ts';

/** The backend of most tests. */
const untilKubernetes = async (stage: Stage): Promise<void> => {
  if ((await stage.bed.exchange('GET', objectPath('VaultAuthBackend', { name: 'kubernetes' }))).status !== 200)
    await backend(stage, 'kubernetes');
  await untilCondition(stage.bed, 'VaultAuthBackend', { name: 'kubernetes' }, 'Mounted=True');
};

const retain = (stage: Stage, name: string, allowRetain: boolean): Promise<unknown> =>
  change(stage, 'VaultAuthBackend', { name }, { spec: { tenancy: { allowRetain } } });

onEachProduct(
  (stage) => {
    it('deletes a role whose namespace is no longer admitted, and creates it again', async () => {
      const { bed, vault } = stage();
      await untilKubernetes(stage());
      const namespace = await bed.createNamespace({ labels: { roles: 'yes' } });
      await declare(stage(), namespace, 'app', { backendRef: { name: 'kubernetes' } });
      await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'app' }, 'Ready=True');
      const path = `auth/kubernetes/role/test.${namespace}.app`;
      await bed.kubectl(['label', 'namespace', namespace, 'roles-']);
      await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'app' }, 'Accepted=NamespaceNotAllowed');
      await eventually('the role is gone', async () => (await vault.ask('GET', path)).status === 404);
      await bed.kubectl(['label', 'namespace', namespace, 'roles=yes']);
      await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'app' }, 'Ready=True');
      expect((await vault.ask('GET', path)).status).toBe(200);
    });

    it('grants only allowed policies, and revokes those that are no longer allowed', async () => {
      const { bed, vault } = stage();
      await backend(stage(), 'rules', {
        tenancy: { policyRules: [{ policies: ['external:a', 'external:b'], namespaceSelector: {} }] },
      });
      const namespace = await bed.createNamespace({ labels: { roles: 'yes' } });
      await declare(stage(), namespace, 'app', { backendRef: { name: 'rules' }, policies: ['external:a', 'external:b'] });
      await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'app' }, 'Ready=True');
      const path = `auth/rules/role/test.${namespace}.app`;
      expect(await inVault(stage(), path)).toMatchObject({ token_policies: ['a', 'b'] });
      await change(
        stage(),
        'VaultAuthBackend',
        { name: 'rules' },
        {
          spec: {
            tenancy: { policyRules: [{ policies: ['external:a'], namespaceSelector: {} }], limits: { maxTTL: '1h' } },
            defaults: { token: { ttl: '10m', maxTTL: '1h' } },
          },
        },
      );
      const role = await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'app' }, 'Accepted=PolicyNotAllowed');
      expect(messageOf(role, 'Accepted')).toContain('external:b');
      await eventually(
        'Vault has what is allowed',
        async () => JSON.stringify((await inVault(stage(), path))?.['token_policies']) === '["a"]',
      );
      expect(await inVault(stage(), path)).toMatchObject({ token_max_ttl: 3600 });
      expect((await vault.ask('GET', path)).status).toBe(200);
    });

    it('adopts a role of another owner as adoption says', async () => {
      const { bed, vault } = stage();
      await untilKubernetes(stage());
      const namespace = await bed.createNamespace({ labels: { roles: 'yes' } });
      const path = (name: string): string => `auth/kubernetes/role/test.${namespace}.${name}`;
      const foreign = {
        bound_service_account_names: ['x'],
        bound_service_account_namespaces: ['y'],
        token_policies: ['foreign'],
      };
      await vault.ask('POST', path('app'), foreign);
      await declare(stage(), namespace, 'app', { backendRef: { name: 'kubernetes' } });
      const other = await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'app' }, 'Programmed=NotOwned');
      // The content of another owner's role is not shown.
      expect(JSON.stringify(other['status'])).not.toContain('foreign');
      await bed.request('DELETE', objectPath('VaultAuthRole', { namespace, name: 'app' }));
      await eventually(
        'the object is gone',
        async () => (await bed.exchange('GET', objectPath('VaultAuthRole', { namespace, name: 'app' }))).status === 404,
      );
      expect(await inVault(stage(), path('app'))).toMatchObject({ token_policies: ['foreign'] });

      // As after a restored backup: the role is in Vault as declared, and the status has no owner.
      await retain(stage(), 'kubernetes', true);
      await declare(stage(), namespace, 'again', { backendRef: { name: 'kubernetes' }, deletionPolicy: 'Retain' });
      await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'again' }, 'Ready=True');
      await bed.request('DELETE', objectPath('VaultAuthRole', { namespace, name: 'again' }));
      await eventually(
        'the object is gone',
        async () => (await bed.exchange('GET', objectPath('VaultAuthRole', { namespace, name: 'again' }))).status === 404,
      );
      expect((await vault.ask('GET', path('again'))).status).toBe(200);
      await retain(stage(), 'kubernetes', false);
      await declare(stage(), namespace, 'again', { backendRef: { name: 'kubernetes' } });
      await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'again' }, 'Ready=True');

      await backend(stage(), 'always', { adoption: 'Always' });
      await untilCondition(bed, 'VaultAuthBackend', { name: 'always' }, 'Mounted=True');
      await vault.ask('POST', `auth/always/role/test.${namespace}.app`, foreign);
      await declare(stage(), namespace, 'app', { backendRef: { name: 'always' } });
      await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'app' }, 'Ready=True');
      await eventually('the overwritten fields are reported', async () => {
        const events = await bed.request<JsonObject>('GET', `/apis/events.k8s.io/v1/namespaces/${namespace}/events`);
        const overwritten = objectsOf(events['items']).filter(({ reason }) => reason === 'Overwritten');
        return overwritten.some((event) => textOf(event, 'note')?.includes('token_policies') === true);
      });
    }, 300_000);

    it('retains a role after its deletion only if the backend allows it', async () => {
      const { bed, vault } = stage();
      await backend(stage(), 'retaining');
      await untilCondition(bed, 'VaultAuthBackend', { name: 'retaining' }, 'Mounted=True');
      const namespace = await bed.createNamespace({ labels: { roles: 'yes' } });
      const remove = async (name: string): Promise<number> => {
        await bed.request('DELETE', objectPath('VaultAuthRole', { namespace, name }));
        await eventually(
          'the object is gone',
          async () => (await bed.exchange('GET', objectPath('VaultAuthRole', { namespace, name }))).status === 404,
        );
        return (await vault.ask('GET', `auth/retaining/role/test.${namespace}.${name}`)).status;
      };
      const spec = { backendRef: { name: 'retaining' }, deletionPolicy: 'Retain' };
      await declare(stage(), namespace, 'forbidden', spec);
      const role = await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'forbidden' }, 'Accepted=RetainNotAllowed');
      expect(messageOf(role, 'Accepted')).toContain('spec.tenancy.allowRetain');
      // It works while its object exists.
      await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'forbidden' }, 'Programmed=True');
      expect(await remove('forbidden')).toBe(404);

      // Observe on an owned role would have the same effect.
      await declare(stage(), namespace, 'observed', { backendRef: { name: 'retaining' } });
      await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'observed' }, 'Ready=True');
      await change(stage(), 'VaultAuthRole', { namespace, name: 'observed' }, { spec: { managementPolicy: 'Observe' } });
      await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'observed' }, 'Programmed=Observed');
      expect(await remove('observed')).toBe(404);

      await retain(stage(), 'retaining', true);
      await declare(stage(), namespace, 'allowed', spec);
      await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'allowed' }, 'Ready=True');
      expect(await remove('allowed')).toBe(200);

      // The change applies to existing roles.
      await declare(stage(), namespace, 'late', spec);
      await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'late' }, 'Ready=True');
      await retain(stage(), 'retaining', false);
      await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'late' }, 'Accepted=RetainNotAllowed');
      expect(await remove('late')).toBe(404);
    }, 60_000);

    it('gives a plain name to the older of two roles, and to the other one after its deletion', async () => {
      const { bed, vault } = stage();
      await backend(stage(), 'plain', { tenancy: { roleNaming: 'Plain' } });
      const [first, second] = [
        await bed.createNamespace({ labels: { roles: 'yes' } }),
        await bed.createNamespace({ labels: { roles: 'yes' } }),
      ];
      await declare(stage(), first, 'web', { backendRef: { name: 'plain' } });
      await untilCondition(bed, 'VaultAuthRole', { namespace: first, name: 'web' }, 'Ready=True');
      await declare(stage(), second, 'web', { backendRef: { name: 'plain' } });
      await untilCondition(bed, 'VaultAuthRole', { namespace: second, name: 'web' }, 'Accepted=NameTaken');
      expect(await inVault(stage(), 'auth/plain/role/web')).toMatchObject({ bound_service_account_namespaces: [first] });
      await bed.request('DELETE', objectPath('VaultAuthRole', { namespace: first, name: 'web' }));
      await untilCondition(bed, 'VaultAuthRole', { namespace: second, name: 'web' }, 'Ready=True');
      expect(await inVault(stage(), 'auth/plain/role/web')).toMatchObject({ bound_service_account_namespaces: [second] });
      expect((await vault.ask('GET', 'auth/plain/role/web')).status).toBe(200);
    });

    it('D2: does not follow a claim that someone wrote into the status', async () => {
      const { bed, vault } = stage();
      await untilKubernetes(stage());
      await backend(stage(), 'claims', { tenancy: { roleNaming: 'Plain' } });
      await untilCondition(bed, 'VaultAuthBackend', { name: 'claims' }, 'Mounted=True');
      const labels = { roles: 'yes' };
      const [victim, tenant] = [await bed.createNamespace({ labels }), await bed.createNamespace({ labels })];
      await declare(stage(), victim, 'app', { backendRef: { name: 'kubernetes' } });
      await untilCondition(bed, 'VaultAuthRole', { namespace: victim, name: 'app' }, 'Ready=True');
      await vault.ask('POST', 'auth/claims/role/by-hand', {
        bound_service_account_names: ['app'],
        bound_service_account_namespaces: [victim],
      });
      const own = { namespace: tenant, name: 'own' };
      const forged = async (backendName: string, roleName: string): Promise<void> => {
        await declare(stage(), tenant, 'own', { backendRef: { name: backendName } });
        const role = await untilCondition(bed, 'VaultAuthRole', own, 'Ready=True');
        const claim = { ...objectAt(objectAt(role, 'status'), 'vault'), roleName, owned: true };
        const path = `${objectPath('VaultAuthRole', own)}/status`;
        await bed.request('PATCH', path, { status: { vault: claim } }, 'application/merge-patch+json');
        await bed.request('DELETE', objectPath('VaultAuthRole', own));
        await eventually('it is gone', async () => (await bed.exchange('GET', objectPath('VaultAuthRole', own))).status === 404);
      };
      await forged('kubernetes', `test.${victim}.app`);
      await forged('claims', 'by-hand');
      // A wrong deletion would be corrected at the next resync of the victim; the hand-made role has no object.
      expect((await vault.ask('GET', 'auth/claims/role/by-hand')).status).toBe(200);
      expect(await inVault(stage(), `auth/kubernetes/role/test.${victim}.app`)).toMatchObject({
        bound_service_account_namespaces: [victim],
      });
      const events = await bed.kubectl(['events', '-n', tenant, '--for=vaultauthrole/own']);
      expect(events).not.toContain('RemovedFromVault');
    }, 60_000);
  },
  { flags: FLAGS, isAdministrator: true },
);
