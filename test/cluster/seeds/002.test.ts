// Seed 002: services exchange their service account's token for a token of Vault that is scoped to them.
import { objectAt, textOf, type JsonObject } from '../../../src/json/json.ts';
import { untilCondition } from '../../bed/controller.ts';
import { onEachProduct, tokenOf } from './stage.ts';
import { eventually } from '../../support/eventually.ts';

onEachProduct((stage) => {
  it('gives the service a token that reads its own secrets and nothing else', async () => {
    const { apply, bed, vault } = stage();
    await vault.ask('POST', 'sys/mounts/my-app', { type: 'kv' });
    await vault.ask('POST', 'my-app/config', { password: 'seed' });
    const namespace = await bed.createNamespace({ labels: { team: 'my-team' } });
    await apply('002.yaml', { NAMESPACE: namespace });
    await untilCondition(bed, 'VaultAuthBackend', { name: 'kubernetes' }, 'Ready=True');
    const role = await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'my-app' }, 'Ready=True');
    const place = objectAt(objectAt(role, 'status'), 'vault');
    expect(place).toMatchObject({ roleName: `vke.${namespace}.my-app`, loginPath: 'auth/kubernetes/login' });
    const audience = textOf(objectAt(objectAt(role, 'status'), 'binding'), 'audience') ?? '';
    const jwt = await tokenOf(bed, { namespace, serviceAccount: 'my-sa', audience });

    let json: JsonObject = {};
    await eventually('the service logs in', async () => {
      const answer = await vault.login('kubernetes', textOf(place, 'roleName') ?? '', jwt);
      ({ json } = answer);
      return answer.status === 200;
    });
    const auth = objectAt(json, 'auth');
    expect(auth).toMatchObject({ policies: ['default', 'my-app'] });
    const token = textOf(auth, 'client_token') ?? '';
    const own = await vault.ask('GET', 'my-app/config', undefined, token);
    expect(objectAt(own.json, 'data')).toEqual({ password: 'seed' });
    expect((await vault.ask('POST', 'my-app/config', { password: 'x' }, token)).status).toBe(403);
    expect((await vault.ask('GET', 'secret/data/other', undefined, token)).status).toBe(403);
  });

  it('binds only the reviewer to system:auth-delegator', async () => {
    const { bed } = stage();
    const bindings = await bed.request<{ readonly items: readonly JsonObject[] }>(
      'GET',
      '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
    );
    const ours = bindings.items.filter(
      ({ roleRef, metadata }) =>
        textOf(roleRef as JsonObject, 'name') === 'system:auth-delegator' &&
        !textOf(metadata as JsonObject, 'name')?.startsWith('system:'),
    );
    expect(ours.map(({ subjects }) => subjects)).toEqual([
      [expect.objectContaining({ kind: 'ServiceAccount', namespace: 'vault-auth-injector', name: 'vault-auth' })],
    ]);
  });
});
