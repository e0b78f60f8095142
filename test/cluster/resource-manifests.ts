// Manifests of the four kinds that an API server must accept, and others that it must reject, with a part of its message.
import type { JsonObject } from '../../src/json/json.ts';
import { API_VERSION, type KindName } from '../../src/resources/kinds.ts';
import { SMALLEST } from '../support/objects.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n';

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
  endpoint('plain HTTP', { address: 'http://vault:8200' }, 'must start with https:// unless allowPlainHTTP is true'),
  endpoint('plain HTTP that is allowed', { address: 'http://vault:8200', allowPlainHTTP: true }),
  endpoint(
    'plain HTTP for pods',
    { workloadAddress: 'http://vault:8200' },
    'must start with https:// unless allowPlainHTTP is true',
  ),
  endpoint('an IPv6 address', { address: 'https://[fd00::1]:8200' }),
  endpoint('a query in the address', { address: 'https://vault:8200/?a=b' }, 'spec.address'),
  endpoint('an address without scheme', { address: 'vault:8200' }, 'spec.address'),
  endpoint('a long address', { address: `https://${'v'.repeat(505)}` }, 'Too long'),
  endpoint('a namespace', { namespace: 'team/a.b' }),
  endpoint('a namespace with a slash in front', { namespace: '/team' }, 'spec.namespace'),
  endpoint('no login', { auth: {} }, 'exactly one of kubernetes, jwt, appRole, cert and token must be set'),
  endpoint('two logins', { auth: { ...login, token: { secretRef: { name: 't' } } } }, 'exactly one of kubernetes'),
  endpoint('a short token for the login', { auth: { jwt: { role: 'r', expirationSeconds: 599 } } }, '600'),
  endpoint('cert without certificate', { auth: { cert: {} } }, 'requires tls.clientCert'),
  endpoint('cert with certificate', { auth: { cert: {} }, tls: { clientCert: { secretRef: { name: 'c' } } } }),
  endpoint('two CA sources', { tls: { ca: { inline: PEM, secretRef: { name: 'c' } } } }, 'exactly one of inline'),
  endpoint('a CA without source', { tls: { ca: {} } }, 'exactly one of inline'),
  endpoint('a CA that is not PEM', { tls: { ca: { inline: 'MA==' } } }, 'must be PEM'),
  endpoint('a rate above the maximum', { limits: { requestsPerSecond: 1001 } }, '1000'),
  endpoint('a rate of zero', { limits: { requestsPerSecond: 0 } }, '1'),
  endpoint('an unknown product', { product: 'Consul' }, 'supported values'),
];

const backend = row('VaultAuthBackend');
const kubernetes = (members: object): JsonObject => ({ kubernetes: { host: 'https://api:6443', ...members } });
const jwt = (members: object): JsonObject => ({ type: 'jwt', kubernetes: undefined, jwt: { ...members } });
const tenancy = (members: object): JsonObject => ({ tenancy: { ...members } });
const backends: readonly Row[] = [
  backend('the smallest', {}),
  backend('the smallest of type jwt', jwt({})),
  backend(
    'kubernetes for type jwt',
    { ...jwt({}), kubernetes: {} },
    'is required for type kubernetes, and forbidden for other types',
  ),
  backend(
    'nothing for type jwt',
    { type: 'jwt', kubernetes: undefined },
    'is required for type jwt, and forbidden for other types',
  ),
  backend('jwt for type kubernetes', { jwt: {} }, 'is required for type jwt, and forbidden for other types'),
  backend('auth/ in the path', { path: 'auth/kubernetes' }, 'must not start with auth/'),
  backend('a slash at the end of the path', { path: 'kubernetes/' }, 'spec.path'),
  backend('a path in capitals', { path: 'Kubernetes' }, 'spec.path'),
  backend('a dot in the name of the cluster', { clusterName: 'a.b' }, 'spec.clusterName'),
  backend('no name of the cluster', { clusterName: undefined }, 'Required value'),
  backend(
    'a rotated reviewer without host',
    { kubernetes: { reviewer: { mode: 'Rotated' } } },
    'is required unless reviewer.mode is Local',
  ),
  backend('a rotated reviewer', kubernetes({ reviewer: { mode: 'Rotated', expirationSeconds: 3600 } })),
  backend('a long-lived reviewer', kubernetes({ reviewer: { mode: 'LongLivedSecret', serviceAccountName: 'reviewer' } })),
  backend('a reviewer without its Secret', kubernetes({ reviewer: { mode: 'SecretRef' } }), 'is required for mode SecretRef'),
  backend('a reviewer from a Secret', kubernetes({ reviewer: { mode: 'SecretRef', secretRef: { name: 's' } } })),
  backend(
    'a Secret that the mode does not use',
    kubernetes({ reviewer: { secretRef: { name: 's' } } }),
    'forbidden for other modes',
  ),
  backend(
    'a service account that the mode does not use',
    kubernetes({ reviewer: { serviceAccountName: 's' } }),
    'requires mode LongLivedSecret or Rotated',
  ),
  backend(
    "Vault's service account for a rotated reviewer",
    kubernetes({ reviewer: { mode: 'Rotated', vaultServiceAccount: { namespace: 'v', name: 'v' } } }),
    'requires mode Local',
  ),
  backend('an unknown reviewer', kubernetes({ reviewer: { mode: 'Unknown' } }), 'supported values'),
  backend('the client as reviewer', kubernetes({ reviewer: { mode: 'ClientJWT' } })),
  backend(
    'the client as reviewer, with an audience',
    { ...kubernetes({ reviewer: { mode: 'ClientJWT' } }), defaults: { audience: 'vault' } },
    "must not be set with reviewer mode ClientJWT: the token must have the API server's audience",
  ),
  backend('a CA with source Given', kubernetes({ ca: { source: 'Given', inline: PEM } })),
  backend('source Given without CA', kubernetes({ ca: { source: 'Given' } }), 'source Given requires exactly one'),
  backend('a CA with another source', kubernetes({ ca: { inline: PEM } }), 'source Given requires exactly one'),
  backend('synced keys', kubernetes({ verifyKeys: { source: 'Synced' } })),
  backend('given keys', kubernetes({ verifyKeys: { source: 'Given', pemKeys: [PEM] } })),
  backend('source Given without keys', kubernetes({ verifyKeys: { source: 'Given' } }), 'source Given requires pemKeys'),
  backend('keys with another source', kubernetes({ verifyKeys: { pemKeys: [PEM] } }), 'source Given requires pemKeys'),
  backend('an issuer', kubernetes({ issuer: 'https://kubernetes.default.svc.cluster.local' })),
  backend('keys from a URL', jwt({ keys: { source: 'JWKS', url: 'https://api/openid/v1/jwks' } })),
  backend('source JWKS without URL', jwt({ keys: { source: 'JWKS' } }), 'is required for source JWKS'),
  backend('a URL for pushed keys', jwt({ keys: { url: 'https://api' } }), 'url and ca require source Discovery or JWKS'),
  backend(
    '.well-known in the URL',
    jwt({ keys: { source: 'Discovery', url: 'https://api/.well-known/x' } }),
    'must not contain /.well-known',
  ),
  backend('a jwt backend for every issuer', jwt({ issuer: 'Ignore' }), 'must not be Ignore: type jwt requires an issuer'),
  backend('a leeway below -1', jwt({ leeway: { expiration: -2 } }), '-1'),
  backend('metadata from annotations', { aliasMetadata: { fromAnnotations: true, allowedKeys: ['team'] } }),
  backend(
    'metadata from annotations for jwt',
    { ...jwt({}), aliasMetadata: { fromAnnotations: true } },
    'requires type kubernetes',
  ),
  backend(
    'a TTL beyond the limit',
    { defaults: { token: { ttl: '25h', maxTTL: '25h' } } },
    'must not be longer than tenancy.limits.maxTTL',
  ),
  backend('a raised limit', { defaults: { token: { ttl: '25h', maxTTL: '25h' } }, ...tenancy({ limits: { maxTTL: '48h' } }) }),
  backend(
    'a projected token below the limit',
    { ...tenancy({ limits: { minTokenExpirationSeconds: 1200 } }) },
    'must not be less than',
  ),
  backend('root by default', tenancy({ defaultPolicies: ['root'] }), 'must not contain the policy root'),
  backend(
    'root by a rule',
    tenancy({ policyRules: [{ policies: ['external:root'], namespaceSelector: {} }] }),
    'must not contain the policy root',
  ),
  backend('a rule without namespace selector', tenancy({ policyRules: [{ policies: ['a'] }] }), 'Required value'),
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
    'In and NotIn require values',
  ),
  backend(
    'an Exists expression with values',
    tenancy({ namespaceSelector: { matchExpressions: [{ key: 't', operator: 'Exists', values: ['a'] }] } }),
    'Exists and DoesNotExist allow none',
  ),
  backend('the same type twice', tenancy({ limits: { tokenTypes: ['batch', 'batch'] } }), 'Duplicate value'),
  backend('a resync of a second', { resyncSeconds: 1 }, '60'),
];

const policy = row('VaultACLPolicy');
const policies: readonly Row[] = [
  policy('the smallest', {}),
  policy('a name of a built-in policy', {}, 'metadata.name must not be the name of a built-in policy', 'default'),
  policy('such a name, and another in Vault', { vaultName: 'own-default' }, undefined, 'default'),
  policy('a built-in policy', { vaultName: 'default-ceiling' }, 'must not be the name of a built-in policy'),
  policy('a comma in the name', { vaultName: 'a,b' }, 'spec.vaultName'),
  policy('a slash in the name', { vaultName: 'a/b' }, 'spec.vaultName'),
  policy('capitals in the name', { vaultName: 'A' }, 'spec.vaultName'),
  policy('a long name of the object', {}, 'must have at most 128 characters', 'p'.repeat(129)),
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
  role('root', { policies: ['root'] }, 'must not contain the policy root'),
  role('root from outside', { policies: ['external:root'] }, 'must not contain the policy root'),
  role('root in capitals', { policies: ['ROOT'] }, 'spec.policies'),
  role('two policies in one', { policies: ['a,b'] }, 'spec.policies'),
  role('a policy from outside', { policies: ['external:kv/read'] }),
  role('an audience', { audience: 'vault://prod/kubernetes' }),
  role('two audiences in one', { audience: 'a,b' }, 'must not contain a comma'),
  role('a short projected token', { tokenExpirationSeconds: 599 }, '600'),
  role('a TTL longer than maxTTL', { token: { ttl: '2h', maxTTL: '1h' } }, 'must not be longer than maxTTL'),
  role('a TTL equal to maxTTL', { token: { ttl: '60m', maxTTL: '1h' } }),
  role('a TTL with the maxTTL of the mount', { token: { ttl: '2h', maxTTL: '0s' } }),
  role('a TTL in words', { token: { ttl: 'an hour' } }, 'spec.token.ttl'),
  role('a negative TTL', { token: { ttl: '-1h' } }, 'spec.token.ttl'),
  role('an empty TTL', { token: { ttl: '' } }, 'spec.token.ttl'),
  role(
    'a batch token with a period',
    { token: { type: 'batch', period: '1h' } },
    'must not be batch when period or numUses is set',
  ),
  role('a batch token with uses', { token: { type: 'batch', numUses: 1 } }, 'must not be batch when period or numUses is set'),
  role('a batch token', { token: { type: 'batch', period: '0s', numUses: 0 } }),
  role('CIDR blocks', { token: { boundCIDRs: ['10.0.0.0/8', '192.168.1.1', 'fd00::/8'] } }),
  role('an invalid CIDR block', { token: { boundCIDRs: ['10.0.0.0/33'] } }, 'must be an IP address or a CIDR block'),
  role(
    'boundCIDRs with strictlyBindIP',
    { token: { boundCIDRs: ['10.0.0.0/8'], strictlyBindIP: true } },
    'must not be true when boundCIDRs is set',
  ),
  role('strictlyBindIP', { token: { strictlyBindIP: true } }),
  role('a name in Vault', { vaultRoleName: 'legacy_app.v1' }),
  role('a path for a name in Vault', { vaultRoleName: '../x' }, 'spec.vaultRoleName'),
  role('an unknown field', { boundServiceAccountNamespaces: ['other'] }, 'unknown field'),
  role('an unknown policy of management', { managementPolicy: 'Ignore' }, 'supported values'),
];

export const rows: readonly Row[] = [...endpoints, ...backends, ...policies, ...roles];
