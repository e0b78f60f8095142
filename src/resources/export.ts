// A mount with its roles, as read from Vault → manifests in Observe mode, with which nothing is written, and what they cannot say.
import type { JsonObject } from '../json/json.ts';
import { type BackendExport, exportBackend, type VaultMount } from './export-backend.ts';
import { type ExportedRole, exportRole, type VaultRole, objectNameOf } from './export-roles.ts';
import { type Note, number } from './export-value.ts';
import { durationOf } from './duration.ts';
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
