// The text of an ACL policy as Vault gets it: accessors put in, a first line that says whose it is, nothing privileged unasked.
import type { VaultACLPolicy } from './acl-policy.ts';
import { policyWarnings } from './policy-hints.ts';
import { type NamespacePath, namespacePaths } from './policy-namespaces.ts';
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
