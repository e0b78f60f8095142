// What is written as configuration of a mount, literally, for every mode; and its tuning.
import { jwtConfig, kubernetesConfig, tuneDocument } from '../../../src/resources/config-document.ts';
import { jwtBackend, kubernetesBackend } from '../../support/objects.ts';

const SECRET = { secretRef: { name: 'reviewer' } };

const configOf = (kubernetes: object, more: object = {}, spec: object = {}, product: 'Vault' | 'OpenBao' = 'OpenBao') =>
  kubernetesConfig({
    backend: kubernetesBackend(spec, kubernetes),
    product,
    ca: 'CA',
    reviewerToken: 'TOKEN',
    pemKeys: [],
    ...more,
  });

const jwtConfigOf = (jwt: object, more: object = {}) =>
  jwtConfig({ backend: jwtBackend({}, jwt), keys: ['KEY'], ca: 'CA', issuer: 'https://issuer', ...more });

describe('the configuration of a mount of type kubernetes', () => {
  it('uses the own token and CA of a Vault server in this cluster', () => {
    expect(configOf({ host: undefined })).toEqual({
      kubernetes_host: 'https://kubernetes.default.svc',
      kubernetes_ca_cert: '',
      token_reviewer_jwt: '',
      pem_keys: [],
      issuer: '',
      disable_iss_validation: true,
      disable_local_ca_jwt: false,
    });
  });

  it.each([
    ['Local', {}, '', '', false],
    [
      'Local, with an authority that is given',
      { ca: { source: 'Given', inline: '-----BEGIN CERTIFICATE-----' } },
      'CA',
      '',
      false,
    ],
    ['ClientJWT', { reviewer: { mode: 'ClientJWT' } }, 'CA', '', true],
    ['LongLivedSecret', { reviewer: { mode: 'LongLivedSecret' } }, 'CA', 'TOKEN', true],
    ['Rotated', { reviewer: { mode: 'Rotated' } }, 'CA', 'TOKEN', true],
    ['SecretRef', { reviewer: { mode: 'SecretRef', ...SECRET } }, 'CA', 'TOKEN', true],
  ])('%s: authority, token, and whether the own token is switched off', (_what, kubernetes, ca, token, isOff) => {
    expect(configOf(kubernetes)).toMatchObject({
      kubernetes_ca_cert: ca,
      token_reviewer_jwt: token,
      disable_local_ca_jwt: isOff,
    });
  });

  it('sets issuer and issuer validation together', () => {
    expect(configOf({ issuer: 'https://issuer' })).toMatchObject({ issuer: 'https://issuer', disable_iss_validation: false });
    expect(configOf({ issuer: 'Discover' }, { issuer: 'https://found' })).toMatchObject({
      issuer: 'https://found',
      disable_iss_validation: false,
    });
    expect(() => configOf({ issuer: 'Discover' })).toThrow('the issuer is not discovered yet');
  });

  it('sends use_annotations_as_alias_metadata only to Vault', () => {
    const spec = { aliasMetadata: { fromAnnotations: true } };
    expect(configOf({}, {}, spec, 'Vault')).toHaveProperty('use_annotations_as_alias_metadata', true);
    expect(configOf({}, {}, {}, 'Vault')).toHaveProperty('use_annotations_as_alias_metadata', false);
    expect(configOf({}, {}, spec)).not.toHaveProperty('use_annotations_as_alias_metadata');
  });

  it('has the given keys', () => expect(configOf({}, { pemKeys: ['KEY'] })).toMatchObject({ pem_keys: ['KEY'] }));

  it('is rejected for a backend of type jwt', () => {
    expect(() => kubernetesConfig({ backend: jwtBackend(), product: 'Vault', pemKeys: [] })).toThrow('not of type kubernetes');
  });
});

describe('the configuration of a mount of type jwt', () => {
  const empty = {
    oidc_discovery_url: '',
    oidc_discovery_ca_pem: '',
    jwks_url: '',
    jwks_ca_pem: '',
    jwt_validation_pubkeys: [],
    jwt_supported_algs: [],
    default_role: '',
    provider_config: {},
    bound_issuer: 'https://issuer',
  };

  it.each([
    ['Push', {}, { jwt_validation_pubkeys: ['KEY'] }],
    ['Discovery', { keys: { source: 'Discovery' } }, { oidc_discovery_url: 'https://issuer', oidc_discovery_ca_pem: 'CA' }],
    [
      'Discovery elsewhere',
      { keys: { source: 'Discovery', url: 'https://other' } },
      { oidc_discovery_url: 'https://other', oidc_discovery_ca_pem: 'CA' },
    ],
    ['JWKS', { keys: { source: 'JWKS', url: 'https://keys' } }, { jwks_url: 'https://keys', jwks_ca_pem: 'CA' }],
    ['OpenBaoKubernetes', { keys: { source: 'OpenBaoKubernetes' } }, { provider_config: { provider: 'kubernetes' } }],
  ])('%s has one source of keys', (_what, jwt, fields) => expect(jwtConfigOf(jwt)).toEqual({ ...empty, ...fields }));

  it('has the given issuer', () => expect(jwtConfigOf({ issuer: 'https://own' })).toMatchObject({ bound_issuer: 'https://own' }));

  it('is not written before keys and issuer are discovered', () => {
    expect(() => jwtConfigOf({}, { keys: [] })).toThrow('the keys are not discovered yet');
    expect(() => jwtConfig({ backend: jwtBackend(), keys: ['KEY'] })).toThrow('the issuer is not discovered yet');
    expect(() => jwtConfig({ backend: kubernetesBackend(), keys: ['KEY'] })).toThrow('not of type jwt');
  });
});

describe('tuning', () => {
  it('contains only the fields in the spec', () => {
    expect(tuneDocument(kubernetesBackend())).toEqual({});
    const mount = {
      description: '',
      tune: { defaultLeaseTTL: '0s', maxLeaseTTL: '1h30m', listingVisibility: 'hidden', tokenType: 'default-batch' },
    };
    expect(tuneDocument(kubernetesBackend({ mount }))).toEqual({
      description: '',
      default_lease_ttl: 0,
      max_lease_ttl: 5400,
      listing_visibility: 'hidden',
      token_type: 'default-batch',
    });
  });
});
