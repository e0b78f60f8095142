// A mount with its configuration and roles in Vault → manifests with managementPolicy Observe, and notes on what they cannot express.
import { type JsonObject, isObject, objectAt } from '../json/json.ts';
import {
  type ExportedRole,
  exportRole,
  type VaultRole,
  objectNameOf,
  type Note,
  number,
  isGiven,
  isSet,
  text,
  texts,
} from './export-role.ts';
import { durationOf } from './schema.ts';
import { API_VERSION, type KindName } from './kinds.ts';
import { readResource } from './read-resource.ts';

export interface ExportInput {
  readonly mount: VaultMount;
  readonly roles: readonly VaultRole[];
  /** Name of the VaultEndpoint; Vault has no name for itself. */
  readonly endpoint: string;
  readonly backend: string;
  readonly clusterName: string;
}

export interface MountExport {
  /** The backend first, then roles by namespace and name. */
  readonly manifests: readonly JsonObject[];
  readonly notes: readonly Note[];
}

/**
 * Exports a mount. The tenancy of the backend allows each namespace the policies that its roles have, and no others. A role whose
 * manifest would fail the schema is in the notes instead.
 */
export function exportMount(input: ExportInput): MountExport {
  const backend = exportBackend(input.mount);
  if (typeof backend === 'string')
    return { manifests: [], notes: [{ subject: 'configuration', reason: backend, expressed: false }] };
  const context = { type: backend.type, backend: input.backend, isClientJWT: backend.isClientJWT };
  const exported = input.roles.map((role) => exportRole(role, context));
  const checked = exported
    .flatMap(({ roles }) => roles)
    .map((role) => ({ role, problems: problemsOf('VaultAuthRole', role.manifest) }));
  const good = checked.filter(({ problems }) => problems.length === 0).map(({ role }) => role);
  const { roles, renamed } = distinct(good);
  const spec = backendSpec(input, backend, roles);
  const manifest = { apiVersion: API_VERSION, kind: 'VaultAuthBackend', metadata: { name: input.backend }, spec };
  return {
    manifests: [manifest, ...roles.map((role) => role.manifest)],
    notes: [
      ...backend.notes,
      ...problemsOf('VaultAuthBackend', manifest).map((reason) => ({ subject: 'configuration', reason, expressed: true })),
      ...exported.flatMap(({ notes }) => notes),
      ...renamed,
      ...checked.flatMap(({ role, problems }) =>
        problems.map((reason) => ({ subject: `role ${role.role}`, reason, expressed: false })),
      ),
    ],
  };
}

const problemsOf = (kind: KindName, manifest: JsonObject): readonly string[] => {
  const exported = readResource(kind, manifest);
  return exported.ok ? [] : exported.problems;
};

/** Sorted; roles whose object names collide get a number. */
const distinct = (
  roles: readonly ExportedRole[],
): { readonly roles: readonly ExportedRole[]; readonly renamed: readonly Note[] } => {
  const taken = new Set<string>();
  const renamed: Note[] = [];
  const sorted = roles.toSorted((one, other) => compare(one.namespace, other.namespace) || compare(one.role, other.role));
  const unique = sorted.map((role) => {
    const base = objectNameOf(role.role);
    let name = base;
    for (let number = 2; taken.has(`${role.namespace}/${name}`); number += 1) name = `${base}-${number}`;
    taken.add(`${role.namespace}/${name}`);
    if (name !== role.role)
      renamed.push({
        subject: `role ${role.role}`,
        reason: `is named ${name} here, because its name in Vault is not a valid or unique object name`,
        expressed: true,
      });
    return { ...role, manifest: { ...role.manifest, metadata: { name, namespace: role.namespace } } };
  });
  return { roles: unique, renamed };
};

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

/** Maximum values of a selector requirement and rules of a backend, as in their schemas. */
const MAX_NAMESPACES = 64;
const NAMESPACE_LABEL = 'kubernetes.io/metadata.name';

const backendSpec = (
  { mount, roles: found, endpoint, clusterName }: ExportInput,
  backend: BackendExport,
  roles: readonly ExportedRole[],
): JsonObject => {
  const byNamespace = new Map<string, ExportedRole[]>();
  for (const role of roles) byNamespace.set(role.namespace, [...(byNamespace.get(role.namespace) ?? []), role]);
  const namespaces = [...byNamespace.keys()];
  const isFew = namespaces.length <= MAX_NAMESPACES;
  const highest = (field: string): number => Math.max(0, ...found.map(({ document }) => number(document, field)));
  const longest = Math.max(highest('token_max_ttl'), highest('token_ttl'), highest('token_explicit_max_ttl'), 86400);
  const isUnbounded = found.some(({ document }) => number(document, 'token_max_ttl') === 0);
  const period = highest('token_period');
  return {
    endpointRef: { name: endpoint },
    type: backend.type,
    path: mount.path,
    clusterName,
    managementPolicy: 'Observe',
    ...backend.spec,
    tenancy: {
      ...(namespaces.length === 0 ? {} : { namespaceSelector: isFew ? named(namespaces) : {} }),
      policyRules: isFew
        ? [...byNamespace].flatMap(([namespace, own]) => rulesOf(own, { matchLabels: { [NAMESPACE_LABEL]: namespace } }))
        : rulesOf(roles, {}),
      limits: {
        maxTTL: isUnbounded ? '0s' : durationOf(longest),
        ...(period > 0 ? { maxPeriod: durationOf(period) } : {}),
        maxRolesPerNamespace: Math.min(10000, Math.max(50, ...[...byNamespace.values()].map((own) => own.length))),
      },
      // As in its roles: what existed before the export is kept.
      ...(namespaces.length === 0 ? {} : { allowRetain: true }),
      roleNaming: 'Plain',
    },
  };
};

const named = (namespaces: readonly string[]): JsonObject => ({
  matchExpressions: [{ key: NAMESPACE_LABEL, operator: 'In', values: [...namespaces] }],
});

const MAX_RULE_POLICIES = 64;
const rulesOf = (roles: readonly ExportedRole[], namespaceSelector: JsonObject): readonly JsonObject[] => {
  const policies = [...new Set(roles.flatMap((role) => role.policies))].toSorted();
  const parts = Array.from({ length: Math.ceil(policies.length / MAX_RULE_POLICIES) }, (_, at) =>
    policies.slice(at * MAX_RULE_POLICIES, (at + 1) * MAX_RULE_POLICIES),
  );
  return parts.map((part) => ({ policies: part, namespaceSelector }));
};

/** A mount as read from Vault. */
export interface VaultMount {
  readonly path: string;
  /** The type in sys/auth: kubernetes, jwt or oidc. */
  readonly type: string;
  readonly description: string;
  /** Undefined for a mount that was never configured. */
  readonly config: JsonObject | undefined;
}

export interface BackendExport {
  readonly type: 'kubernetes' | 'jwt';
  /** The members `kubernetes` or `jwt`, `mount` and `aliasMetadata` of the spec. */
  readonly spec: JsonObject;
  readonly isClientJWT: boolean;
  readonly notes: readonly Note[];
}

/** The configuration of a mount; or the reason why a VaultAuthBackend cannot express it. */
function exportBackend({ path, type, description, config }: VaultMount): BackendExport | string {
  const isJWT = type === 'jwt' || type === 'oidc';
  if (!isJWT && type !== 'kubernetes') return `auth/${path} is of type ${type}; a VaultAuthBackend has type kubernetes or jwt`;
  if (config === undefined) return `auth/${path} was never configured`;
  const exported = isJWT ? jwtOf(config) : kubernetesOf(config);
  if (typeof exported === 'string') return `auth/${path}: ${exported}`;
  return {
    type: isJWT ? 'jwt' : 'kubernetes',
    // The mount exists.
    spec: { mount: { create: false, ...(description === '' ? {} : { description }) }, ...exported.spec },
    isClientJWT: exported.isClientJWT,
    notes: [...(type === 'oidc' ? [OIDC] : []), ...exported.reasons].map((reason) => ({
      subject: 'configuration',
      reason,
      expressed: true,
    })),
  };
}

const OIDC = 'the mount has type oidc, an alias of jwt';

interface ConfigExport {
  readonly spec: JsonObject;
  readonly isClientJWT: boolean;
  readonly reasons: readonly string[];
}

const kubernetesOf = (config: JsonObject): ConfigExport | string => {
  const isLocal = !isSet(config, 'disable_local_ca_jwt');
  const stored = config['token_reviewer_jwt_set'];
  const ca = text(config, 'kubernetes_ca_cert');
  const keys = texts(config['pem_keys']);
  const issuer = text(config, 'issuer');
  const validates = !isSet(config, 'disable_iss_validation');
  const mode = stored === true ? 'Rotated' : isLocal ? 'Local' : 'ClientJWT';
  return {
    spec: {
      kubernetes: {
        host: text(config, 'kubernetes_host'),
        ca: ca === '' ? { source: isLocal ? 'FromCluster' : 'System' } : { source: 'Given', inline: ca },
        reviewer: { mode },
        ...(keys.length > 0 ? { verifyKeys: { source: 'Given', pemKeys: keys } } : {}),
        issuer: validates && issuer !== '' ? issuer : 'Ignore',
      },
      ...(isSet(config, 'use_annotations_as_alias_metadata') ? { aliasMetadata: { fromAnnotations: true } } : {}),
    },
    isClientJWT: mode === 'ClientJWT',
    reasons: [
      ...(stored === true ? [STORED] : []),
      ...(stored === undefined ? [NOT_RETURNED] : []),
      ...(stored === true && isLocal ? [FALL_BACK] : []),
      ...(validates && issuer === '' ? ['issuer validation is on without an issuer, so that Vault compares nothing'] : []),
      ...(!validates && issuer !== ''
        ? [`the issuer ${JSON.stringify(issuer)} is set and not validated; the manifest has Ignore`]
        : []),
    ],
  };
};

const STORED =
  'a reviewer token is stored, which Vault does not return; the manifest has reviewer.mode Rotated, which replaces the token with managementPolicy Manage (use SecretRef to provide your own)';
const NOT_RETURNED = 'the server does not return whether a reviewer token is stored; check reviewer.mode';
const FALL_BACK =
  'Vault falls back to its own token without a stored one (disable_local_ca_jwt is false); managementPolicy Manage turns this off';

const jwtOf = (config: JsonObject): ConfigExport | string => {
  if (isGiven(config['jwks_pairs'])) return 'several key set URLs (jwks_pairs) cannot be expressed';
  if (isGiven(config['oidc_client_id'])) return 'it is configured for the OIDC browser flow (oidc_client_id)';
  const provider = objectAt(config, 'provider_config');
  const isOpenBao = provider?.['provider'] === 'kubernetes';
  if (isObject(provider) && Object.keys(provider).length > 0 && !isOpenBao)
    return `the provider ${JSON.stringify(provider['provider'] ?? '')} cannot be expressed`;
  const issuer = text(config, 'bound_issuer');
  const others = ['default_role', 'jwt_supported_algs', 'unsupported_critical_cert_extensions', 'override_allowed_server_names'];
  return {
    spec: {
      jwt: { keys: isOpenBao ? { source: 'OpenBaoKubernetes' } : keysOf(config), issuer: issuer === '' ? 'Discover' : issuer },
    },
    isClientJWT: false,
    reasons: [
      ...(issuer === '' ? ['every issuer is accepted (no bound_issuer); the manifest has Discover'] : []),
      ...(texts(config['jwt_validation_pubkeys']).length > 0 ? [PUSHED] : []),
      ...others.filter((field) => isGiven(config[field])).map((field) => `${field} is set and cannot be expressed`),
    ],
  };
};

const PUSHED =
  'the keys are static (jwt_validation_pubkeys); the manifest has keys.source Push, which syncs them from this cluster';

const keysOf = (config: JsonObject): JsonObject => {
  const discovery = text(config, 'oidc_discovery_url');
  if (discovery !== '') return { source: 'Discovery', url: discovery, ...caOf(text(config, 'oidc_discovery_ca_pem')) };
  const url = text(config, 'jwks_url');
  return url === '' ? { source: 'Push' } : { source: 'JWKS', url, ...caOf(text(config, 'jwks_ca_pem')) };
};

const caOf = (pem: string): JsonObject => (pem === '' ? {} : { ca: { inline: pem } });
