// The block of SECURITY.md with the rights that the shipped Roles and ClusterRoles grant.
import { readdirSync, readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { code, type Document, tableOf, withBlock } from './markdown.ts';

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

export interface ShippedRole {
  /** Path in the repository. */
  readonly file: string;
  readonly kind: 'Role' | 'ClusterRole';
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** Every Role and ClusterRole below deploy/, in the order of the files; examples are not part of an installation. */
export function shippedRoles(): readonly ShippedRole[] {
  const files = readdirSync('deploy', { recursive: true, encoding: 'utf8' })
    .map((name) => `deploy/${name.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.yaml') && !/^deploy\/(?:examples|chart)\//.test(file));
  return files.toSorted().flatMap((file) =>
    parseAllDocuments(readFileSync(file, 'utf8')).flatMap((document) => {
      const object = document.toJS() as { kind?: string; metadata?: { name: string }; rules?: readonly Rule[] } | null;
      const { kind, metadata, rules } = object ?? {};
      return (kind === 'Role' || kind === 'ClusterRole') && metadata && rules ? [{ file, kind, name: metadata.name, rules }] : [];
    }),
  );
}

const objectsOf = ({ apiGroups = [], resources = [], resourceNames, nonResourceURLs }: Rule): string => {
  if (nonResourceURLs) return nonResourceURLs.map(code).join(', ');
  const group = apiGroups.join(', ');
  const named = resourceNames ? `, only ${resourceNames.map(code).join(', ')}` : '';
  return `${resources.map((resource) => code(group === '' ? resource : `${resource}.${group}`)).join(', ')}${named}`;
};

/** SECURITY.md with its table of rights as `deploy/` has them. */
export function rightsDocument(): Document {
  const rows = shippedRoles().flatMap(({ file, kind, name, rules }) =>
    rules.map((rule, index) => [index === 0 ? `[${kind} ${code(name)}](${file})` : '', objectsOf(rule), rule.verbs.join(', ')]),
  );
  return withBlock('SECURITY.md', 'rights', tableOf(['Role', 'Objects', 'Verbs'], rows));
}
