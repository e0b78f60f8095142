// The login that a pod gets from its VaultAuthRole, VaultAuthBackend and VaultEndpoint.
import { podOptions } from '../../../src/admission/admit.ts';
import { objectAt, objectsOf } from '../../../src/json/json.ts';
import { typed, admit, contextOf } from '../../support/pods.ts';
import { bare, loginOf, loginWith, WEB, type Roles } from '../../support/linked-pods.ts';
import { backendSpec, linked, READY } from '../../support/linked-cluster.ts';

describe('a pod without Vault annotations', () => {
  it('gets its login from role, backend and endpoint', () => {
    const { outcome, pod, codes } = admit(bare(), linked({ roles: WEB }));
    expect([outcome.decision, codes]).toEqual(['injected', []]);
    expect(loginOf(pod)).toEqual({
      role: 'prod.shop.web',
      mount: 'auth/k8s/prod',
      type: 'kubernetes',
      address: 'https://bao.example:8200',
      namespace: 'teams',
      audience: 'vault://prod/k8s/prod',
      expirationSeconds: 900,
      ca: undefined,
    });
  });

  it('gets audience and expiration of its token from the role', () => {
    const roles = { web: { spec: { audience: 'web', tokenExpirationSeconds: 1200 }, status: READY } };
    expect(loginWith(bare(), { roles })).toMatchObject({ audience: 'web', expirationSeconds: 1200 });
  });

  it('gets at least the token expiration that the backend requires', () => {
    const backends = { main: backendSpec({ tenancy: { namespaceSelector: {}, limits: { minTokenExpirationSeconds: 3600 } } }) };
    expect(loginWith(bare(), { roles: WEB, backends }).expirationSeconds).toBe(3600);
  });

  it('gets a token for the API server in reviewer mode ClientJWT, whatever audience the role has', () => {
    const backends = { main: backendSpec({ kubernetes: { reviewer: { mode: 'ClientJWT' } } }) };
    const roles = { web: { spec: { audience: 'web' }, status: READY } };
    const { pod } = admit(bare(), linked({ roles, backends }));
    expect(loginOf(pod).audience).toBeUndefined();
    // The API server drops an empty audience: reinvocation must recognise the volume all the same.
    expect(admit(pod, linked({ roles, backends })).outcome.patch).toEqual([]);
  });

  it('uses the auth method of a jwt backend', () => {
    const backends = { main: backendSpec({ type: 'jwt', path: 'jwt', jwt: {} }) };
    expect(loginWith(bare(), { roles: WEB, backends })).toMatchObject({ type: 'jwt', mount: 'auth/jwt' });
  });

  it('gets workloadAddress and workloadCA of the endpoint', () => {
    const endpoints = {
      main: { address: 'https://inside:8200', workloadAddress: 'https://outside:8200', workloadCA: { inline: 'PEM' } },
    };
    expect(loginWith(bare(), { roles: WEB, endpoints })).toMatchObject({ address: 'https://outside:8200', ca: 'PEM' });
  });

  it.each([
    ['the CA that the controller published in the status', { workloadCA: 'FOUND' }, 'FOUND'],
    ['the CA of the settings until the first reconcile', {}, '-----BEGIN CERTIFICATE-----'],
  ])('trusts %s if the CA is in a Secret', (_, status, expected) => {
    const spec = { address: 'https://inside:8200', tls: { ca: { secretRef: { name: 'ca' } } } };
    const flags = ['-vault-cacert-bytes=-----BEGIN CERTIFICATE-----'];
    const { pod } = admit(bare(), linked({ roles: WEB, endpoints: { main: { spec, status } }, flags }));
    expect(loginOf(pod).ca).toBe(expected);
  });

  it('gets an empty patch on reinvocation', () => {
    const surrounding = linked({ roles: WEB });
    expect(admit(admit(bare(), surrounding).pod, surrounding).outcome.patch).toEqual([]);
  });

  it('gets it in mode token too', () => {
    const { pod } = admit(bare({ 'vaultauth.dev/mode': 'token' }), linked({ roles: WEB }));
    const variables = objectsOf(objectsOf(objectAt(pod, 'spec')?.['containers'])[0]?.['env']);
    expect(variables).toContainEqual({ name: 'VAULT_ROLE', value: 'prod.shop.web' });
    expect(variables).toContainEqual({ name: 'VAULT_AUTH_MOUNT', value: 'auth/k8s/prod' });
  });

  it('has the object that sets each option as its origin', () => {
    const context = contextOf(linked({ roles: WEB }));
    const pod = typed(bare());
    const { own, linked: byRole } = podOptions(pod, 'shop', context);
    const { origins } = byRole?.parsed ?? own;
    expect(origins.get('role')).toEqual({ layer: 'VaultAuthRole', object: 'shop/web' });
    expect(origins.get('authPath')).toEqual({ layer: 'VaultAuthBackend', object: 'main' });
    expect(origins.get('service')).toEqual({ layer: 'VaultEndpoint', object: 'main' });
  });
});

const binding = (...names: string[]): Roles =>
  Object.fromEntries(names.map((name) => [name, { spec: { serviceAccounts: ['web'] }, status: READY }]));

describe('the role of a pod', () => {
  it.each([
    [
      'is the only one that binds the service account',
      { api: { spec: { serviceAccounts: ['other', 'web'] }, status: READY } },
      {},
      'api',
    ],
    ['is the one with the name of the service account among several', binding('api', 'web'), {}, 'web'],
    ['is the one that the annotation names', binding('api', 'web'), { role: 'api' }, 'api'],
    ['is the one whose name in Vault the annotation has', binding('api', 'web'), { role: 'prod.shop.api' }, 'api'],
  ])('%s', (_, roles, annotations, expected) => {
    const { pod, codes } = admit(bare(annotations), linked({ roles }));
    expect([loginOf(pod).role, codes]).toEqual([`prod.shop.${expected}`, []]);
  });

  it('is ambiguous among several', () => {
    const { outcome, codes } = admit(bare(), linked({ roles: binding('api', 'jobs') }));
    expect([outcome.decision, codes]).toEqual(['denied', ['vault-role-ambiguous']]);
  });

  it('belongs to the backend that the pod names', () => {
    const roles = {
      api: { spec: { backendRef: { name: 'other' }, serviceAccounts: ['web'] }, status: READY },
      jobs: { spec: { serviceAccounts: ['web'] }, status: READY },
    };
    const backends = { main: backendSpec(), other: backendSpec({ isDefault: false, path: 'other' }) };
    const { pod, codes } = admit(bare({ 'vaultauth.dev/backend': 'other' }), linked({ roles, backends }));
    expect([loginOf(pod).mount, codes]).toEqual(['auth/other', []]);
  });

  it('belongs to the backend that the namespace names', () => {
    const backends = { main: backendSpec(), other: backendSpec({ isDefault: false, path: 'other' }) };
    const declared = { roles: WEB, backends, namespaceLabels: { 'vaultauth.dev/auth-backend': 'other' } };
    expect(loginWith(bare(), declared).mount).toBe('auth/other');
  });

  it('has its name in Vault if it is observed', () => {
    const roles = { web: { spec: { managementPolicy: 'Observe', vaultRoleName: 'legacy' }, status: READY } };
    expect(loginWith(bare(), { roles }).role).toBe('legacy');
    expect(loginWith(bare({ role: 'legacy' }), { roles }).role).toBe('legacy');
  });

  it('has a plain name if the backend has plain role names', () => {
    const backends = { main: backendSpec({ tenancy: { namespaceSelector: {}, roleNaming: 'Plain' } }) };
    expect(loginWith(bare(), { roles: WEB, backends }).role).toBe('web');
  });
});
