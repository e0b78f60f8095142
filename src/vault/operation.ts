// Names of requests for metrics: few, whatever names of mounts, roles and policies there are.

/** For example `write auth role`, `login`, `read sys/health`: what a path is about, without the names in it. */
export function operationOf(method: string, path: string): string {
  if (/^auth\/.+\/login$/.test(path)) return 'login';
  const verb = VERBS[method] ?? 'write';
  if (path.startsWith('auth/token/')) return `${verb} token`;
  if (/^auth\/.+\/config$/.test(path)) return `${verb} auth config`;
  if (/^auth\/.+\/role(?:\/[^/]+)?$/.test(path)) return `${verb} auth role`;
  if (path.startsWith('sys/policies/acl')) return `${verb} policy`;
  if (path.endsWith('/tune')) return `${verb} tune`;
  if (path.startsWith('sys/auth')) return `${verb} mount`;
  return path.startsWith('sys/health') ? 'read health' : `${verb} other`;
}

const VERBS: Readonly<Record<string, string>> = { GET: 'read', LIST: 'list', DELETE: 'delete' };
