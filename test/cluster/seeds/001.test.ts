// Seed 001: a pod of the default service account logs in as the role "default".
import { type JsonObject, objectAt, textOf } from '../../../src/json/json.ts';
import { untilCondition } from '../../bed/controller.ts';
import { createPod, onEachProduct, tokenOf } from './stage.ts';
import { eventually } from '../../support/eventually.ts';

onEachProduct((stage) => {
  it('logs in a pod of the default service account, with what the seed prints', async () => {
    const { apply, bed, vault } = stage();
    await apply('001.yaml');
    await untilCondition(bed, 'VaultAuthBackend', { name: 'kubernetes' }, 'Ready=True');
    await untilCondition(bed, 'VaultAuthRole', { namespace: 'default', name: 'default' }, 'Ready=True');
    const role = await vault.ask('GET', 'auth/kubernetes/role/default');
    expect(objectAt(role.json, 'data')).toMatchObject({
      bound_service_account_names: ['default'],
      bound_service_account_namespaces: ['default'],
      token_ttl: 3600,
      token_policies: ['default'],
      audience: 'k3s',
    });

    await createPod(bed, 'default', 'login-app', 'default');
    const jwt = await tokenOf(bed, { namespace: 'default', serviceAccount: 'default', audience: 'k3s', pod: 'login-app' });
    let json: JsonObject = {};
    await eventually('the pod logs in', async () => {
      const answer = await vault.login('kubernetes', 'default', jwt);
      ({ json } = answer);
      return answer.status === 200;
    });
    const auth = objectAt(json, 'auth');
    expect(auth).toMatchObject({ lease_duration: 3600, renewable: true, policies: ['default'], token_policies: ['default'] });
    expect(objectAt(auth, 'metadata')).toMatchObject({
      role: 'default',
      service_account_name: 'default',
      service_account_namespace: 'default',
      service_account_uid: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    });
    // "only associated with the default policy, which does not grant access to any secrets"
    const secret = await vault.ask('GET', 'secret/data/anything', undefined, textOf(auth, 'client_token') ?? '');
    expect(secret.status).toBe(403);
  });

  it('keeps the reviewer in a Secret that Kubernetes fills', async () => {
    const { bed } = stage();
    const secrets = await bed.kubectl([
      'get',
      'secrets',
      '-n',
      'vault-auth-injector',
      '--field-selector',
      'type=kubernetes.io/service-account-token',
      '-o',
      'name',
    ]);
    expect(secrets.trim().split('\n')).toHaveLength(1);
  });
});
