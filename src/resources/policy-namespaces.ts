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
