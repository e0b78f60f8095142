// Paths in a container, compared as the container's runtime resolves them.
import { posix } from 'node:path';

/** An absolute path without empty, `.` or `..` segments: most paths of most pods, and joining them is what makes comparing slow. */
const NORMAL = /^(?:\/[^/.][^/]*)+\/?$/;

/** A path as the kubelet mounts it, with a slash at its end: `/data/`, `data` and `//data` are one. */
export function absolutePath(path: string): string {
  if (!NORMAL.test(path)) return posix.join('/', path, '/');
  return path.endsWith('/') ? path : `${path}/`;
}

/** The absolute path with a slash at its end. In most images `/var/run` is a link to `/run`. */
export function resolvedPath(path: string): string {
  const absolute = absolutePath(path);
  return absolute.startsWith('/var/run/') ? absolute.slice('/var'.length) : absolute;
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
