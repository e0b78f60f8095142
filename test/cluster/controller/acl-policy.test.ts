// VaultACLPolicy: templates, rejected texts, drift, ownership, deletion.
import { objectAt, textOf } from '../../../src/json/json.ts';
import { objectPath } from '../../../src/resources/kinds.ts';
import { conditionOf, readObject, untilCondition } from '../../bed/controller.ts';
import { onEachProduct } from '../seeds/stage.ts';
import { change, driftOf, has, isGone, policy, putIntoVault, READ, textInVault, writesOf } from './acl-policy-stage.ts';
import { untilReported } from './backend-support.ts';
import { accessorOf } from './fault-stage.ts';
import { backend, declare, FLAGS, messageOf } from './role-stage.ts';
import { eventually } from '../../support/eventually.ts';

const templated = (accessor: string | undefined): string =>
  `path "secret/data/{{identity.entity.aliases.${accessor}.metadata.service_account_namespace}}/*" { capabilities = ["read"] }`;

onEachProduct(
  (stage) => {
    const mounted = new Set<string>();
    const mount = async (name: string): Promise<void> => {
      if (mounted.has(name)) return;
      mounted.add(name);
      await backend(stage(), name);
      await untilCondition(stage().bed, 'VaultAuthBackend', { name }, 'Ready=True');
    };

    it('has the accessor of the mount, also after the mount was replaced', async () => {
      await mount('kube');
      await policy(stage(), 'own', { policy: templated('${auth.kube.accessor}') });
      const object = await has(stage(), 'own', 'Ready=True');
      const accessor = await accessorOf(stage().vault, 'kube');
      const uid = textOf(objectAt(object, 'metadata'), 'uid');
      expect(await textInVault(stage(), 'own')).toBe(
        `# Managed by vault-auth-injector: VaultACLPolicy own, ${uid}\n${templated(accessor)}`,
      );
      expect(objectAt(object, 'status')).toMatchObject({ accessors: [{ backend: 'kube', accessor }] });
      await stage().vault.ask('DELETE', 'sys/auth/kube');
      await eventually('the policy has the new accessor', async () => {
        const now = await accessorOf(stage().vault, 'kube');
        return now !== undefined && now !== accessor && (await textInVault(stage(), 'own'))?.endsWith(templated(now)) === true;
      });
      // That is not drift: the policy in Vault was not changed.
      expect(conditionOf(await has(stage(), 'own', 'Programmed=InSync'), 'Ready')).toMatchObject({ status: 'True' });
      const written = writesOf(stage(), 'own').length;
      await stage().bed.kubectl(['label', 'vaultaclpolicy', 'own', 'look=again']);
      await has(stage(), 'own', 'Programmed=InSync');
      expect(writesOf(stage(), 'own')).toHaveLength(written);
    }, 300_000);

    it('writes nothing while a variable cannot be resolved, and everything once it can', async () => {
      await policy(stage(), 'early', { policy: `${READ}\n# \${auth.late.accessor}` });
      await policy(stage(), 'odd', { policy: `${READ}\n# \${auth.kube.path}` });
      const early = await has(stage(), 'early', 'Accepted=TemplateUnresolved');
      expect(messageOf(early, 'Accepted')).toContain('late');
      expect(conditionOf(early, 'Ready')).toMatchObject({ status: 'False', reason: 'TemplateUnresolved' });
      expect(messageOf(await has(stage(), 'odd', 'Accepted=TemplateUnresolved'), 'Accepted')).toContain('${auth.kube.path}');
      expect([...writesOf(stage(), 'early'), ...writesOf(stage(), 'odd')]).toEqual([]);
      await mount('late');
      await has(stage(), 'early', 'Ready=True');
      expect(await textInVault(stage(), 'early')).toContain((await accessorOf(stage().vault, 'late')) ?? '?');
      expect(await textInVault(stage(), 'odd')).toBeUndefined();
    }, 300_000);

    it('keeps the policy in Vault while a changed text cannot be resolved', async () => {
      await policy(stage(), 'kept');
      await has(stage(), 'kept', 'Ready=True');
      const before = await textInVault(stage(), 'kept');
      await change(stage(), 'kept', { policy: `${READ}\n# \${auth.missing.accessor}` });
      await has(stage(), 'kept', 'Accepted=TemplateUnresolved');
      expect(await textInVault(stage(), 'kept')).toBe(before);
    });

    it('writes a privileged path only with spec.privileged', async () => {
      const paths = ['sys/*', 'auth/token/create', 'identity/entity', '*', '+/x', 's*', '/sys/mounts'];
      for (const [at, path] of paths.entries())
        await policy(stage(), `mighty-${at}`, { policy: `${READ}\npath "${path}" { capabilities = ["read"] }` });
      for (const [at, path] of paths.entries()) {
        const object = await has(stage(), `mighty-${at}`, 'Accepted=PrivilegedPath');
        expect(messageOf(object, 'Accepted')).toContain(path);
        expect(writesOf(stage(), `mighty-${at}`)).toEqual([]);
      }
      await change(stage(), 'mighty-0', { privileged: true });
      await has(stage(), 'mighty-0', 'Ready=True');
      expect(await textInVault(stage(), 'mighty-0')).toContain('sys/*');
    }, 300_000);

    it('writes a path into a child namespace only with spec.privileged', async () => {
      const { vault, product } = stage();
      const hasNamespaces = product === 'openbao';
      // Vault Community has no namespaces.
      for (const path of ['team', 'team/sub']) {
        const [parent, name] = path.split('/').length === 1 ? ['', path] : ['team/', 'sub'];
        expect((await vault.ask('POST', `${parent}sys/namespaces/${name}`, {})).status < 300).toBe(hasNamespaces);
      }
      const paths = ['team/sys/policies/acl/x', 'team/*', 'team/sub/auth/token/create', 'team/+/entity/id'];
      for (const [at, path] of paths.entries())
        await policy(stage(), `below-${at}`, { policy: `path "${path}" { capabilities = ["read"] }` });
      for (const [at, path] of paths.entries()) {
        const object = await has(stage(), `below-${at}`, hasNamespaces ? 'Accepted=PrivilegedPath' : 'Ready=True');
        expect(messageOf(object, 'Accepted').includes(`${JSON.stringify(path)} can reach`)).toBe(hasNamespaces);
        expect(writesOf(stage(), `below-${at}`)).toHaveLength(hasNamespaces ? 0 : 1);
      }
      // A mount may contain such a path.
      await policy(stage(), 'within', { policy: 'path "secret/data/auth/*" { capabilities = ["read"] }\npath "team/kv/x" {}' });
      await has(stage(), 'within', 'Ready=True');
      await change(stage(), 'below-0', { privileged: true });
      await has(stage(), 'below-0', 'Ready=True');
      expect(await textInVault(stage(), 'below-0')).toContain(paths[0]);
    });

    it('reports a text that the server rejects, and does not write it again', async () => {
      await policy(stage(), 'broken', { policy: 'path "secret/data/app" { capabilities = ["dance"] }', privileged: true });
      await has(stage(), 'broken', 'Accepted=InvalidPolicy');
      expect(await textInVault(stage(), 'broken')).toBeUndefined();
      await change(stage(), 'broken', { policy: READ });
      await has(stage(), 'broken', 'Ready=True');
    });

    it('corrects drift and reports it', async () => {
      await policy(stage(), 'drifting');
      await has(stage(), 'drifting', 'Ready=True');
      const declared = await textInVault(stage(), 'drifting');
      const spoil = (): Promise<unknown> =>
        putIntoVault(stage(), 'drifting', `${READ}\npath "secret/data/more" { capabilities = ["read"] }`);
      await untilReported(spoil, async () => {
        const object = await readObject(stage().bed, 'VaultACLPolicy', { name: 'drifting' });
        expect(conditionOf(object, 'Programmed')).toMatchObject({
          reason: 'Repaired',
          message: expect.stringContaining('policy, line 2') as unknown,
        });
      });
      expect(await textInVault(stage(), 'drifting')).toBe(declared);
      await stage().vault.ask('DELETE', 'sys/policies/acl/drifting');
      await eventually('it is there again', async () => (await textInVault(stage(), 'drifting')) === declared);
    }, 300_000);

    it('only reports drift with driftPolicy Report', async () => {
      await policy(stage(), 'reported', { driftPolicy: 'Report' });
      await has(stage(), 'reported', 'Ready=True');
      const other = 'path "secret/data/other" { capabilities = ["read"] }';
      await putIntoVault(stage(), 'reported', other);
      const object = await has(stage(), 'reported', 'Programmed=Drifted');
      expect(driftOf(object)).toEqual([{ field: 'policy, line 1', desired: READ, actual: other }]);
      expect(writesOf(stage(), 'reported')).toHaveLength(1);
      // A changed declaration is written.
      await change(stage(), 'reported', { policy: `${READ}\n# changed` });
      await has(stage(), 'reported', 'Ready=True');
      expect(await textInVault(stage(), 'reported')).toContain('# changed');
    }, 300_000);

    it('adopts a policy of another owner as adoption says', async () => {
      const theirs = 'path "secret/data/theirs" { capabilities = ["read"] }';
      await putIntoVault(stage(), 'foreign', theirs);
      await putIntoVault(stage(), 'same', READ);
      await putIntoVault(stage(), 'same-never', READ);
      await putIntoVault(stage(), 'conquered', theirs);
      await policy(stage(), 'foreign');
      await policy(stage(), 'same');
      await policy(stage(), 'same-never', { adoption: 'Never' });
      await policy(stage(), 'conquered', { adoption: 'Always' });
      expect(driftOf(await has(stage(), 'foreign', 'Programmed=NotOwned'))).not.toEqual([]);
      await has(stage(), 'same', 'Ready=True');
      await has(stage(), 'same-never', 'Programmed=NotOwned');
      await has(stage(), 'conquered', 'Ready=True');
      expect(await textInVault(stage(), 'foreign')).toBe(theirs);
      expect([...writesOf(stage(), 'foreign'), ...writesOf(stage(), 'same'), ...writesOf(stage(), 'same-never')]).toEqual([]);
      expect(await textInVault(stage(), 'conquered')).toContain(READ);
      await eventually('the overwritten fields are reported', async () =>
        (await stage().bed.kubectl(['events', '-n', 'default', '--for=vaultaclpolicy/conquered'])).includes('Overwritten'),
      );
      // A policy of another owner is not deleted either.
      await change(stage(), 'foreign', { deletionPolicy: 'Delete' });
      await has(stage(), 'foreign', 'Programmed=NotOwned');
      await stage().bed.kubectl(['delete', 'vaultaclpolicy', 'foreign']);
      expect(await textInVault(stage(), 'foreign')).toBe(theirs);
    }, 300_000);

    it('does not delete a policy that was replaced in Vault', async () => {
      const another = `# Managed by vault-auth-injector: VaultACLPolicy theirs, of-another-cluster\n${READ}`;
      const plain = 'path "secret/data/by-hand" { capabilities = ["read"] }';
      for (const [name, text] of Object.entries({ theirs: another, plain, own: undefined, adopted: undefined })) {
        const called = `going-${name}`;
        if (name === 'adopted') await putIntoVault(stage(), called, READ);
        await policy(stage(), called, { deletionPolicy: 'Delete', driftPolicy: 'Report' });
        await has(stage(), called, 'Ready=True');
        if (text !== undefined) await putIntoVault(stage(), called, text);
        await stage().bed.kubectl(['delete', 'vaultaclpolicy', called]);
        expect(await textInVault(stage(), called)).toBe(text);
      }
      await eventually('an Event reports it', async () =>
        (await stage().bed.kubectl(['events', '-n', 'default', '--for=vaultaclpolicy/going-theirs'])).includes('LeftInVault'),
      );
    });

    it('gives a name in Vault to the older object', async () => {
      await policy(stage(), 'first', { vaultName: 'wanted' });
      await has(stage(), 'first', 'Ready=True');
      await policy(stage(), 'second', { vaultName: 'wanted', policy: `${READ}\n# second` });
      expect(messageOf(await has(stage(), 'second', 'Accepted=NameTaken'), 'Accepted')).toContain('first');
      expect(await textInVault(stage(), 'wanted')).not.toContain('# second');
      await stage().bed.kubectl(['delete', 'vaultaclpolicy', 'first']);
      // It stays in Vault (Retain), with another owner for the second object.
      await has(stage(), 'second', 'Accepted=True');
    }, 300_000);

    it('is not deleted while a role uses it', async () => {
      const { bed } = stage();
      await mount('kube');
      const namespace = await bed.createNamespace({ labels: { roles: 'yes' } });
      await bed.request(
        'PATCH',
        objectPath('VaultAuthBackend', { name: 'kube' }),
        { spec: { tenancy: { policyRules: [{ policies: ['used'], namespaceSelector: {} }] } } },
        'application/merge-patch+json',
      );
      await policy(stage(), 'used', { deletionPolicy: 'Delete' });
      await has(stage(), 'used', 'Ready=True');
      await declare(stage(), namespace, 'user', { backendRef: { name: 'kube' }, serviceAccounts: ['app'], policies: ['used'] });
      await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'user' }, 'Ready=True');
      await bed.kubectl(['delete', 'vaultaclpolicy', 'used', '--wait=false']);
      await eventually('the user is reported', async () =>
        messageOf(await readObject(bed, 'VaultACLPolicy', { name: 'used' }), 'Deletable').includes(`${namespace}/user`),
      );
      expect(await textInVault(stage(), 'used')).toContain(READ);
      await bed.request('DELETE', objectPath('VaultAuthRole', { namespace, name: 'user' }));
      await eventually('it is gone', () => isGone(stage(), 'used'));
      expect(await textInVault(stage(), 'used')).toBeUndefined();
    }, 300_000);

    it('writes nothing in observe mode', async () => {
      await putIntoVault(stage(), 'seen', READ);
      await putIntoVault(stage(), 'seen-other', 'path "secret/data/theirs" { capabilities = ["read"] }');
      for (const name of ['seen', 'seen-other', 'seen-missing']) await policy(stage(), name, { managementPolicy: 'Observe' });
      await has(stage(), 'seen', 'Programmed=Observed');
      expect(driftOf(await has(stage(), 'seen-other', 'Programmed=ObservedMismatch'))).toHaveLength(1);
      await has(stage(), 'seen-missing', 'Programmed=PolicyMissing');
      for (const name of ['seen', 'seen-other', 'seen-missing']) expect(writesOf(stage(), name)).toEqual([]);
      await change(stage(), 'seen', { deletionPolicy: 'Delete' });
      await has(stage(), 'seen', 'Programmed=Observed');
      await stage().bed.kubectl(['delete', 'vaultaclpolicy', 'seen']);
      expect(await textInVault(stage(), 'seen')).toBe(READ);
    }, 300_000);
  },
  { flags: FLAGS, isAdministrator: true },
);
