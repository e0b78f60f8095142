// A mount with its roles, as read from Vault → manifests in Observe mode, with which nothing is written, and what they cannot say.
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
  /** Names that Vault does not know. */
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
 * What Vault has as objects of ours. The backend lets the namespaces that have roles keep what they have, and no more: each
 * namespace its own policies. Every manifest passes its schema; what would not is told among the notes.
 */
export function exportMount(situation: ExportInput): MountExport {
  const backend = exportBackend(situation.mount);
  if (typeof backend === 'string')
    return { manifests: [], notes: [{ subject: 'configuration', reason: backend, expressed: false }] };
  const surroundings = { type: backend.type, backend: situation.backend, isClientJWT: backend.isClientJWT };
  const exported = situation.roles.map((role) => exportRole(role, surroundings));
  const checked = exported
    .flatMap(({ roles }) => roles)
    .map((role) => ({ role, problems: problemsOf('VaultAuthRole', role.manifest) }));
  const good = checked.filter(({ problems }) => problems.length === 0).map(({ role }) => role);
  const { roles, renamed } = distinct(good);
  const spec = backendSpec(situation, backend, roles);
  const manifest = { apiVersion: API_VERSION, kind: 'VaultAuthBackend', metadata: { name: situation.backend }, spec };
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
  const reading = readResource(kind, manifest);
  return reading.ok ? [] : reading.problems;
};

/** In order; of two roles whose names become the same one gets a number. */
const distinct = (
  roles: readonly ExportedRole[],
): { readonly roles: readonly ExportedRole[]; readonly renamed: readonly Note[] } => {
  const taken = new Set<string>();
  const renamed: Note[] = [];
  const sorted = roles.toSorted((one, other) => compare(one.namespace, other.namespace) || compare(one.role, other.role));
  const unique = sorted.map((role) => {
    const wanted = objectNameOf(role.role);
    let name = wanted;
    for (let number = 2; taken.has(`${role.namespace}/${name}`); number += 1) name = `${wanted}-${number}`;
    taken.add(`${role.namespace}/${name}`);
    if (name !== role.role)
      renamed.push({
        subject: `role ${role.role}`,
        reason: `is called ${name} here: objects have other names than roles`,
        expressed: true,
      });
    return { ...role, manifest: { ...role.manifest, metadata: { name, namespace: role.namespace } } };
  });
  return { roles: unique, renamed };
};

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

/** Namespaces that a selector can name, and rules that a backend can have. */
const MOST_NAMESPACES = 64;
const NAMESPACE_LABEL = 'kubernetes.io/metadata.name';

const backendSpec = (
  { mount, roles: found, endpoint, clusterName }: ExportInput,
  backend: BackendExport,
  roles: readonly ExportedRole[],
): JsonObject => {
  const byNamespace = new Map<string, ExportedRole[]>();
  for (const role of roles) byNamespace.set(role.namespace, [...(byNamespace.get(role.namespace) ?? []), role]);
  const namespaces = [...byNamespace.keys()];
  const isFew = namespaces.length <= MOST_NAMESPACES;
  const most = (field: string): number => Math.max(0, ...found.map(({ document }) => number(document, field)));
  const longest = Math.max(most('token_max_ttl'), most('token_ttl'), most('token_explicit_max_ttl'), 86400);
  const isUnbounded = found.some(({ document }) => number(document, 'token_max_ttl') === 0);
  const period = most('token_period');
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
      // As its roles say: what was there before us stays.
      ...(namespaces.length === 0 ? {} : { allowRetain: true }),
      roleNaming: 'Plain',
    },
  };
};

const named = (namespaces: readonly string[]): JsonObject => ({
  matchExpressions: [{ key: NAMESPACE_LABEL, operator: 'In', values: [...namespaces] }],
});

const MOST_POLICIES = 64;
const rulesOf = (roles: readonly ExportedRole[], namespaceSelector: JsonObject): readonly JsonObject[] => {
  const policies = [...new Set(roles.flatMap((role) => role.policies))].toSorted();
  const parts = Array.from({ length: Math.ceil(policies.length / MOST_POLICIES) }, (_, at) =>
    policies.slice(at * MOST_POLICIES, (at + 1) * MOST_POLICIES),
  );
  return parts.map((part) => ({ policies: part, namespaceSelector }));
};

// The configuration of an auth mount as Vault has it → what a VaultAuthBackend says of it, and what it cannot say.

/** A mount as it is read. */
export interface VaultMount {
  readonly path: string;
  /** As sys/auth has it: kubernetes, jwt or oidc. */
  readonly type: string;
  readonly description: string;
  /** Undefined: never written. */
  readonly config: JsonObject | undefined;
}

export interface BackendExport {
  readonly type: 'kubernetes' | 'jwt';
  /** The members `kubernetes` or `jwt`, `mount` and `aliasMetadata` of the spec. */
  readonly spec: JsonObject;
  readonly isClientJWT: boolean;
  readonly notes: readonly Note[];
}

/** What a mount says; or why no backend of ours can stand for it. */
function exportBackend({ path, type, description, config }: VaultMount): BackendExport | string {
  const isJWT = type === 'jwt' || type === 'oidc';
  if (!isJWT && type !== 'kubernetes')
    return `auth/${path} is of type ${type}; there are backends of the types kubernetes and jwt`;
  if (config === undefined) return `auth/${path} was never configured`;
  const reading = isJWT ? jwtOf(config) : kubernetesOf(config);
  if (typeof reading === 'string') return `auth/${path}: ${reading}`;
  return {
    type: isJWT ? 'jwt' : 'kubernetes',
    // Whoever exports a mount has one.
    spec: { mount: { create: false, ...(description === '' ? {} : { description }) }, ...reading.spec },
    isClientJWT: reading.isClientJWT,
    notes: [...(type === 'oidc' ? [OIDC] : []), ...reading.reasons].map((reason) => ({
      subject: 'configuration',
      reason,
      expressed: true,
    })),
  };
}

const OIDC = 'the mount was made as type oidc, the other name of jwt';

interface Reading {
  readonly spec: JsonObject;
  readonly isClientJWT: boolean;
  readonly reasons: readonly string[];
}

const kubernetesOf = (config: JsonObject): Reading | string => {
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
      ...(stored === undefined ? [UNTOLD] : []),
      ...(stored === true && isLocal ? [FALL_BACK] : []),
      ...(validates && issuer === '' ? ['issuers are to be validated, and none is set: Vault compares nothing'] : []),
      ...(!validates && issuer !== ''
        ? [`the issuer ${JSON.stringify(issuer)} is set and not validated; the manifest has none`]
        : []),
    ],
  };
};

const STORED =
  "a reviewer's token is stored, which Vault never shows; the manifest says reviewer.mode Rotated, which replaces it once it is managed (SecretRef keeps one of yours)";
const UNTOLD = "the server does not tell whether a reviewer's token is stored; check reviewer.mode";
const FALL_BACK =
  'Vault falls back to its own token when the stored one is lost (disable_local_ca_jwt is false); managed, it does not';

const jwtOf = (config: JsonObject): Reading | string => {
  if (isGiven(config['jwks_pairs'])) return 'several URLs of keys (jwks_pairs) cannot be expressed';
  if (isGiven(config['oidc_client_id'])) return 'it is configured for people with browsers (oidc_client_id)';
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
      ...(issuer === '' ? ['every issuer passes (no bound_issuer); the manifest says Discover'] : []),
      ...(texts(config['jwt_validation_pubkeys']).length > 0 ? [PUSHED] : []),
      ...others.filter((field) => isGiven(config[field])).map((field) => `${field} is set, for which there is no field`),
    ],
  };
};

const PUSHED = 'the keys are written down; the manifest says keys.source Push, which keeps them those of this cluster';

const keysOf = (config: JsonObject): JsonObject => {
  const discovery = text(config, 'oidc_discovery_url');
  if (discovery !== '') return { source: 'Discovery', url: discovery, ...authority(text(config, 'oidc_discovery_ca_pem')) };
  const url = text(config, 'jwks_url');
  return url === '' ? { source: 'Push' } : { source: 'JWKS', url, ...authority(text(config, 'jwks_ca_pem')) };
};

const authority = (pem: string): JsonObject => (pem === '' ? {} : { ca: { inline: pem } });
