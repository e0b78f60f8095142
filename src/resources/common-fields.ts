// Fields that several kinds share: references, CA certificates, management policies, drift.
import { choice, objectName, optional, type Rule, type ValueOf, struct, text, list } from './schema.ts';

/** Longest inline PEM text: about twenty certificates. */
export const MAX_PEM_LENGTH = 65536;
const KEY = '^[-._a-zA-Z0-9]+$';

const dataKey = (value: string) =>
  text(`Key in its data. Defaults to ${value}.`, { min: 1, max: 253, pattern: KEY, default: value });

/** A reference to one of our cluster-scoped objects, immutable. */
export function immutableReference(description: string) {
  return struct(
    {
      name: objectName('Name of the object.', {
        rules: [{ rule: 'self == oldSelf', message: 'is immutable; create a new object instead' }],
      }),
    },
    description,
  );
}

/** A key of a Secret in the controller's namespace. Without a namespace field, no object can reference a Secret of another namespace. */
export function secretKey(description: string, key: string) {
  return struct({ name: objectName('Name of the Secret.'), key: dataKey(key) }, description);
}

/** A key of a ConfigMap in the controller's namespace. */
const configMapKey = (description: string, key: string) =>
  struct({ name: objectName('Name of the ConfigMap.'), key: dataKey(key) }, description);

const pem = (description: string) =>
  text(description, {
    min: 1,
    max: MAX_PEM_LENGTH,
    rules: [{ rule: "self.contains('-----BEGIN ')", message: 'must be PEM' }],
  });

/** The three sources of CA certificates. */
const sources = () => ({
  inline: optional(pem('CA certificates in PEM.')),
  secretRef: optional(secretKey("Secret in the controller's namespace that holds the CA certificates.", 'ca.crt')),
  configMapRef: optional(configMapKey("ConfigMap in the controller's namespace that holds the CA certificates.", 'ca.crt')),
});

const HAS_SOURCE = '[has(self.inline), has(self.secretRef), has(self.configMapRef)]';
const EXACTLY_ONE: Rule = {
  rule: `${HAS_SOURCE}.exists_one(given, given)`,
  message: 'exactly one of inline, secretRef and configMapRef must be set',
};

/** CA certificates to verify a server with; the system's when the field is left out. */
export function caSource(description: string) {
  return struct(sources(), description, { rules: [EXACTLY_ONE] });
}
export type CASource = ValueOf<ReturnType<typeof caSource>>;

/** CA certificates with which Vault verifies the API server. */
export function clusterCASource(description: string) {
  return struct(
    {
      source: choice(
        ['FromCluster', 'System', 'Given'],
        "Source of the CA certificates. FromCluster: the cluster CA that the controller itself uses. System: the CA certificates of the Vault server's operating system (only Vault; OpenBao rejects it). Given: inline, secretRef or configMapRef.",
        { default: 'FromCluster' },
      ),
      ...sources(),
    },
    description,
    {
      filled: true,
      rules: [
        {
          rule: `self.source == 'Given' ? ${HAS_SOURCE}.exists_one(given, given) : !${HAS_SOURCE}.exists(given, given)`,
          message: 'source Given requires exactly one of inline, secretRef and configMapRef; other sources allow none',
        },
      ],
    },
  );
}
export type ClusterCASource = ValueOf<ReturnType<typeof clusterCASource>>;

/** Manage: the controller writes to Vault. Observe: it only reads. */
export function managementPolicy(description: string) {
  return choice(['Manage', 'Observe'], description, { default: 'Manage' });
}
export type ManagementPolicy = 'Manage' | 'Observe';

export function adoption() {
  return choice(
    ['Never', 'IfIdentical', 'Always'],
    'What to do when Vault already has an object of this name that this resource did not create. Never: leave it unchanged, with reason NotOwned. IfIdentical: adopt it when it matches the spec. Always: overwrite it, and report the changed fields in an Event.',
    { default: 'IfIdentical' },
  );
}
export type Adoption = 'Never' | 'IfIdentical' | 'Always';

export function driftPolicy() {
  return choice(
    ['Repair', 'Report'],
    'What to do when Vault drifts from the spec. Repair: correct the drift. Report: list the drifted fields in .status.drift, and do not correct them.',
    { default: 'Repair' },
  );
}

export function deletionPolicy(value: 'Retain' | 'Delete', description: string) {
  return choice(['Retain', 'Delete'], description, { default: value });
}

/** One field that differs between spec and Vault; it never holds a secret. */
const differenceSchema = struct(
  {
    field: text('Name of the field in Vault.', { min: 1, max: 256 }),
    desired: text('Desired value.', { max: 1024 }),
    actual: text('Value in Vault.', { max: 1024 }),
  },
  'A drifted field.',
);
export type Difference = ValueOf<typeof differenceSchema>;

/** The list of differences in a status. */
export function driftSchema() {
  return list(differenceSchema, 'Fields in which Vault differs from the spec; empty when it is in sync.', {
    max: 64,
    merge: 'atomic',
  });
}

/** Warnings of Vault in a status. */
export function warningsSchema() {
  return list(text('A warning.', { max: 1024 }), 'Warnings that Vault returned for the last write.', {
    max: 16,
    merge: 'atomic',
  });
}

interface Managed {
  readonly spec: { readonly managementPolicy: ManagementPolicy };
}

/** Whether the controller must not write: one of these objects (endpoint, backend, the object itself) has managementPolicy Observe. */
export function isObserved(...objects: readonly Managed[]): boolean {
  return objects.some(({ spec }) => spec.managementPolicy === 'Observe');
}
