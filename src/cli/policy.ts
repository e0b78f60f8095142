// The command policy: prints the Vault policy that the controller needs, or the role that grants it.
import { isObject, objectAt, objectsOf, textOf, type Json, type JsonObject } from '../json/json.ts';
import type { VaultAuthBackend } from '../resources/backend.ts';
import { controllerRights, controllerRole, policyOfRights } from '../resources/controller-policy.ts';
import type { VaultEndpoint } from '../resources/endpoint.ts';
import type { KindName } from '../resources/kinds.ts';
import { kindOf, readResource, type Resources } from '../resources/read-resource.ts';
import { type FlagSpec, parseFlags } from '../settings/flags.ts';
import { readDocuments } from '../yaml/documents.ts';
import { readSources } from '../yaml/sources.ts';
import { asksForHelp, type Terminal } from './terminal.ts';

const USAGE = `vault-auth-injector policy -f FILE [flags]
vault-auth-injector policy -path PATH -cluster NAME [flags]

Prints the ACL policy that the controller needs in Vault, with least privilege:

  vault-auth-injector policy -f manifests/ | vault policy write vault-auth-injector -
  vault-auth-injector policy -f manifests/ -role | vault write auth/kubernetes/role/vault-auth-injector -

  -f FILE               manifests with VaultEndpoint, VaultAuthBackend and VaultACLPolicy; a file,
                        a directory, or - for standard input; can be repeated
  -endpoint NAME        only objects of this VaultEndpoint; required when there are several
  -path PATH            instead of -f: the path of one auth mount, without "auth/"
  -cluster NAME         the clusterName of that backend
  -plain                its roles have plain names, so that every role of the mount may be written
  -create               the controller creates the mount, which needs sudo
  -policies NAME,…      additional policies; a name may end with *
  -metadata PATH,…      for a controller with -rollouts: paths of metadata of KV version 2, such as
                        kv/metadata/shop/*
  -observe-only         for a controller with -observe-only: read only
  -role                 print the role that the controller logs in as, as JSON, instead
  -name NAME            name of the policy, for the role; default vault-auth-injector
  -namespace NS         namespace of the controller, for the role; default vault-auth-injector
  -service-account SA   service account of the controller, for the role; default vault-auth-injector-controller
`;

const SWITCHES = ['plain', 'create', 'observe-only', 'role'];
const VALUES = ['f', 'endpoint', 'path', 'cluster', 'policies', 'metadata', 'name', 'namespace', 'service-account'];
const FLAGS: ReadonlyMap<string, FlagSpec> = new Map(
  [...SWITCHES, ...VALUES].map((name) => [name, { isSwitch: SWITCHES.includes(name) }]),
);

/** Runs the command; returns the exit code: 0, or 2 with the problems on stderr. */
export async function policy(words: readonly string[], terminal: Terminal): Promise<number> {
  if (asksForHelp(words)) {
    terminal.stdout(USAGE);
    return 0;
  }
  const answer = await answerTo(words, terminal);
  if ('problems' in answer) {
    for (const problem of answer.problems) terminal.stderr(`vault-auth-injector policy: ${problem}\n`);
    return 2;
  }
  terminal.stdout(answer.text);
  return 0;
}

type Answer = { readonly text: string } | { readonly problems: readonly string[] };
type Subject = Pick<CustomResources, 'VaultAuthBackend' | 'VaultACLPolicy'> & { readonly endpoint: VaultEndpoint | undefined };

const answerTo = async (words: readonly string[], { stdin }: Terminal): Promise<Answer> => {
  const { values, all, positionals, problems } = parseFlags(words, FLAGS, { stopAtPositional: false });
  const wrong = [...problems, ...positionals.map((word) => `unexpected ${JSON.stringify(word)}`)];
  if (wrong.length > 0) return { problems: wrong.map((problem) => `${problem} (policy -help lists the flags)`) };
  const isOn = (name: string): boolean => values.has(name) && values.get(name) !== 'false';
  const files = all.get('f') ?? [];
  if (files.length > 0 === values.has('path')) return { problems: ['set either -f, or -path and -cluster'] };
  if (values.has('path') && !values.has('cluster')) return { problems: ['-cluster is missing: set the name of this cluster'] };
  const subject = values.has('path')
    ? fromFlags(values, isOn)
    : ofEndpoint(await readCustomResources(files, stdin), values.get('endpoint'));
  if ('problems' in subject) return subject;
  if (isOn('role')) return roleOf(subject, values);
  const listIn = (flag: string): readonly string[] =>
    (values.get(flag) ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '');
  const furtherPolicies = listIn('policies');
  const metadata = listIn('metadata');
  const noMetadata = metadata.find((path) => !METADATA_PATHS.test(path));
  if (noMetadata !== undefined)
    return {
      problems: [
        `-metadata: ${JSON.stringify(noMetadata)} is not a path of metadata such as kv/metadata/shop/*: the controller must not read values`,
      ],
    };
  const invalid = furtherPolicies.find((name) => !POLICY_NAMES.test(name));
  if (invalid !== undefined)
    return { problems: [`-policies: ${JSON.stringify(invalid)} is not a policy name, optionally with * at the end`] };
  const { endpoint, VaultAuthBackend: backends, VaultACLPolicy: policies } = subject;
  const rights = controllerRights({
    ...(endpoint ? { endpoint } : {}),
    backends,
    policies,
    furtherPolicies,
    metadata,
    observeOnly: isOn('observe-only'),
  });
  return { text: `${headOf(subject, isOn('observe-only'))}\n${policyOfRights(rights)}` };
};

/** `data` before `metadata` would be a path of values: kv/data/metadata/web. A star may stand at the end only. */
const METADATA_PATHS = /^(?!(?:[^/]+\/)*data\/)(?:[^/*+"\s]+\/)+metadata\/[^*"\s]*\*?$/;
const POLICY_NAMES = /^[a-z0-9][a-z0-9._-]*\*?$/;

/** The objects of one endpoint. */
const ofEndpoint = (
  kinds: CustomResources,
  requested: string | undefined,
): Subject | { readonly problems: readonly string[] } => {
  if (kinds.problems.length > 0) return { problems: kinds.problems };
  const names = new Set([
    ...kinds.VaultEndpoint.map(({ metadata }) => metadata.name),
    ...[...kinds.VaultAuthBackend, ...kinds.VaultACLPolicy].map(({ spec }) => spec.endpointRef.name),
  ]);
  if (names.size === 0) return { problems: ['-f contains no VaultEndpoint, VaultAuthBackend or VaultACLPolicy'] };
  const [name = '', ...others] = requested === undefined ? names : [requested];
  if (others.length > 0) return { problems: [`choose one with -endpoint: ${[...names].join(', ')}`] };
  if (!names.has(name))
    return { problems: [`-endpoint: no object references ${JSON.stringify(name)}; expected one of ${[...names].join(', ')}`] };
  return {
    endpoint: kinds.VaultEndpoint.find(({ metadata }) => metadata.name === name),
    VaultAuthBackend: kinds.VaultAuthBackend.filter(({ spec }) => spec.endpointRef.name === name),
    VaultACLPolicy: kinds.VaultACLPolicy.filter(({ spec }) => spec.endpointRef.name === name),
  };
};

/** A backend from flags; its type does not change the policy. */
const fromFlags = (
  values: ReadonlyMap<string, string>,
  isOn: (name: string) => boolean,
): Subject | { readonly problems: readonly string[] } => {
  const name = values.get('path') ?? '';
  const reading = readResource('VaultAuthBackend', {
    metadata: { name },
    spec: {
      endpointRef: { name: 'flags' },
      type: 'jwt',
      jwt: {},
      path: name,
      clusterName: values.get('cluster') ?? '',
      mount: { create: isOn('create') },
      tenancy: { roleNaming: isOn('plain') ? 'Plain' : 'Qualified' },
    },
  });
  if (reading.ok) return { endpoint: undefined, VaultAuthBackend: [reading.resource], VaultACLPolicy: [] };
  return {
    problems: reading.problems.map((problem) =>
      problem.replace(/^spec\.path/, '-path').replace(/^spec\.clusterName/, '-cluster'),
    ),
  };
};

const roleOf = ({ endpoint }: Subject, values: ReadonlyMap<string, string>): Answer => {
  if (!endpoint) return { problems: ['-role requires -f with the VaultEndpoint'] };
  const role = controllerRole({
    endpoint,
    policy: values.get('name') ?? 'vault-auth-injector',
    namespace: values.get('namespace') ?? 'vault-auth-injector',
    serviceAccount: values.get('service-account') ?? 'vault-auth-injector-controller',
  });
  return role.ok ? { text: `${JSON.stringify(role.document, undefined, 2)}\n` } : { problems: [role.problem] };
};

const headOf = ({ endpoint, VaultAuthBackend: backends }: Subject, observeOnly: boolean): string => {
  const namespace = endpoint?.spec.namespace ?? '';
  return [
    `# Policy of the vault-auth-injector controller${endpoint ? ` for VaultEndpoint ${endpoint.metadata.name}` : ''}.`,
    ...(namespace === '' ? [] : [`# Write it in the namespace ${namespace}.`]),
    ...(observeOnly || backends.length === 0 ? [] : POWER),
    ...(backends.some(isPlain) ? ['# Roles with plain names: the policy allows writing every role of those mounts.'] : []),
    '',
  ].join('\n');
};

const isPlain = ({ spec }: VaultAuthBackend): boolean => spec.tenancy.roleNaming === 'Plain';

const POWER = [
  '# A token with this policy can grant any policy of this namespace to a login: the fields of a role cannot be restricted',
  '# reliably (allowed_parameters accepts globs and deprecated fields). Grant it to the controller only.',
];

type CustomResources = { readonly [Name in KindName]: readonly Resources[Name][] } & {
  /** One line each, with file and line. */
  readonly problems: readonly string[];
};

/** Reads files, directories and standard input (-); objects of other kinds are ignored. */
async function readCustomResources(names: readonly string[], stdin: () => Promise<string>): Promise<CustomResources> {
  const { texts, problems } = await readSources(names, stdin);
  const found = { VaultEndpoint: [], VaultAuthBackend: [], VaultACLPolicy: [], VaultAuthRole: [] } as {
    readonly [Name in KindName]: Resources[Name][];
  };
  const all = [...problems];
  for (const text of texts) {
    const { documents, problems: unread } = readDocuments(text);
    all.push(...unread);
    for (const { value, lineOf, start } of documents)
      for (const object of membersOf(value)) {
        const kind = kindOf(object);
        if (kind !== undefined)
          all.push(...readInto(kind, object, found).map((what) => `${text.file}:${lineOf(start)}: ${what}`));
      }
  }
  return { ...found, problems: all };
}

/** The objects of a List, or the one object. */
const membersOf = (value: Json): readonly JsonObject[] => {
  if (!isObject(value)) return [];
  return value['kind'] === 'List' ? objectsOf(value['items']) : [value];
};

const readInto = (
  kind: KindName,
  object: JsonObject,
  found: { readonly [Each in KindName]: Resources[Each][] },
): readonly string[] => {
  const reading = readResource(kind, object);
  const name = textOf(objectAt(object, 'metadata'), 'name') ?? 'without name';
  if (!reading.ok) return reading.problems.map((problem) => `${kind} ${name}: ${problem}`);
  (found[kind] as Resources[KindName][]).push(reading.resource);
  return [];
};
