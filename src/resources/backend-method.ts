// What a VaultAuthBackend of type kubernetes says: how Vault reaches the API server, and who reviews tokens.
import { clusterCASource, secretKey, caSource } from './common-fields.ts';
import { choice, integer, labelName, list, objectName, optional, struct, text } from './schema.ts';

/** A public key or certificate as PEM text; an RSA key of 8192 bits has some 1,500 characters. */
const publicKey = () =>
  text('A public key or certificate as PEM text.', {
    min: 1,
    max: 8192,
    rules: [{ rule: "self.contains('-----BEGIN ')", message: 'must be PEM text' }],
  });
const publicKeys = (description: string) => list(publicKey(), description, { max: 16, merge: 'atomic' });

/** An issuer: a word for how it is found, or the issuer itself. */
const ISSUER = '^[!-~]+$';

const reviewer = struct(
  {
    mode: choice(
      ['Local', 'ClientJWT', 'LongLivedSecret', 'Rotated', 'SecretRef'],
      "Whose token asks the API server. Local: Vault's own, where it runs in this cluster. ClientJWT: the token that logs in. LongLivedSecret: one without end, made here and kept in a Secret. Rotated: a short one, made here and replaced in time. SecretRef: one that somebody else puts into a Secret.",
      { default: 'Local' },
    ),
    serviceAccountName: optional(
      objectName(
        "The service account in the controller's namespace whose token is used (Rotated, LongLivedSecret); vault-reviewer-NAME of this object when left out. It is made when it does not exist.",
      ),
    ),
    secretRef: optional(secretKey("SecretRef: the Secret in the controller's namespace that holds the token.", 'token')),
    expirationSeconds: integer(
      'Rotated: the life that is asked for. The API server may give less; half of what it gives is used.',
      {
        min: 600,
        max: 2592000,
        default: 86400,
      },
    ),
    vaultServiceAccount: optional(
      struct(
        { namespace: labelName('Its namespace.'), name: objectName('Its name.') },
        'Local: the service account that Vault runs as, which rbac.manageAuthDelegator lets review tokens.',
      ),
    ),
  },
  'Who asks the API server whether a token is good.',
  {
    filled: true,
    rules: [
      {
        rule: "has(self.secretRef) == (self.mode == 'SecretRef')",
        message: 'mode SecretRef needs secretRef; the others have none',
        fieldPath: '.secretRef',
      },
      {
        rule: "!has(self.serviceAccountName) || self.mode in ['LongLivedSecret', 'Rotated']",
        message: 'is for the modes LongLivedSecret and Rotated',
        fieldPath: '.serviceAccountName',
      },
      {
        rule: "!has(self.vaultServiceAccount) || self.mode == 'Local'",
        message: 'is for the mode Local',
        fieldPath: '.vaultServiceAccount',
      },
    ],
  },
);

const verifyKeys = struct(
  {
    source: choice(
      ['None', 'Synced', 'Given'],
      "None: the API server alone judges signatures. Synced: this cluster's public keys are kept in Vault, which then checks signatures before it asks. Given: these keys.",
      { default: 'None' },
    ),
    pemKeys: optional(publicKeys('Given: the keys.')),
  },
  'Keys with which Vault checks signatures itself.',
  {
    filled: true,
    rules: [
      {
        rule: "has(self.pemKeys) && self.pemKeys.size() > 0 ? self.source == 'Given' : self.source != 'Given'",
        message: 'source Given needs pemKeys; the others have none',
      },
    ],
  },
);

export const kubernetesSchema = struct(
  {
    host: optional(
      text(
        'The URL at which Vault reaches the API server; https://kubernetes.default.svc for the reviewer mode Local when left out.',
        {
          min: 8,
          max: 512,
          pattern: '^https?://[A-Za-z0-9._~:@%/\\[\\]-]+$',
        },
      ),
    ),
    ca: clusterCASource('Whom Vault trusts when it calls the API server.'),
    reviewer,
    verifyKeys,
    issuer: text(
      "Ignore: every issuer passes. Discover: the API server's own, looked up. Anything else is the issuer that tokens must have.",
      { min: 1, max: 512, pattern: ISSUER, default: 'Ignore' },
    ),
  },
  'How Vault judges tokens of this cluster.',
  {
    rules: [
      {
        rule: "has(self.host) || self.reviewer.mode == 'Local'",
        message: 'is needed unless reviewer.mode is Local',
        fieldPath: '.host',
      },
    ],
  },
);

// What a VaultAuthBackend of type jwt says: where the keys of this cluster come from, and which tokens are too old.

const URL = '^https?://[A-Za-z0-9._~:@%/?&=\\[\\]-]+$';

const keys = struct(
  {
    source: choice(
      ['Push', 'Discovery', 'JWKS', 'OpenBaoKubernetes'],
      "Push: the controller reads them from the API server and writes them to Vault. Discovery, JWKS: Vault fetches them, anonymously. OpenBaoKubernetes: OpenBao fetches them with its own service account's token.",
      { default: 'Push' },
    ),
    url: optional(
      text("Discovery: the issuer's URL, without .well-known (the issuer itself when left out). JWKS: the URL of the keys.", {
        min: 8,
        max: 512,
        pattern: URL,
      }),
    ),
    ca: optional(caSource('Discovery, JWKS: whom Vault trusts there; what its system trusts when left out.')),
  },
  'Where the public keys come from.',
  {
    filled: true,
    rules: [
      { rule: "self.source != 'JWKS' || has(self.url)", message: 'is needed for the source JWKS', fieldPath: '.url' },
      {
        rule: "self.source in ['Discovery', 'JWKS'] || (!has(self.url) && !has(self.ca))",
        message: 'url and ca are for the sources Discovery and JWKS',
      },
      {
        rule: "!has(self.url) || !self.url.contains('/.well-known')",
        message: 'must not hold /.well-known, which Vault adds itself',
        fieldPath: '.url',
      },
    ],
  },
);

/** Seconds that Vault grants: -1 none, 0 its own default (150 for expiration and notBefore, 60 for clockSkew). */
const leeway = (description: string, value: number) => integer(description, { min: -1, max: 3600, default: value });

export const jwtSchema = struct(
  {
    keys,
    issuer: text("Discover: the API server's own, looked up. Anything else is the issuer that tokens must have.", {
      min: 1,
      max: 512,
      pattern: ISSUER,
      default: 'Discover',
      rules: [{ rule: "self != 'Ignore'", message: 'a token of any issuer is not accepted here' }],
    }),
    leeway: struct(
      {
        expiration: leeway('For tokens without expiry, after they were issued; -1 for none, 0 for 150.', -1),
        notBefore: leeway('For tokens that are not valid yet; -1 for none, 0 for 150.', 0),
        clockSkew: leeway('For clocks that differ. It is what a token lives on after its expiry: -1 for none, 0 for 60.', 0),
      },
      'How many seconds tokens may be too old or too new.',
      { filled: true },
    ),
  },
  'How Vault judges tokens of this cluster by their signature.',
);
