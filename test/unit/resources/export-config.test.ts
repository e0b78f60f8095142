// What a manifest expresses of the configuration of a mount.
import type { JsonObject } from '../../../src/json/json.ts';
import type { VaultMount } from '../../../src/resources/export-mount.ts';
import { CONFIG, exported, ROLE } from './found.ts';

describe('a configuration', () => {
  it.each<[string, JsonObject, object, string]>([
    [
      'Local',
      { disable_local_ca_jwt: false, token_reviewer_jwt_set: false, kubernetes_ca_cert: '' },
      { reviewer: { mode: 'Local' }, ca: { source: 'FromCluster' } },
      '',
    ],
    ['ClientJWT', { token_reviewer_jwt_set: false }, { reviewer: { mode: 'ClientJWT' } }, ''],
    ['the CA certificates of the system', { kubernetes_ca_cert: '' }, { ca: { source: 'System' } }, ''],
    [
      'keys',
      { pem_keys: ['-----BEGIN PUBLIC KEY-----'] },
      { verifyKeys: { source: 'Given', pemKeys: ['-----BEGIN PUBLIC KEY-----'] } },
      '',
    ],
    ['an issuer', { disable_iss_validation: false, issuer: 'https://i' }, { issuer: 'https://i' }, ''],
    ['an issuer that is not validated', { issuer: 'https://i' }, { issuer: 'Ignore' }, 'is set and not validated'],
    ['issuer validation without issuer', { disable_iss_validation: false }, { issuer: 'Ignore' }, 'Vault compares nothing'],
    [
      'a stored token, and its own',
      { disable_local_ca_jwt: false },
      { reviewer: { mode: 'Rotated' } },
      'falls back to its own token',
    ],
    ['an old server', { token_reviewer_jwt_set: undefined }, { reviewer: { mode: 'ClientJWT' } }, 'does not return whether'],
  ])('of type kubernetes: %s', (_what, fields, expected, note) => {
    const { spec, notes } = exported({}, { config: { ...CONFIG, ...fields } });
    expect(spec['kubernetes']).toMatchObject(expected);
    expect(notes.join('\n')).toContain(note);
  });

  it.each<[string, JsonObject, object]>([
    ['Push', { jwt_validation_pubkeys: ['K'], bound_issuer: 'https://i' }, { keys: { source: 'Push' }, issuer: 'https://i' }],
    [
      'Discovery',
      { oidc_discovery_url: 'https://i', bound_issuer: '' },
      { keys: { source: 'Discovery', url: 'https://i' }, issuer: 'Discover' },
    ],
    ['OpenBaoKubernetes', { provider_config: { provider: 'kubernetes' } }, { keys: { source: 'OpenBaoKubernetes' } }],
  ])('of type jwt: %s', (_what, config, expected) => {
    expect(exported({}, { type: 'oidc', config }).spec).toMatchObject({ type: 'jwt', jwt: expected });
  });

  it.each<[string, Partial<VaultMount>, string]>([
    ['another type', { type: 'userpass' }, 'is of type userpass'],
    ['no configuration', { config: undefined }, 'was never configured'],
    ['several URLs', { type: 'jwt', config: { jwks_pairs: [{ jwks_url: 'a' }] } }, 'jwks_pairs'],
    ['browser flow', { type: 'oidc', config: { oidc_client_id: 'a' } }, 'browser flow'],
    ['a provider', { type: 'jwt', config: { provider_config: { provider: 'azure' } } }, '"azure"'],
  ])('with %s has no manifest', (_what, mount, reason) => {
    expect(exported({ web: ROLE }, mount)).toMatchObject({ manifests: [], notes: [expect.stringContaining(reason)] });
  });
});
