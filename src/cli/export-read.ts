// What the command export reads of a server: one mount, its configuration, all its roles. It writes nothing.
import type { VaultMount } from '../resources/export-mount.ts';
import type { VaultRole } from '../resources/export-role.ts';
import type { VaultCaller } from '../vault/client.ts';
import { readConfig, readMounts } from '../vault/mounts.ts';
import { listRoles, readRole } from '../vault/roles.ts';

export interface FoundBackend {
  readonly mount: VaultMount;
  readonly roles: readonly VaultRole[];
}

const EXPORTABLE: ReadonlySet<string> = new Set(['kubernetes', 'jwt', 'oidc']);

/** Roles that are read at the same time. */
const AT_ONCE = 8;

/** Reads a mount, or says which there are. Needs `read` on sys/auth, the configuration and the roles. Throws VaultError. */
export async function readBackend(caller: VaultCaller, path: string): Promise<FoundBackend | { readonly problem: string }> {
  const mounts = await readMounts(caller);
  const found = mounts.find((mount) => mount.path === path);
  if (!found) {
    const fitting = mounts.filter(({ type }) => EXPORTABLE.has(type));
    const others = fitting.map((mount) => `${mount.path} (${mount.type})`).join(', ');
    return {
      problem: `there is no auth mount ${JSON.stringify(path)}; there is ${others === '' ? 'none that could be exported' : others}`,
    };
  }
  const mount = { path, type: found.type, description: found.description };
  // Other types have other roles, or none.
  if (found.type === 'token' || !['kubernetes', 'jwt', 'oidc'].includes(found.type))
    return { mount: { ...mount, config: undefined }, roles: [] };
  const names = await listRoles(caller, path);
  const roles: VaultRole[] = [];
  for (let at = 0; at < names.length; at += AT_ONCE) {
    const some = names.slice(at, at + AT_ONCE);
    const documents = await Promise.all(some.map((name) => readRole(caller, path, name)));
    // A role that is gone by now was somebody else's to delete.
    for (const [index, document] of documents.entries()) if (document) roles.push({ name: some[index] ?? '', document });
  }
  return { mount: { ...mount, config: await readConfig(caller, path) }, roles };
}
