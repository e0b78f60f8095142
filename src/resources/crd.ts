// CustomResourceDefinitions of the four kinds, from their schemas.
import { isObject, type Json, type JsonObject } from '../json/json.ts';
import { aclPolicyRules, aclPolicySpecSchema, aclPolicyStatusSchema } from './acl-policy.ts';
import { backendSpecSchema, backendStatusSchema } from './backend.ts';
import { endpointSpecSchema, endpointStatusSchema } from './endpoint.ts';
import { CATEGORY, GROUP, type KindName, kinds, VERSION } from './kinds.ts';
import { roleSpecSchema, roleStatusSchema } from './role.ts';
import type { Rule, Schema } from './schema.ts';

/** A column of "kubectl get"; a wide one is shown only with "-o wide". */
interface Column {
  readonly name: string;
  readonly jsonPath: string;
  readonly type?: 'string' | 'integer' | 'date';
  readonly wide?: boolean;
}

interface Definition {
  readonly words: string;
  readonly spec: Schema;
  readonly status: Schema;
  readonly rules: readonly Rule[];
  readonly columns: readonly Column[];
  readonly selectable: readonly string[];
}

const conditionColumn = (name: string, of: string): Column => ({
  name,
  jsonPath: `.status.conditions[?(@.type=="Ready")].${of}`,
});
const READY = conditionColumn('Ready', 'status');
const REASON = conditionColumn('Reason', 'reason');
const AGE: Column = { name: 'Age', jsonPath: '.metadata.creationTimestamp', type: 'date' };

/** Everything about a kind that its CRD contains. */
export const definitions: Readonly<Record<KindName, Definition>> = {
  VaultEndpoint: {
    words: 'VaultEndpoint is a Vault or OpenBao server: its address, TLS settings, and how the controller logs in.',
    spec: endpointSpecSchema,
    status: endpointStatusSchema,
    rules: [],
    columns: [
      READY,
      { name: 'Product', jsonPath: '.status.product' },
      { name: 'Version', jsonPath: '.status.version' },
      { name: 'Address', jsonPath: '.spec.address', wide: true },
      REASON,
      AGE,
    ],
    selectable: [],
  },
  VaultAuthBackend: {
    words:
      'VaultAuthBackend is an auth mount for this cluster: its configuration, the defaults of its roles, and which namespaces may have roles.',
    spec: backendSpecSchema,
    status: backendStatusSchema,
    rules: [],
    columns: [
      READY,
      { name: 'Type', jsonPath: '.spec.type' },
      { name: 'Path', jsonPath: '.spec.path' },
      { name: 'Reviewer', jsonPath: '.spec.kubernetes.reviewer.mode' },
      { name: 'Keys', jsonPath: '.spec.jwt.keys.source' },
      { name: 'Roles', jsonPath: '.status.roles.total', type: 'integer' },
      { name: 'Roles-Ready', jsonPath: '.status.roles.ready', type: 'integer' },
      { name: 'Accessor', jsonPath: '.status.mount.accessor', wide: true },
      REASON,
      AGE,
    ],
    selectable: ['.spec.endpointRef.name'],
  },
  VaultACLPolicy: {
    words: 'VaultACLPolicy is an ACL policy in Vault. Its text can reference the accessors of auth mounts.',
    spec: aclPolicySpecSchema,
    status: aclPolicyStatusSchema,
    rules: aclPolicyRules,
    columns: [
      READY,
      { name: 'Policy', jsonPath: '.status.vault.name' },
      { name: 'Endpoint', jsonPath: '.spec.endpointRef.name' },
      REASON,
      AGE,
    ],
    selectable: ['.spec.endpointRef.name'],
  },
  VaultAuthRole: {
    words: 'VaultAuthRole is a role in Vault for service accounts of its namespace.',
    spec: roleSpecSchema,
    status: roleStatusSchema,
    rules: [],
    columns: [
      READY,
      { name: 'Role', jsonPath: '.status.vault.roleName' },
      { name: 'Mount', jsonPath: '.status.vault.mountPath' },
      { name: 'Policies', jsonPath: '.status.effectivePolicies', wide: true },
      REASON,
      AGE,
    ],
    selectable: ['.spec.backendRef.name'],
  },
};

/** The CustomResourceDefinition of a kind. */
export function crdOf(name: KindName): JsonObject {
  const { kind, plural, singular, shortNames, scope } = kinds[name];
  const { columns, selectable } = definitions[name];
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope,
      names: { kind, listKind: `${kind}List`, plural, singular, shortNames, categories: [CATEGORY] },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: objectSchema(name) },
          subresources: { status: {} },
          additionalPrinterColumns: columns.map(printerColumn),
          ...(selectable.length === 0 ? {} : { selectableFields: selectable.map((jsonPath) => ({ jsonPath })) }),
        },
      ],
    },
  };
}

const printerColumn = ({ name, jsonPath, type = 'string', wide = false }: Column): JsonObject => ({
  name,
  type,
  jsonPath,
  ...(wide ? { priority: 1 } : {}),
});

const objectSchema = (name: KindName): JsonObject => {
  const { words, spec, status, rules } = definitions[name];
  return {
    type: 'object',
    description: words,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: structural(spec),
      status: structural(status),
    },
    ...(rules.length === 0 ? {} : { 'x-kubernetes-validations': rules as readonly unknown[] as readonly JsonObject[] }),
  };
};

/**
 * A schema as it is printed into a CRD: plain JSON with keywords in a fixed order. @throws when it has a keyword that a structural
 * schema must not have.
 */
export function structural(schema: object): JsonObject {
  return plain(JSON.parse(JSON.stringify(schema)) as JsonObject);
}

const FORBIDDEN = ['const', 'anyOf', 'oneOf', 'allOf', 'not', '$ref', 'patternProperties', '$id', '$defs'];

const plain = (schema: JsonObject): JsonObject => {
  const forbidden = FORBIDDEN.find((keyword) => Object.hasOwn(schema, keyword));
  if (forbidden !== undefined) throw new Error(`a structural schema cannot have ${forbidden}`);
  const { type, description, required, properties, items, ...others } = schema;
  const members: readonly [string, Json][] = isObject(properties)
    ? Object.entries(properties).flatMap(([key, member]) => (isObject(member) ? [[key, plain(member)] as const] : []))
    : [];
  return {
    type: type ?? 'object',
    ...(description === undefined ? {} : { description }),
    ...others,
    ...(required === undefined ? {} : { required }),
    ...(members.length === 0 ? {} : { properties: Object.fromEntries(members) }),
    ...(isObject(items) ? { items: plain(items) } : {}),
  };
};
