// References to other objects, and certificates of authorities: parts that several kinds share.
import { choice, objectName, optional, type Rule, type ValueOf, struct, text, list } from './schema.ts';

/** The longest PEM text that is taken inline: some twenty certificates. */
export const MAX_PEM_LENGTH = 65536;
const KEY = '^[-._a-zA-Z0-9]+$';

const dataKey = (value: string) =>
  text(`The key of its data; ${value} when left out.`, { min: 1, max: 253, pattern: KEY, default: value });

/** A cluster-scoped object of ours by name, which cannot be changed later. */
export function fixedReference(description: string) {
  return struct(
    {
      name: objectName('Its name.', { rules: [{ rule: 'self == oldSelf', message: 'cannot be changed; make a new object' }] }),
    },
    description,
  );
}

/** A key of a Secret in the controller's own namespace. There is no namespace field: nobody can point at another's Secret. */
export function secretKey(description: string, key: string) {
  return struct({ name: objectName('The name of the Secret.'), key: dataKey(key) }, description);
}

/** A key of a ConfigMap in the controller's own namespace. */
const configMapKey = (description: string, key: string) =>
  struct({ name: objectName('The name of the ConfigMap.'), key: dataKey(key) }, description);

const pem = (description: string) =>
  text(description, {
    min: 1,
    max: MAX_PEM_LENGTH,
    rules: [{ rule: "self.contains('-----BEGIN ')", message: 'must be PEM text' }],
  });

/** The three places a certificate of an authority can be written in. */
const places = () => ({
  inline: optional(pem('Certificates as PEM text.')),
  secretRef: optional(secretKey("A Secret in the controller's namespace that holds them.", 'ca.crt')),
  configMapRef: optional(configMapKey("A ConfigMap in the controller's namespace that holds them.", 'ca.crt')),
});

const PLACES = '[has(self.inline), has(self.secretRef), has(self.configMapRef)]';
const ONE_PLACE: Rule = {
  rule: `${PLACES}.exists_one(given, given)`,
  message: 'give exactly one of inline, secretRef and configMapRef',
};

/** Whom to trust: certificates given here, or (left out) what the system trusts. */
export function caSource(description: string) {
  return struct(places(), description, { rules: [ONE_PLACE] });
}
export type CASource = ValueOf<ReturnType<typeof caSource>>;

/** Whom Vault trusts when it calls the API server. */
export function clusterCASource(description: string) {
  return struct(
    {
      source: choice(
        ['FromCluster', 'System', 'Given'],
        "FromCluster: the authority that the controller itself trusts. System: what the Vault server's system trusts (Vault alone; OpenBao refuses it). Given: as inline, secretRef or configMapRef say.",
        { default: 'FromCluster' },
      ),
      ...places(),
    },
    description,
    {
      filled: true,
      rules: [
        {
          rule: `self.source == 'Given' ? ${PLACES}.exists_one(given, given) : !${PLACES}.exists(given, given)`,
          message: 'source Given needs exactly one of inline, secretRef and configMapRef; the others need none',
        },
      ],
    },
  );
}
export type ClusterCASource = ValueOf<ReturnType<typeof clusterCASource>>;

// How far the controller goes with an object: look or manage, take over, repair, clean up.

export function managementPolicy(description: string) {
  return choice(['Manage', 'Observe'], description, { default: 'Manage' });
}
export type ManagementPolicy = 'Manage' | 'Observe';

export function adoption() {
  return choice(
    ['Never', 'IfIdentical', 'Always'],
    'What to do with something of this name that is in Vault already and that this object did not make. Never: leave it alone and say NotOwned. IfIdentical: take it over when it is already as declared. Always: overwrite it, and tell what was changed in an Event.',
    { default: 'IfIdentical' },
  );
}
export type Adoption = 'Never' | 'IfIdentical' | 'Always';

export function driftPolicy() {
  return choice(
    ['Repair', 'Report'],
    'What to do when Vault differs from what is declared. Repair: write it again. Report: name the fields in the status and leave them.',
    { default: 'Repair' },
  );
}

export function deletionPolicy(value: 'Retain' | 'Delete', description: string) {
  return choice(['Retain', 'Delete'], description, { default: value });
}

/** One field that differs between what is declared and what Vault has; secrets are never in it. */
const differenceSchema = struct(
  {
    field: text('The field, as Vault names it.', { min: 1, max: 256 }),
    want: text('What is declared.', { max: 1024 }),
    got: text('What Vault has.', { max: 1024 }),
  },
  'A field that differs.',
);
export type Difference = ValueOf<typeof differenceSchema>;

/** The list of differences in a status. */
export function driftSchema() {
  return list(differenceSchema, 'Where Vault differs from what is declared; empty when nothing does.', {
    max: 64,
    merge: 'atomic',
  });
}

/** Warnings of Vault in a status. */
export function warningsSchema() {
  return list(text('A warning.', { max: 1024 }), 'What Vault warned of when it was written to last.', {
    max: 16,
    merge: 'atomic',
  });
}

interface Managed {
  readonly spec: { readonly managementPolicy: ManagementPolicy };
}

/** Whether nothing may be written: one of these objects (endpoint, backend, the object itself) says Observe. */
export function isObserved(...objects: readonly Managed[]): boolean {
  return objects.some(({ spec }) => spec.managementPolicy === 'Observe');
}
