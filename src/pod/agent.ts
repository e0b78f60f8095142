// What agents of both profiles share: the program, its variables, and the templates of its configuration.
import type { FamilyOptions, Options } from '../annotations/parse.ts';
import { isObject, textOf, type Json, type JsonObject } from '../json/json.ts';
import { formats } from './formats.ts';
import type { PodProblem } from './pod-problems.ts';
import type { SecretFile } from './secrets.ts';

/** The program of each product. */
const PROGRAM: Readonly<Record<Options['flavour'], string>> = { vault: 'vault', openbao: 'bao' };

/** The agent's program in its image: a name that is found in PATH, or an absolute path. */
export function programOf({ agentBinary, flavour }: Options): string {
  return agentBinary ?? PROGRAM[flavour];
}

/** Environment variables that both products read, by name; an empty value means that the variable is not set. */
export function processVariables(options: Options): readonly (readonly [string, string])[] {
  return [
    ['GOMAXPROCS', options.goMaxProcs],
    ['VAULT_CLIENT_TIMEOUT', options.clientTimeout],
    ['VAULT_MAX_RETRIES', options.clientMaxRetries],
    ['VAULT_LOG_LEVEL', options.logLevel],
    ['VAULT_LOG_FORMAT', options.logFormat],
    ['HTTPS_PROXY', options.proxyAddress],
  ];
}

/** Linux's MAX_ARG_STRLEN (32 pages of 4 KiB) without the final NUL: the most that one `NAME=value` can have. */
const MAX_VARIABLE_BYTES = 131_071;

/**
 * Variables that are too long for the kernel: the container would never start, with "argument list too long". `env` is the list of
 * the container; each variable causes one problem.
 */
export function oversizedVariables(env: readonly Json[]): readonly PodProblem[] {
  return env.flatMap((variable): readonly PodProblem[] => {
    if (!isObject(variable)) return [];
    const [name, value] = [textOf(variable, 'name') ?? '', textOf(variable, 'value') ?? ''];
    // In UTF-8 a character takes at most three bytes for each of its UTF-16 units.
    if (3 * (name.length + value.length) < MAX_VARIABLE_BYTES) return [];
    const bytes = Buffer.byteLength(name) + 1 + Buffer.byteLength(value.replaceAll('$$', () => '$'));
    if (bytes <= MAX_VARIABLE_BYTES) return [];
    return name === 'VAULT_CONFIG'
      ? [{ code: 'config-too-large', bytes, limit: MAX_VARIABLE_BYTES, variable: name }]
      : [{ code: 'variable-too-large', bytes, limit: MAX_VARIABLE_BYTES, variable: name }];
  });
}

/** The kubelet expands $(NAME) in variables and probes; a doubled dollar stands for one. */
export function literal(argument: string): string {
  return argument.replaceAll('$', '$$$$');
}

/** The members that are set: empty text, 0, false and empty lists are left out, as Go's `omitempty` does. */
export function compact(members: { readonly [name: string]: Json | undefined }): { [name: string]: Json } {
  const kept: { [name: string]: Json } = {};
  for (const name in members) {
    const value = members[name];
    if (value === undefined || value === '' || value === 0 || value === false) continue;
    if (Array.isArray(value) && value.length === 0) continue;
    kept[name] = value;
  }
  return kept;
}

/** Parameters of the auth method from annotations, in the order of their names: `service-account` is `service_account`. */
export function authParameters(authConfig: FamilyOptions['authConfig']): { [name: string]: Json } {
  const sorted = [...authConfig].sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, { value }]) => [name.replaceAll('-', '_'), value]));
}

/**
 * Whether the delimiters of annotations apply to the text of a file. They do not apply to the template of a format: the agent would copy
 * it into the file. Profile compat does that for vault-k8s' own two, as vault-k8s does.
 */
const hasOwnDelimiters = ({ source, template, format }: SecretFile, profile: Options['profile']): boolean =>
  source !== '' || template !== '' || (profile === 'compat' && (format === 'map' || format === 'json'));

/** The `template` blocks of the agent's configuration. */
export function templates(files: readonly SecretFile[], profile: Options['profile']): JsonObject[] {
  return files.map((file) => {
    const { source, template, format, path } = file;
    const [left, right] = hasOwnDelimiters(file, profile) ? [file.leftDelimiter, file.rightDelimiter] : ['{{', '}}'];
    return {
      ...(source === '' ? { contents: template === '' ? formats[format].template(path) : template } : { source }),
      destination: file.destination,
      left_delimiter: left,
      right_delimiter: right,
      ...compact({ command: file.command, perms: file.permissions, error_on_missing_key: file.errorOnMissingKey }),
    };
  });
}
