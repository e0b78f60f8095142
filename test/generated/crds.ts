// deploy/crds: the four kinds, and the rights that follow from being an editor or a viewer of a namespace.
import { stringify } from 'yaml';
import type { JsonObject } from '../../src/json/json.ts';
import { crdOf } from '../../src/resources/crd.ts';
import { GROUP, type KindName, kinds } from '../../src/resources/kinds.ts';
import { NAME } from './webhook-entries.ts';
import type { Document } from './markdown.ts';

const GENERATED = '# Printed from src/resources by `make generate`; a test compares. Change the schema, not this file.\n';
const yaml = (value: unknown): string => stringify(value, { lineWidth: 0, indentSeq: true, aliasDuplicateObjects: false });

const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];

const clusterRole = (
  name: string,
  words: string,
  labels: Readonly<Record<string, string>>,
  rules: readonly JsonObject[],
): string =>
  `# ${words}\n${yaml({
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

const rights = (): Document => ({
  file: 'deploy/crds/rights.yaml',
  text: `${GENERATED}${[
    clusterRole(
      'role-edit',
      'Whoever may edit a namespace may declare its roles: whoever may, can run a pod there as each of its service accounts too.',
      aggregated('edit', 'admin'),
      [rule(['VaultAuthRole'], [...READ, ...WRITE])],
    ),
    clusterRole('role-view', 'Whoever may look at a namespace may look at its roles.', aggregated('view', 'edit', 'admin'), [
      rule(['VaultAuthRole'], READ),
    ]),
    clusterRole('admin', 'For platform administrators: everything but the status. Bind it by yourselves.', {}, [
      rule(['VaultEndpoint', 'VaultAuthBackend', 'VaultACLPolicy', 'VaultAuthRole'], [...READ, ...WRITE]),
    ]),
  ].join('---\n')}`,
});

/** Everything printed into deploy/crds. */
export function crdDocuments(): readonly Document[] {
  return [
    ...Object.values(kinds).map(({ kind, plural }) => ({
      file: `deploy/crds/${plural}.yaml`,
      text: `${GENERATED}${yaml(crdOf(kind))}`,
    })),
    rights(),
  ];
}
