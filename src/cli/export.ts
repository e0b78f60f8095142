// The command export: prints an existing auth mount and its roles as manifests with managementPolicy Observe.
import { readFileSync } from 'node:fs';
import { objectAt, textOf, type JsonObject } from '../json/json.ts';
import { exportMount, type MountExport, type VaultMount } from '../resources/export-mount.ts';
import type { Note, VaultRole } from '../resources/export-role.ts';
import { type FlagSpec, parseFlags } from '../settings/flags.ts';
import { type VaultCaller, vaultClient } from '../vault/client.ts';
import { VaultError } from '../vault/errors.ts';
import { readConfig, readMounts } from '../vault/mounts.ts';
import { listRoles, readRole } from '../vault/roles.ts';
import { vaultSession } from '../vault/session.ts';
import { printYaml } from '../yaml/documents.ts';
import { asksForHelp, type Terminal } from './terminal.ts';
import { VERSION } from './version.ts';

const USAGE = `vault-auth-injector export -path PATH -cluster NAME [flags]

Reads an auth mount of Vault or OpenBao and prints a VaultAuthBackend and its VaultAuthRoles with
managementPolicy: Observe, so the controller writes nothing. What manifests cannot express
is reported on standard error and in comments. Nothing is written to the server.

  -path PATH            path of the auth mount, without "auth/"
  -cluster NAME         name of this cluster, for clusterName
  -name NAME            name of the VaultAuthBackend; default the path, with dashes
  -endpoint NAME        name of the VaultEndpoint; default main
  -address URL          address of the server; default VAULT_ADDR
  -vault-namespace NS   namespace in the server; default VAULT_NAMESPACE
  -ca-cert FILE         PEM of the CA bundle of the server; default VAULT_CACERT
  -token-file FILE      file with the token; default the variable VAULT_TOKEN

The token needs read on sys/auth and auth/PATH/config, list on auth/PATH/role, read on auth/PATH/role/*.
`;

const FLAGS: ReadonlyMap<string, FlagSpec> = new Map(
  ['path', 'cluster', 'name', 'endpoint', 'address', 'vault-namespace', 'ca-cert', 'token-file'].map((name) => [
    name,
    { isSwitch: false },
  ]),
);

/** Runs the command; returns the exit code: 0, 1 when the server cannot be read or has no such mount, 2 for invalid flags. */
export async function exportCommand(words: readonly string[], terminal: Terminal): Promise<number> {
  if (asksForHelp(words)) {
    terminal.stdout(USAGE);
    return 0;
  }
  const fail = (problems: readonly string[], code: number): number => {
    for (const problem of problems) terminal.stderr(`vault-auth-injector export: ${problem}\n`);
    return code;
  };
  const request = requestOf(words, terminal);
  if ('problems' in request) return fail(request.problems, 2);
  try {
    const found = await read(request);
    if ('problem' in found) return fail([found.problem], 1);
    const result = exportMount({ ...request, ...found });
    terminal.stdout(textOfExport(result));
    return fail(summary(result), result.manifests.length === 0 ? 1 : 0);
  } catch (error) {
    if (error instanceof VaultError) return fail([`${request.address}: ${error.message}`], 1);
    throw error;
  }
}

interface Request {
  readonly path: string;
  readonly clusterName: string;
  readonly backend: string;
  readonly endpoint: string;
  readonly address: string;
  readonly vaultNamespace: string;
  readonly ca: string | undefined;
  readonly token: string;
}

const requestOf = (words: readonly string[], { environment }: Terminal): Request | { readonly problems: readonly string[] } => {
  const { values, positionals, problems: unread } = parseFlags(words, FLAGS, { stopAtPositional: false });
  const problems = [...unread, ...positionals.map((word) => `unexpected ${JSON.stringify(word)}`)];
  const value = (flag: string, variable = ''): string => values.get(flag) ?? environment[variable] ?? '';
  const contents = (flag: string, variable = ''): string | undefined => {
    const file = value(flag, variable);
    if (file === '') return undefined;
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      problems.push(`-${flag}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  };
  const path = value('path')
    .replace(/^auth\//, '')
    .replace(/\/$/, '');
  const address = value('address', 'VAULT_ADDR').replace(/\/$/, '');
  const token = contents('token-file')?.trim() ?? environment['VAULT_TOKEN'] ?? '';
  const ca = contents('ca-cert', 'VAULT_CACERT');
  if (path === '') problems.push('-path is missing: the path of the auth mount');
  if (!LABEL.test(value('cluster')))
    problems.push('-cluster is missing or invalid: the name of this cluster, of lower-case letters, digits and dashes');
  if (!URL.canParse(address) || !/^https?:/.test(address))
    problems.push('-address or VAULT_ADDR is missing or not a URL: the address of the server');
  if (token === '') problems.push('VAULT_TOKEN or -token-file is missing: set a token that can read the mount');
  if (problems.length > 0) return { problems: problems.map((problem) => `${problem} (export -help lists the flags)`) };
  return {
    path,
    clusterName: value('cluster'),
    backend: values.get('name') ?? path.replaceAll(/[^a-z0-9.-]+/g, '-'),
    endpoint: values.get('endpoint') ?? 'main',
    address,
    vaultNamespace: value('vault-namespace', 'VAULT_NAMESPACE').replaceAll(/^\/|\/$/g, ''),
    ca,
    token,
  };
};

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const LIMITS = { requestsPerSecond: 200, burst: 200, maxInFlight: 8, timeoutMs: 15_000 };

const read = async ({ address, vaultNamespace, ca, token, path }: Request) => {
  const client = vaultClient({
    address,
    namespace: vaultNamespace,
    tls: { ca },
    limits: LIMITS,
    userAgent: `vault-auth-injector/${VERSION}`,
  });
  try {
    return await readBackend(vaultSession({ client, login: { method: 'token', token: () => Promise.resolve(token) } }), path);
  } finally {
    client.close();
  }
};

/** Manifests, each below a comment with what it cannot express; roles without a manifest are listed at the end. */
const textOfExport = ({ manifests, notes }: MountExport): string => {
  const documents = manifests.map((manifest) => `${comment(notesOf(manifest, notes))}${printYaml(manifest)}`);
  const missing = notes.filter(({ expressed }) => !expressed);
  const rest =
    missing.length === 0 ? [] : [comment(['Not expressed:', ...missing.map(({ subject, reason }) => `${subject}: ${reason}`)])];
  return [...documents, ...rest].join('---\n');
};

const notesOf = (manifest: JsonObject, notes: readonly Note[]): readonly string[] => {
  const role = textOf(objectAt(manifest, 'spec'), 'vaultRoleName');
  const subject = role === undefined ? 'configuration' : `role ${role}`;
  return notes.filter((note) => note.expressed && note.subject === subject).map(({ reason }) => reason);
};

const comment = (lines: readonly string[]): string => lines.map((line) => `# ${line.replaceAll(/[\r\n]+/g, ' ')}\n`).join('');

const summary = ({ manifests, notes }: MountExport): readonly string[] => {
  const missing = notes.filter(({ expressed }) => !expressed);
  const roles = Math.max(manifests.length - 1, 0);
  return [
    ...notes.map(({ subject, reason, expressed }) => `${subject}: ${expressed ? '' : 'not expressed: '}${reason}`),
    `${roles} ${roles === 1 ? 'role' : 'roles'} printed, ${missing.length} not expressed`,
  ];
};

interface FoundBackend {
  readonly mount: VaultMount;
  readonly roles: readonly VaultRole[];
}

const EXPORTABLE: ReadonlySet<string> = new Set(['kubernetes', 'jwt', 'oidc']);

/** Number of concurrent reads of roles. */
const CONCURRENT_READS = 8;

/** Reads a mount with its configuration and all its roles, or lists the mounts that exist. Throws VaultError. */
const readBackend = async (caller: VaultCaller, path: string): Promise<FoundBackend | { readonly problem: string }> => {
  const mounts = await readMounts(caller);
  const found = mounts.find((mount) => mount.path === path);
  if (!found) {
    const fitting = mounts.filter(({ type }) => EXPORTABLE.has(type));
    const others = fitting.map((mount) => `${mount.path} (${mount.type})`).join(', ');
    return {
      problem: `there is no auth mount ${JSON.stringify(path)}; ${others === '' ? 'no other mount can be exported' : `existing mounts: ${others}`}`,
    };
  }
  const mount = { path, type: found.type, description: found.description };
  // Auth methods of other types have other roles, or none.
  if (found.type === 'token' || !['kubernetes', 'jwt', 'oidc'].includes(found.type))
    return { mount: { ...mount, config: undefined }, roles: [] };
  const names = await listRoles(caller, path);
  const roles: VaultRole[] = [];
  for (let at = 0; at < names.length; at += CONCURRENT_READS) {
    const some = names.slice(at, at + CONCURRENT_READS);
    const documents = await Promise.all(some.map((name) => readRole(caller, path, name)));
    // A role may have been deleted since it was listed.
    for (const [index, document] of documents.entries()) if (document) roles.push({ name: some[index] ?? '', document });
  }
  return { mount: { ...mount, config: await readConfig(caller, path) }, roles };
};
