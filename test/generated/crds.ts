// deploy/crds: the four kinds, and the rights that follow from being an editor or a viewer of a namespace.
import type { JsonObject } from '../../src/json/json.ts';
import { crdOf } from '../../src/resources/crd.ts';
import { GROUP, type KindName, kinds } from '../../src/resources/kinds.ts';
import { printYaml } from '../../src/yaml/documents.ts';
import { NAME } from './webhook-entries.ts';
import type { Document } from './markdown.ts';

const GENERATED = '# Printed from src/resources by `make generate`; a test compares. Change the schema, not this file.\n';

const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];

const clusterRole = (
  name: string,
  words: string,
  labels: Readonly<Record<string, string>>,
  rules: readonly JsonObject[],
): string =>
  `# ${words}\n${printYaml({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: `${NAME}-${name}`, labels: { 'app.kubernetes.io/name': NAME, ...labels } },
    rules,
  })}`;

const rule = (names: readonly KindName[], verbs: readonly string[]): JsonObject => ({
  apiGroups: [GROUP],
  resources: names.map((name) => kinds[name].plural),
  verbs,
});
const aggregated = (...roles: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(roles.map((role) => [`rbac.authorization.k8s.io/aggregate-to-${role}`, 'true']));

const rights = (): string =>
  `${GENERATED}${[
    clusterRole(
      'role-edit',
      'Anyone who can edit a namespace can manage its VaultAuthRoles: they can already run pods with every service account in it.',
      aggregated('edit', 'admin'),
      [rule(['VaultAuthRole'], [...READ, ...WRITE])],
    ),
    clusterRole(
      'role-view',
      'Anyone who can view a namespace can view its VaultAuthRoles.',
      aggregated('view', 'edit', 'admin'),
      [rule(['VaultAuthRole'], READ)],
    ),
    clusterRole('admin', 'For platform teams: all four kinds, without their status. Not bound by default.', {}, [
      rule(['VaultEndpoint', 'VaultAuthBackend', 'VaultACLPolicy', 'VaultAuthRole'], [...READ, ...WRITE]),
    ]),
  ].join('---\n')}`;

/** Everything printed into deploy/crds, and into files/ of the chart. */
export function crdDocuments(): readonly Document[] {
  const crds = Object.values(kinds).map(({ kind, plural }) => ({
    name: `crds/${plural}.yaml`,
    text: `${GENERATED}${printYaml(crdOf(kind))}`,
  }));
  const all = [...crds, { name: 'crds/rights.yaml', text: rights() }];
  return ['deploy', 'deploy/chart/files'].flatMap((folder) => all.map(({ name, text }) => ({ file: `${folder}/${name}`, text })));
}
