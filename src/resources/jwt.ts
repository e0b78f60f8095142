// What a VaultAuthBackend of type jwt says: where the keys of this cluster come from, and which tokens are too old.
import { ISSUER } from './kubernetes.ts';
import { caSource } from './reference.ts';
import { choice, integer, optional, struct, text } from './schema.ts';

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
