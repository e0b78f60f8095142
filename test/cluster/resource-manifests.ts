// Manifests of the four kinds that an API server must take, and others that it must refuse, with a part of what it then says.
import type { JsonObject } from '../../src/json/json.ts';
import { API_VERSION, type KindName } from '../../src/resources/kinds.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n';

/** The smallest manifest of each kind. */
const SMALLEST: Readonly<Record<KindName, JsonObject>> = {
  VaultEndpoint: { address: 'https://vault:8200', auth: { kubernetes: { role: 'controller' } } },
  VaultAuthBackend: {
    endpointRef: { name: 'main' },
    type: 'kubernetes',
    path: 'kubernetes',
    clusterName: 'prod',
    kubernetes: {},
  },
  VaultACLPolicy: { endpointRef: { name: 'main' }, policy: 'path "a" {}' },
  VaultAuthRole: {},
};

/** The smallest manifest of a kind with these members of its spec instead; undefined leaves one out. */
export function manifest(kind: KindName, spec: Readonly<Record<string, unknown>> = {}, name = 'probe'): JsonObject {
  return {
    apiVersion: API_VERSION,
    kind,
    metadata: { name },
    spec: { ...SMALLEST[kind], ...spec } as JsonObject,
  };
}

export interface Row {
  readonly kind: KindName;
  readonly what: string;
  readonly spec: Readonly<Record<string, unknown>>;
  /** A part of the refusal; absent: it is taken. */
  readonly refusal?: string;
  readonly name?: string;
}

const row =
  (kind: KindName) =>
  (what: string, spec: Readonly<Record<string, unknown>>, refusal?: string, name?: string): Row => ({
    kind,
    what,
    spec,
    ...(refusal === undefined ? {} : { refusal }),
    ...(name === undefined ? {} : { name }),
  });

const endpoint = row('VaultEndpoint');
const login = { kubernetes: { role: 'controller' } };
const endpoints: readonly Row[] = [
  endpoint('the smallest', {}),
  endpoint('plain HTTP', { address: 'http://vault:8200' }, 'must begin with https://, or allowPlainHTTP'),
  endpoint('plain HTTP that is allowed', { address: 'http://vault:8200', allowPlainHTTP: true }),
  endpoint('plain HTTP for pods', { workloadAddress: 'http://vault:8200' }, 'must begin with https://, or allowPlainHTTP'),
  endpoint('an IPv6 address', { address: 'https://[fd00::1]:8200' }),
  endpoint('a query in the address', { address: 'https://vault:8200/?a=b' }, 'spec.address'),
  endpoint('an address without scheme', { address: 'vault:8200' }, 'spec.address'),
  endpoint('a long address', { address: `https://${'v'.repeat(505)}` }, 'Too long'),
  endpoint('a namespace', { namespace: 'team/a.b' }),
  endpoint('a namespace with a slash in front', { namespace: '/team' }, 'spec.namespace'),
  endpoint('no login', { auth: {} }, 'give exactly one of kubernetes, jwt, appRole, cert and token'),
  endpoint('two logins', { auth: { ...login, token: { secretRef: { name: 't' } } } }, 'give exactly one of kubernetes'),
  endpoint('a short token for the login', { auth: { jwt: { role: 'r', expirationSeconds: 599 } } }, '600'),
  endpoint('cert without certificate', { auth: { cert: {} } }, 'auth.cert needs tls.clientCert'),
  endpoint('cert with certificate', { auth: { cert: {} }, tls: { clientCert: { secretRef: { name: 'c' } } } }),
  endpoint('two authorities', { tls: { ca: { inline: PEM, secretRef: { name: 'c' } } } }, 'give exactly one of inline'),
  endpoint('an authority of nothing', { tls: { ca: {} } }, 'give exactly one of inline'),
  endpoint('an authority that is no PEM', { tls: { ca: { inline: 'MA==' } } }, 'must be PEM text'),
  endpoint('an unlimited rate', { limits: { requestsPerSecond: 1001 } }, '1000'),
  endpoint('no rate at all', { limits: { requestsPerSecond: 0 } }, '1'),
  endpoint('an unknown product', { product: 'Consul' }, 'supported values'),
];

const backend = row('VaultAuthBackend');
const kubernetes = (members: object): JsonObject => ({ kubernetes: { host: 'https://api:6443', ...members } });
const jwt = (members: object): JsonObject => ({ type: 'jwt', kubernetes: undefined, jwt: { ...members } });
const tenancy = (members: object): JsonObject => ({ tenancy: { ...members } });
const backends: readonly Row[] = [
  backend('the smallest', {}),
  backend('the smallest of type jwt', jwt({})),
  backend('kubernetes for type jwt', { ...jwt({}), kubernetes: {} }, 'type kubernetes needs kubernetes'),
  backend('nothing for type jwt', { type: 'jwt', kubernetes: undefined }, 'type jwt needs jwt'),
  backend('jwt for type kubernetes', { jwt: {} }, 'type jwt needs jwt'),
  backend('auth/ in the path', { path: 'auth/kubernetes' }, 'must not begin with auth/'),
  backend('a slash at the end of the path', { path: 'kubernetes/' }, 'spec.path'),
  backend('a path in capitals', { path: 'Kubernetes' }, 'spec.path'),
  backend('a dot in the name of the cluster', { clusterName: 'a.b' }, 'spec.clusterName'),
  backend('no name of the cluster', { clusterName: undefined }, 'Required value'),
  backend(
    'a reviewer of ours without host',
    { kubernetes: { reviewer: { mode: 'Rotated' } } },
    'is needed unless reviewer.mode is Local',
  ),
  backend('a reviewer of ours', kubernetes({ reviewer: { mode: 'Rotated', expirationSeconds: 3600 } })),
  backend('a long-lived reviewer', kubernetes({ reviewer: { mode: 'LongLivedSecret', serviceAccountName: 'reviewer' } })),
  backend('a reviewer from no Secret', kubernetes({ reviewer: { mode: 'SecretRef' } }), 'mode SecretRef needs secretRef'),
  backend('a reviewer from a Secret', kubernetes({ reviewer: { mode: 'SecretRef', secretRef: { name: 's' } } })),
  backend('a Secret that nobody reads', kubernetes({ reviewer: { secretRef: { name: 's' } } }), 'the others have none'),
  backend(
    'a service account that nobody uses',
    kubernetes({ reviewer: { serviceAccountName: 's' } }),
    'LongLivedSecret and Rotated',
  ),
  backend(
    "Vault's account for a reviewer of ours",
    kubernetes({ reviewer: { mode: 'Rotated', vaultServiceAccount: { namespace: 'v', name: 'v' } } }),
    'is for the mode Local',
  ),
  backend('an unknown reviewer', kubernetes({ reviewer: { mode: 'Nobody' } }), 'supported values'),
  backend('the client as reviewer', kubernetes({ reviewer: { mode: 'ClientJWT' } })),
  backend(
    'the client as reviewer, with an audience',
    { ...kubernetes({ reviewer: { mode: 'ClientJWT' } }), defaults: { audience: 'vault' } },
    "must not be set for the reviewer mode ClientJWT: the token must have the API server's audience",
  ),
  backend('an authority that is given', kubernetes({ ca: { source: 'Given', inline: PEM } })),
  backend('an authority that is said to be given', kubernetes({ ca: { source: 'Given' } }), 'source Given needs exactly one'),
  backend('an authority that is ignored', kubernetes({ ca: { inline: PEM } }), 'source Given needs exactly one'),
  backend('synced keys', kubernetes({ verifyKeys: { source: 'Synced' } })),
  backend('given keys', kubernetes({ verifyKeys: { source: 'Given', pemKeys: [PEM] } })),
  backend('no given keys', kubernetes({ verifyKeys: { source: 'Given' } }), 'source Given needs pemKeys'),
  backend('keys that are ignored', kubernetes({ verifyKeys: { pemKeys: [PEM] } }), 'source Given needs pemKeys'),
  backend('an issuer', kubernetes({ issuer: 'https://kubernetes.default.svc.cluster.local' })),
  backend('keys from a URL', jwt({ keys: { source: 'JWKS', url: 'https://api/openid/v1/jwks' } })),
  backend('keys from no URL', jwt({ keys: { source: 'JWKS' } }), 'is needed for the source JWKS'),
  backend('a URL for pushed keys', jwt({ keys: { url: 'https://api' } }), 'are for the sources Discovery and JWKS'),
  backend(
    '.well-known in the URL',
    jwt({ keys: { source: 'Discovery', url: 'https://api/.well-known/x' } }),
    'must not hold /.well-known',
  ),
  backend('a jwt backend for every issuer', jwt({ issuer: 'Ignore' }), 'a token of any issuer is not accepted here'),
  backend('a leeway below -1', jwt({ leeway: { expiration: -2 } }), '-1'),
  backend('metadata from annotations', { aliasMetadata: { fromAnnotations: true, allowedKeys: ['team'] } }),
  backend('metadata from annotations for jwt', { ...jwt({}), aliasMetadata: { fromAnnotations: true } }, 'needs type kubernetes'),
  backend(
    'a life beyond the limit',
    { defaults: { token: { ttl: '25h', maxTTL: '25h' } } },
    'must not be longer than tenancy.limits.maxTTL',
  ),
  backend('a raised limit', { defaults: { token: { ttl: '25h', maxTTL: '25h' } }, ...tenancy({ limits: { maxTTL: '48h' } }) }),
  backend(
    'a projected token below the limit',
    { ...tenancy({ limits: { minTokenExpirationSeconds: 1200 } }) },
    'must not be less than',
  ),
  backend('root by default', tenancy({ defaultPolicies: ['root'] }), 'root cannot be given to anybody'),
  backend(
    'root by a rule',
    tenancy({ policyRules: [{ policies: ['external:root'], namespaceSelector: {} }] }),
    'root cannot be given',
  ),
  backend('a rule for nobody in particular', tenancy({ policyRules: [{ policies: ['a'] }] }), 'Required value'),
  backend(
    'a rule',
    tenancy({ policyRules: [{ policies: ['a', 'external:kv/read'], namespaceSelector: {}, serviceAccountPattern: 'app-*' }] }),
  ),
  backend(
    'too many rules',
    tenancy({ policyRules: Array.from({ length: 65 }, () => ({ policies: ['a'], namespaceSelector: {} })) }),
    'must have at most 64 items',
  ),
  backend(
    'a pattern with a slash',
    tenancy({ policyRules: [{ policies: ['a'], namespaceSelector: {}, serviceAccountPattern: 'a/b' }] }),
    'serviceAccountPattern',
  ),
  backend(
    'a selector by expressions',
    tenancy({ namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'In', values: ['a'] }] } }),
  ),
  backend(
    'an expression without values',
    tenancy({ namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'In' }] } }),
    'In and NotIn need values',
  ),
  backend(
    'an expression with values too many',
    tenancy({ namespaceSelector: { matchExpressions: [{ key: 't', operator: 'Exists', values: ['a'] }] } }),
    'Exists and DoesNotExist have none',
  ),
  backend('the same type twice', tenancy({ limits: { tokenTypes: ['batch', 'batch'] } }), 'Duplicate value'),
  backend('a resync of a second', { resyncSeconds: 1 }, '60'),
];

const policy = row('VaultACLPolicy');
const policies: readonly Row[] = [
  policy('the smallest', {}),
  policy('a name of a built-in policy', {}, 'is the name of a built-in policy', 'default'),
  policy('such a name, and another in Vault', { vaultName: 'own-default' }, undefined, 'default'),
  policy('a built-in policy', { vaultName: 'default-ceiling' }, 'is built in and cannot be replaced'),
  policy('a comma in the name', { vaultName: 'a,b' }, 'spec.vaultName'),
  policy('a slash in the name', { vaultName: 'a/b' }, 'spec.vaultName'),
  policy('capitals in the name', { vaultName: 'A' }, 'spec.vaultName'),
  policy('a long name of the object', {}, 'longer than 128 characters', 'p'.repeat(129)),
  policy('no text', { policy: '' }, 'spec.policy'),
  policy('a text of 64 KiB', { policy: '#'.repeat(65536) }),
  policy('a longer text', { policy: '#'.repeat(65537) }, 'Too long'),
];

const role = row('VaultAuthRole');
const roles: readonly Row[] = [
  role('the smallest', {}),
  role('a star for a service account', { serviceAccounts: ['*'] }, 'spec.serviceAccounts'),
  role('a glob for a service account', { serviceAccounts: ['app-*'] }, 'spec.serviceAccounts'),
  role('a service account of another namespace', { serviceAccounts: ['other/app'] }, 'spec.serviceAccounts'),
  role('no service accounts', { serviceAccounts: [] }, 'spec.serviceAccounts'),
  role('a service account twice', { serviceAccounts: ['a', 'a'] }, 'Duplicate value'),
  role(
    'too many service accounts',
    { serviceAccounts: Array.from({ length: 17 }, (_, index) => `a${index}`) },
    'must have at most 16 items',
  ),
  role('root', { policies: ['root'] }, 'root cannot be given to anybody'),
  role('root from outside', { policies: ['external:root'] }, 'root cannot be given to anybody'),
  role('root in capitals', { policies: ['ROOT'] }, 'spec.policies'),
  role('two policies in one', { policies: ['a,b'] }, 'spec.policies'),
  role('a policy from outside', { policies: ['external:kv/read'] }),
  role('an audience', { audience: 'vault://prod/kubernetes' }),
  role('two audiences in one', { audience: 'a,b' }, 'must not hold a comma'),
  role('a short projected token', { tokenExpirationSeconds: 599 }, '600'),
  role('a life beyond the end', { token: { ttl: '2h', maxTTL: '1h' } }, 'must not be longer than maxTTL'),
  role('a life up to the end', { token: { ttl: '60m', maxTTL: '1h' } }),
  role('a life, with the end of the mount', { token: { ttl: '2h', maxTTL: '0s' } }),
  role('a life of words', { token: { ttl: 'an hour' } }, 'spec.token.ttl'),
  role('a life below zero', { token: { ttl: '-1h' } }, 'spec.token.ttl'),
  role('a life of nothing', { token: { ttl: '' } }, 'spec.token.ttl'),
  role('a batch token with a period', { token: { type: 'batch', period: '1h' } }, 'batch tokens have neither period nor numUses'),
  role('a batch token with uses', { token: { type: 'batch', numUses: 1 } }, 'batch tokens have neither period nor numUses'),
  role('a batch token', { token: { type: 'batch', period: '0s', numUses: 0 } }),
  role('networks', { token: { boundCIDRs: ['10.0.0.0/8', '192.168.1.1', 'fd00::/8'] } }),
  role('a network that is none', { token: { boundCIDRs: ['10.0.0.0/33'] } }, 'must be an address or a network'),
  role(
    'networks and one address',
    { token: { boundCIDRs: ['10.0.0.0/8'], strictlyBindIP: true } },
    'cannot be combined with boundCIDRs',
  ),
  role('one address', { token: { strictlyBindIP: true } }),
  role('a name in Vault', { vaultRoleName: 'legacy_app.v1' }),
  role('a path for a name in Vault', { vaultRoleName: '../x' }, 'spec.vaultRoleName'),
  role('an unknown field', { boundServiceAccountNamespaces: ['other'] }, 'unknown field'),
  role('an unknown policy of management', { managementPolicy: 'Ignore' }, 'supported values'),
];

export const rows: readonly Row[] = [...endpoints, ...backends, ...policies, ...roles];
