// The text of an ACL policy as Vault gets it: accessors put in, a first line that says whose it is, nothing privileged unasked.
import type { VaultACLPolicy } from './acl-policy.ts';
import { policyPaths } from './policy-paths.ts';

export type PolicyText =
  | {
      readonly ok: true;
      readonly text: string;
      readonly accessors: readonly { readonly backend: string; readonly accessor: string }[];
      /** What is risky in it, as sentences for people. */
      readonly hints: readonly string[];
      /** Must not be written where one of these is a namespace; empty for a privileged policy. */
      readonly namespacePaths: readonly NamespacePath[];
    }
  | { readonly ok: false; readonly reason: 'PrivilegedPath' | 'TemplateUnresolved' | 'InvalidPolicy'; readonly message: string };

const VARIABLE = /\$\{([^}]*)\}/g;
const ACCESSOR = /^auth\.([a-z0-9]([-a-z0-9.]*[a-z0-9])?)\.accessor$/;
/** Begins the first line; what follows names cluster and object. */
const MARK = '# Managed by vault-auth-injector:';
/** Whoever may write below these can give himself everything. */
const PRIVILEGED = ['sys', 'auth', 'identity'] as const;

/**
 * Puts accessors in and marks the text. Fails closed: a variable that cannot be resolved would stay in the text as it is and
 * silently match nothing, and a text whose paths cannot be read could hold any.
 */
export function policyText(policy: VaultACLPolicy, accessorOf: (backend: string) => string | undefined): PolicyText {
  const accessors = new Map<string, string>();
  const problems: string[] = [];
  const text = policy.spec.policy.replaceAll(VARIABLE, (variable, inside: string) => {
    const backend = ACCESSOR.exec(inside.trim())?.[1];
    const accessor = backend === undefined ? undefined : accessorOf(backend);
    if (backend === undefined) problems.push(`${variable} is not known: only \${auth.NAME.accessor} is`);
    else if (accessor === undefined) problems.push(`${variable}: VaultAuthBackend ${backend} has no accessor (yet)`);
    else accessors.set(backend, accessor);
    return accessor ?? variable;
  });
  if (problems.length > 0) return { ok: false, reason: 'TemplateUnresolved', message: [...new Set(problems)].join('; ') };
  const guarded = policy.spec.privileged ? { ok: true as const, namespacePaths: [] } : withoutPrivilege(text);
  if (!guarded.ok) return guarded;
  const isJSON = text.trimStart().startsWith('{');
  return {
    ok: true,
    // JSON has no comments.
    text: isJSON ? text : `${markOf(policy)}\n${text}`,
    accessors: [...accessors].map(([backend, accessor]) => ({ backend, accessor })),
    hints: policyWarnings(text),
    namespacePaths: guarded.namespacePaths,
  };
}

/** Whether a text in Vault bears the mark of this very object. */
export function isMarked(policy: VaultACLPolicy, text: string): boolean {
  return text.split('\n', 1)[0] === markOf(policy);
}

/** A text without our mark, for comparing: two clusters may well have the same policy. */
export function withoutMark(text: string): string {
  return text.startsWith(MARK) ? text.slice(text.indexOf('\n') + 1) : text;
}

const markOf = ({ metadata: { name, uid } }: VaultACLPolicy): string => `${MARK} VaultACLPolicy ${name}, ${uid}`;

type Refusal = Extract<PolicyText, { ok: false }>;

const withoutPrivilege = (text: string): Refusal | { readonly ok: true; readonly namespacePaths: readonly NamespacePath[] } => {
  const read = policyPaths(text);
  if (!read.ok) return { ok: false, reason: 'InvalidPolicy', message: `the policy cannot be read: ${read.problem}` };
  const privileged = read.paths.filter(isPrivileged);
  if (privileged.length === 0) return { ok: true, namespacePaths: namespacePaths(read.paths, isPrivileged) };
  return { ok: false, reason: 'PrivilegedPath', message: privilegeMessage(privileged, '', 'the server') };
};

/** The refusal of paths that reach into namespaces which the server has. */
export function namespaceDenial(found: readonly NamespacePath[]): string {
  const names = [...new Set(found.map(({ namespace }) => namespace))].slice(0, MOST_SHOWN).join(', ');
  const paths = [...new Set(found.map(({ path }) => path))];
  return privilegeMessage(paths, ` of a namespace in the server (${names})`, 'it');
}

const privilegeMessage = (paths: readonly string[], where: string, what: string): string => {
  const shown = paths.slice(0, MOST_SHOWN).map((path) => JSON.stringify(path.slice(0, 128)));
  const reached = PRIVILEGED.map((first) => `${first}/`).join(', ');
  return `${shown.join(', ')} can reach ${reached}${where}: with that one can take over ${what}. Narrow the path, or set spec.privileged`;
};
const MOST_SHOWN = 8;

/**
 * Whether a path can match something below sys/, auth/ or identity/. A star at the end stands for any characters, a plus for
 * one whole segment, a template for anything, and an escape for any character. For paths into namespaces below that of the
 * endpoint (team/sys/policies) see `namespacePaths`.
 */
export function isPrivileged(path: string): boolean {
  if (path.includes('\\')) return true;
  const [first = '', ...more] = path.replace(/^\/+/, '').split('/');
  if (first.includes('{{') || first === '+') return true;
  const isGlob = more.length === 0 && first.endsWith('*');
  return PRIVILEGED.some((word) => (isGlob ? word.startsWith(first.slice(0, -1)) : word === first));
}

// What is risky in a policy that is allowed: templates whose values hold slashes, or come from who may edit a service account.

/** Metadata that both auth methods set themselves from the service account; nobody else can change it. */
const BUILT_IN_METADATA = new Set([
  'service_account_namespace',
  'service_account_name',
  'service_account_uid',
  'service_account_secret_name',
]);
const ALIAS_TEMPLATE = /\{\{\s*identity\.entity\.aliases\.[^.}\s]+\.([a-z_]+)(?:\.([^}\s]+))?\s*\}\}/g;

/** Sentences for people; the policy works without anybody minding them. */
export function policyWarnings(text: string): readonly string[] {
  const found = [...text.matchAll(ALIAS_TEMPLATE)];
  const keys = found.flatMap(([, member, key]) => (member === 'metadata' && key !== undefined ? [key] : []));
  const foreign = [...new Set(keys)].filter((key) => !BUILT_IN_METADATA.has(key));
  return [
    ...(found.some(([, member]) => member === 'name') ? [NAME_HINT] : []),
    ...(foreign.length > 0
      ? [`metadata ${foreign.join(', ')} comes from annotations: whoever may edit a service account chooses what it reaches`]
      : []),
  ];
}

const NAME_HINT =
  'the name of an alias is "namespace/name" where aliasNameSource is ServiceAccountName, and OpenBao 2.6 denies values with a slash: use metadata.service_account_namespace and metadata.service_account_name';

// Paths of a policy that reach into a namespace below that of its endpoint: nothing in them tells a namespace from a mount, the
// server does. A mount and a namespace cannot have the same name.

/** A path that can reach sys/, auth/ or identity/ of a namespace, if that is one. */
export interface NamespacePath {
  readonly path: string;
  /** Relative to the namespace that the policy is in. Where the path has wildcards, the part before them. */
  readonly namespace: string;
}

/** All such readings of these paths; `isPrivileged` judges what follows the name of a namespace. */
export function namespacePaths(paths: readonly string[], isPrivileged: (path: string) => boolean): readonly NamespacePath[] {
  return paths.flatMap((path) => {
    const segments = path.replace(/^\/+/, '').split('/');
    const open = segments.findIndex((segment) => segment === '+' || segment.includes('{{'));
    const readings = new Set(
      segments.flatMap((_, at) => {
        const end = open < 0 ? at : Math.min(at, open);
        return end > 0 && isPrivileged(segments.slice(at).join('/')) ? [segments.slice(0, end).join('/')] : [];
      }),
    );
    return [...readings].map((namespace) => ({ path, namespace }));
  });
}
