// Paths in a container, compared as the container's runtime resolves them.
import { posix } from 'node:path';

/** The absolute path with a slash at its end. In most images `/var/run` is a link to `/run`. */
export function resolvedPath(path: string): string {
  return posix.join('/', path, '/').replace(/^\/var\/run\//, '/run/');
}
