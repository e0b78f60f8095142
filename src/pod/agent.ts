// What agents of both profiles share: the program, its variables, and the templates of its configuration.
import type { FamilyOptions, Options } from '../annotations/parse.ts';
import type { Json, JsonObject } from '../json/json.ts';
import type { SecretFile } from './secrets.ts';

/** The name of the program in the agent image. */
export const PROGRAM: Readonly<Record<Options['flavour'], string>> = { vault: 'vault', openbao: 'bao' };

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

/** The `template` blocks of the agent's configuration. */
export function templates(files: readonly SecretFile[]): JsonObject[] {
  return files.map((file) => ({
    ...(file.source === ''
      ? { contents: file.template === '' ? DEFAULT_TEMPLATES[file.format](file.path) : file.template }
      : { source: file.source }),
    destination: file.destination,
    left_delimiter: file.leftDelimiter,
    right_delimiter: file.rightDelimiter,
    ...compact({ command: file.command, perms: file.permissions, error_on_missing_key: file.errorOnMissingKey }),
  }));
}

/** The values of either version of the KV engine: version 2 wraps them in data, beside metadata. */
const eachValue = (path: string, line: string): string =>
  `{{ with secret "${path}" }}{{ $values := .Data }}{{ if and .Data.data .Data.metadata }}{{ $values = .Data.data }}{{ end }}` +
  `{{ range $k, $v := $values }}${line}\n{{ end }}{{ end }}`;

/** By format. The path is not escaped: `pki/issue/web" "common_name=web` is a known way to pass parameters. */
const DEFAULT_TEMPLATES: Readonly<Record<SecretFile['format'], (path: string) => string>> = {
  // These two are vault-k8s' own, to the letter.
  map: (path) => `{{ with secret "${path}" }}{{ range $k, $v := .Data }}{{ $k }}: {{ $v }}\n{{ end }}{{ end }}`,
  json: (path) => `{{ with secret "${path}" }}{{ .Data | toJSON }}\n{{ end }}`,
  kv2: (path) => `{{ with secret "${path}" }}{{ range $k, $v := .Data.data }}{{ $k }}: {{ $v }}\n{{ end }}{{ end }}`,
  // A JSON string is a quoted value in dotenv files and in YAML, whatever characters it has.
  dotenv: (path) => eachValue(path, '{{ $k }}={{ $v | toJSON }}'),
  properties: (path) => eachValue(path, '{{ $k }}={{ $v }}'),
  yaml: (path) => eachValue(path, '{{ $k }}: {{ $v | toJSON }}'),
};
