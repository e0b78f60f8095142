// Paths in a container, compared as the container's runtime resolves them.
import { posix } from 'node:path';

/** The absolute path with a slash at its end. In most images `/var/run` is a link to `/run`. */
export function resolvedPath(path: string): string {
  return posix.join('/', path, '/').replace(/^\/var\/run\//, '/run/');
}

/** Directories of a deeper path are not looked at: a path of 100,000 directories would take seconds. */
const MAX_DEPTH = 64;

/** A resolved path and the directories that it is in, without `/`, the longest last. */
export function withAncestors(resolved: string): readonly string[] {
  const found: string[] = [];
  for (let end = resolved.indexOf('/', 1); end >= 0 && found.length < MAX_DEPTH; end = resolved.indexOf('/', end + 1))
    found.push(resolved.slice(0, end + 1));
  return found;
}
