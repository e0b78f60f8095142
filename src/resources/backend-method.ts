// Spec fields of a VaultAuthBackend for its auth method: `kubernetes` (token reviews by the API server) and `jwt` (signatures).
import { clusterCASource, secretKey, caSource } from './common-fields.ts';
import { choice, integer, labelName, list, objectName, optional, struct, text } from './schema.ts';

/** A public key or certificate in PEM; an RSA key of 8192 bits has about 1,500 characters. */
const publicKey = () =>
  text('A public key or certificate in PEM.', {
    min: 1,
    max: 8192,
    rules: [{ rule: "self.contains('-----BEGIN ')", message: 'must be PEM' }],
  });
const publicKeys = (description: string) => list(publicKey(), description, { max: 16, merge: 'atomic' });

/** An issuer, or Ignore or Discover. */
const ISSUER = '^[!-~]+$';

const reviewer = struct(
  {
    mode: choice(
      ['Local', 'ClientJWT', 'LongLivedSecret', 'Rotated', 'SecretRef'],
      "Token with which Vault creates token reviews. Local: Vault's own service account token, when Vault runs in this cluster. ClientJWT: the token that logs in. LongLivedSecret: a token without expiry that the controller keeps in a Secret. Rotated: a short-lived token that the controller rotates. SecretRef: a token that you keep in a Secret.",
      { default: 'Local' },
    ),
    serviceAccountName: optional(
      objectName(
        "Rotated, LongLivedSecret: service account in the controller's namespace whose token is used; created if missing. Defaults to vault-reviewer-NAME, with the name of this object.",
      ),
    ),
    secretRef: optional(secretKey("SecretRef: Secret in the controller's namespace that holds the token.", 'token')),
    expirationSeconds: integer(
      'Rotated: requested lifetime of the token. The API server may shorten it; the controller rotates the token at half of its lifetime.',
      {
        min: 600,
        max: 2592000,
        default: 86400,
      },
    ),
    vaultServiceAccount: optional(
      struct(
        { namespace: labelName('Namespace of the service account.'), name: objectName('Name of the service account.') },
        'Local: service account of the Vault pods, which rbac.manageAuthDelegator binds to system:auth-delegator.',
      ),
    ),
  },
  'Token reviewer.',
  {
    filled: true,
    rules: [
      {
        rule: "has(self.secretRef) == (self.mode == 'SecretRef')",
        message: 'is required for mode SecretRef, and forbidden for other modes',
        fieldPath: '.secretRef',
      },
      {
        rule: "!has(self.serviceAccountName) || self.mode in ['LongLivedSecret', 'Rotated']",
        message: 'requires mode LongLivedSecret or Rotated',
        fieldPath: '.serviceAccountName',
      },
      {
        rule: "!has(self.vaultServiceAccount) || self.mode == 'Local'",
        message: 'requires mode Local',
        fieldPath: '.vaultServiceAccount',
      },
    ],
  },
);

const verifyKeys = struct(
  {
    source: choice(
      ['None', 'Synced', 'Given'],
      'Source of the keys. None: only the token review verifies the signature. Synced: the controller syncs the public keys of this cluster to Vault, which verifies the signature before the token review. Given: pemKeys.',
      { default: 'None' },
    ),
    pemKeys: optional(publicKeys('Given: the public keys.')),
  },
  'Public keys with which Vault verifies signatures before the token review.',
  {
    filled: true,
    rules: [
      {
        rule: "has(self.pemKeys) && self.pemKeys.size() > 0 ? self.source == 'Given' : self.source != 'Given'",
        message: 'source Given requires pemKeys; other sources allow none',
      },
    ],
  },
);

export const kubernetesSchema = struct(
  {
    host: optional(
      text('URL of the API server as Vault reaches it. Defaults to https://kubernetes.default.svc with reviewer mode Local.', {
        min: 8,
        max: 512,
        pattern: '^https?://[A-Za-z0-9._~:@%/\\[\\]-]+$',
      }),
    ),
    ca: clusterCASource('CA certificates that Vault uses to verify the API server.'),
    reviewer,
    verifyKeys,
    issuer: text(
      'Issuer that tokens must have. Ignore: every issuer is accepted. Discover: the discovered issuer of the API server. Any other value is the issuer itself.',
      { min: 1, max: 512, pattern: ISSUER, default: 'Ignore' },
    ),
  },
  'Configuration of an auth method of type kubernetes.',
  {
    rules: [
      {
        rule: "has(self.host) || self.reviewer.mode == 'Local'",
        message: 'is required unless reviewer.mode is Local',
        fieldPath: '.host',
      },
    ],
  },
);

const URL = '^https?://[A-Za-z0-9._~:@%/?&=\\[\\]-]+$';

const keys = struct(
  {
    source: choice(
      ['Push', 'Discovery', 'JWKS', 'OpenBaoKubernetes'],
      'Source of the public keys. Push: the controller reads them from the API server and writes them to Vault. Discovery, JWKS: Vault fetches them anonymously. OpenBaoKubernetes: OpenBao fetches them with its own service account token.',
      { default: 'Push' },
    ),
    url: optional(
      text('Discovery: OIDC discovery URL, without .well-known; defaults to the issuer. JWKS: URL of the key set.', {
        min: 8,
        max: 512,
        pattern: URL,
      }),
    ),
    ca: optional(caSource('Discovery, JWKS: CA certificates to verify the URL with. Defaults to those of the Vault server.')),
  },
  'Public keys that verify tokens.',
  {
    filled: true,
    rules: [
      { rule: "self.source != 'JWKS' || has(self.url)", message: 'is required for source JWKS', fieldPath: '.url' },
      {
        rule: "self.source in ['Discovery', 'JWKS'] || (!has(self.url) && !has(self.ca))",
        message: 'url and ca require source Discovery or JWKS',
      },
      {
        rule: "!has(self.url) || !self.url.contains('/.well-known')",
        message: 'must not contain /.well-known, which Vault adds',
        fieldPath: '.url',
      },
    ],
  },
);

/** Leeway in seconds: -1 for none, 0 for Vault's default (150 for expiration and notBefore, 60 for clockSkew). */
const leeway = (description: string, value: number) => integer(description, { min: -1, max: 3600, default: value });

export const jwtSchema = struct(
  {
    keys,
    issuer: text(
      'Issuer that tokens must have. Discover: the discovered issuer of the API server. Any other value is the issuer itself.',
      {
        min: 1,
        max: 512,
        pattern: ISSUER,
        default: 'Discover',
        rules: [{ rule: "self != 'Ignore'", message: 'must not be Ignore: type jwt requires an issuer' }],
      },
    ),
    leeway: struct(
      {
        expiration: leeway('Seconds after issue that a token without expiry is accepted; -1 for none, 0 for 150.', -1),
        notBefore: leeway('Seconds before its nbf time that a token is accepted; -1 for none, 0 for 150.', 0),
        clockSkew: leeway('Clock skew in seconds, during which an expired token is still accepted; -1 for none, 0 for 60.', 0),
      },
      'Leeway of the time checks.',
      { filled: true },
    ),
  },
  'Configuration of an auth method of type jwt.',
);
