// The text of an ACL policy as it is written to Vault: rendered with mount accessors, marked with its owner, without privileged paths.
import type { VaultACLPolicy } from './acl-policy.ts';
import { policyPaths } from './policy-paths.ts';

export type PolicyText =
  | {
      readonly ok: true;
      readonly text: string;
      readonly accessors: readonly { readonly backend: string; readonly accessor: string }[];
      /** Risks of an allowed policy, as sentences. */
      readonly warnings: readonly string[];
      /** The policy must not be written if the server has one of these namespaces; empty for a privileged policy. */
      readonly namespacePaths: readonly NamespacePath[];
    }
  | { readonly ok: false; readonly reason: 'PrivilegedPath' | 'TemplateUnresolved' | 'InvalidPolicy'; readonly message: string };

const VARIABLE = /\$\{([^}]*)\}/g;
const ACCESSOR = /^auth\.([a-z0-9]([-a-z0-9.]*[a-z0-9])?)\.accessor$/;
/** Start of the first line; name and UID of the object follow. */
const MARK = '# Managed by vault-auth-injector:';
/** Write access below these paths is enough to take over the server. */
const PRIVILEGED = ['sys', 'auth', 'identity'] as const;

/**
 * Renders the accessors and adds the mark. Fails closed: an unresolved variable would remain in the text and silently match
 * nothing, and a text that cannot be parsed could contain any path.
 */
export function policyText(policy: VaultACLPolicy, accessorOf: (backend: string) => string | undefined): PolicyText {
  const accessors = new Map<string, string>();
  const problems: string[] = [];
  const text = policy.spec.policy.replaceAll(VARIABLE, (variable, inside: string) => {
    const backend = ACCESSOR.exec(inside.trim())?.[1];
    const accessor = backend === undefined ? undefined : accessorOf(backend);
    if (backend === undefined) problems.push(`${variable} is not supported: use \${auth.NAME.accessor}`);
    else if (accessor === undefined) problems.push(`${variable}: VaultAuthBackend ${backend} has no mount accessor yet`);
    else accessors.set(backend, accessor);
    return accessor ?? variable;
  });
  if (problems.length > 0) return { ok: false, reason: 'TemplateUnresolved', message: [...new Set(problems)].join('; ') };
  const checked = policy.spec.privileged ? { ok: true as const, namespacePaths: [] } : withoutPrivilege(text);
  if (!checked.ok) return checked;
  const isJSON = text.trimStart().startsWith('{');
  return {
    ok: true,
    // JSON has no comments.
    text: isJSON ? text : `${markOf(policy)}\n${text}`,
    accessors: [...accessors].map(([backend, accessor]) => ({ backend, accessor })),
    warnings: policyWarnings(text),
    namespacePaths: checked.namespacePaths,
  };
}

/** Whether a text in Vault has the mark of this object. */
export function isMarked(policy: VaultACLPolicy, text: string): boolean {
  return text.split('\n', 1)[0] === markOf(policy);
}

/** A text without our mark, to compare it: two clusters can share a policy. */
export function withoutMark(text: string): string {
  return text.startsWith(MARK) ? text.slice(text.indexOf('\n') + 1) : text;
}

const markOf = ({ metadata: { name, uid } }: VaultACLPolicy): string => `${MARK} VaultACLPolicy ${name}, ${uid}`;

type Rejection = Extract<PolicyText, { ok: false }>;

const withoutPrivilege = (text: string): Rejection | { readonly ok: true; readonly namespacePaths: readonly NamespacePath[] } => {
  const parsed = policyPaths(text);
  if (!parsed.ok) return { ok: false, reason: 'InvalidPolicy', message: `the policy cannot be parsed: ${parsed.problem}` };
  const privileged = parsed.paths.filter(isPrivileged);
  if (privileged.length === 0) return { ok: true, namespacePaths: namespacePaths(parsed.paths, isPrivileged) };
  return { ok: false, reason: 'PrivilegedPath', message: privilegeMessage(privileged, '', 'the server') };
};

/** The message for paths that reach into namespaces of the server. */
export function namespaceDenial(found: readonly NamespacePath[]): string {
  const names = [...new Set(found.map(({ namespace }) => namespace))].slice(0, MAX_SHOWN_PATHS).join(', ');
  const paths = [...new Set(found.map(({ path }) => path))];
  return privilegeMessage(paths, ` of a child namespace (${names})`, 'it');
}

const privilegeMessage = (paths: readonly string[], where: string, what: string): string => {
  const shown = paths.slice(0, MAX_SHOWN_PATHS).map((path) => JSON.stringify(path.slice(0, 128)));
  const reached = PRIVILEGED.map((first) => `${first}/`).join(', ');
  return `${shown.join(', ')} can reach ${reached}${where}, which is enough to take over ${what}. Narrow the path, or set spec.privileged`;
};
const MAX_SHOWN_PATHS = 8;

/**
 * Whether a path can match a path below sys/, auth/ or identity/. A trailing star matches any characters, a plus matches one
 * segment, and a template or an escape can match anything. For paths into child namespaces (team/sys/policies) see `namespacePaths`.
 */
export function isPrivileged(path: string): boolean {
  if (path.includes('\\')) return true;
  const [first = '', ...more] = path.replace(/^\/+/, '').split('/');
  if (first.includes('{{') || first === '+') return true;
  const isGlob = more.length === 0 && first.endsWith('*');
  return PRIVILEGED.some((root) => (isGlob ? root.startsWith(first.slice(0, -1)) : root === first));
}

/** Metadata that the auth methods themselves set from the service account. */
const BUILT_IN_METADATA = new Set([
  'service_account_namespace',
  'service_account_name',
  'service_account_uid',
  'service_account_secret_name',
]);
const ALIAS_TEMPLATE = /\{\{\s*identity\.entity\.aliases\.[^.}\s]+\.([a-z_]+)(?:\.([^}\s]+))?\s*\}\}/g;

/** Risks of templates: values with slashes, and values that anyone who can edit a service account controls. */
export function policyWarnings(text: string): readonly string[] {
  const found = [...text.matchAll(ALIAS_TEMPLATE)];
  const keys = found.flatMap(([, member, key]) => (member === 'metadata' && key !== undefined ? [key] : []));
  const fromAnnotations = [...new Set(keys)].filter((key) => !BUILT_IN_METADATA.has(key));
  return [
    ...(found.some(([, member]) => member === 'name') ? [NAME_WARNING] : []),
    ...(fromAnnotations.length > 0
      ? [
          `metadata ${fromAnnotations.join(', ')} comes from annotations: anyone who can edit a service account controls which paths the policy matches`,
        ]
      : []),
  ];
}

const NAME_WARNING =
  'with aliasNameSource ServiceAccountName the alias name is "namespace/name", and OpenBao 2.6 denies values with a slash: use metadata.service_account_namespace and metadata.service_account_name';

/** A path that can reach sys/, auth/ or identity/ of a child namespace, if the server has that namespace. */
export interface NamespacePath {
  readonly path: string;
  /** Relative to the namespace of the policy; for a path with wildcards, the part before them. */
  readonly namespace: string;
}

/**
 * Every child namespace that these paths could mean: a path does not show whether its first segments are a namespace or a mount,
 * and the server allows no mount with the name of a namespace. `isPrivileged` checks the rest of the path.
 */
export function namespacePaths(paths: readonly string[], isPrivileged: (path: string) => boolean): readonly NamespacePath[] {
  return paths.flatMap((path) => {
    const segments = path.replace(/^\/+/, '').split('/');
    const wildcard = segments.findIndex((segment) => segment === '+' || segment.includes('{{'));
    const namespaces = new Set(
      segments.flatMap((_, at) => {
        const end = wildcard < 0 ? at : Math.min(at, wildcard);
        return end > 0 && isPrivileged(segments.slice(at).join('/')) ? [segments.slice(0, end).join('/')] : [];
      }),
    );
    return [...namespaces].map((namespace) => ({ path, namespace }));
  });
}
