// Kinds of text: names, addresses and words that Kubernetes, Vault or its agent read. A kind rejects what would fail after admission:
// in the agent's parser, at the API server, or with status 403 in Vault.
import { INVALID, nameList, type ValueKind } from './value-kinds.ts';

/** A line break, another control character, or a separator that some readers take for a line break. */
const CONTROL = /[\p{Cc}\u2028\u2029]/u;

/** True for one line without control characters. */
export function isOneLine(raw: string): boolean {
  return !CONTROL.test(raw);
}

/** A kind whose values are texts that match; the value is the text. */
function matching(name: string, expected: string, matches: (raw: string) => boolean): ValueKind<string> {
  return { name, expected, read: (raw) => (matches(raw) ? raw : INVALID) };
}

/** The same kind with the empty text, which means that the option is not set. */
export function optional(kind: ValueKind<string>): ValueKind<string> {
  return { ...kind, read: (raw) => (raw === '' ? raw : kind.read(raw)) };
}

/** One line of any text. A row of this kind says in `anyText` why any text is valid. */
export const text: ValueKind<string> = matching('text', 'one line of text', isOneLine);

/** One line of any text, or JSON: `credentials` of the method gcp is a JSON file, often written on several lines. */
export const parameter: ValueKind<string> = matching(
  'parameter',
  'one line of text, or JSON',
  (raw) => isOneLine(raw) || isJsonDocument(raw),
);

function isJsonDocument(raw: string): boolean {
  if (!/^[[{]/.test(raw)) return false;
  try {
    JSON.parse(raw);
    return true;
  } catch {
    return false;
  }
}

/** Text that is used to the letter, with its white space and line breaks. */
function verbatim(name: string, expected: string): ValueKind<string> {
  return { name, expected, read: (raw) => raw, verbatim: true };
}

/** A template of the agent. Its language has no invalid bytes, and the agent reports its errors when it renders. */
export const template: ValueKind<string> = verbatim('template', 'a template of the agent');

/** A command of the agent: the shell of its image reads it. */
export const commandLine: ValueKind<string> = verbatim('command', 'a command line');

/** A YAML list of secrets, as written. secret-list.ts reads it, since it can have many problems. */
export const yamlList: ValueKind<string> = verbatim('YAML list', 'a YAML list of secrets');

/** A file or document that the webhook writes and never reads: another text in its place is replaced. */
export const writtenText: ValueKind<string> = verbatim('written', 'what the webhook writes');

const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const MAX_SUBDOMAIN_LENGTH = 253;

const isLabel = (raw: string): boolean => LABEL.test(raw);
const isSubdomain = (raw: string): boolean =>
  raw.length <= MAX_SUBDOMAIN_LENGTH && /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/.test(raw);

/** The name of a container: a DNS label. */
export const containerName: ValueKind<string> = matching(
  'container name',
  'a container name: at most 63 lower-case letters, digits and dashes',
  isLabel,
);

/** The name of a volume of the pod: a DNS label. */
export const volumeName: ValueKind<string> = matching(
  'volume name',
  'a volume name: at most 63 lower-case letters, digits and dashes',
  isLabel,
);

/** The name of a namespace: a DNS label. */
export const namespaceName: ValueKind<string> = matching(
  'namespace name',
  'a namespace name: at most 63 lower-case letters, digits and dashes',
  isLabel,
);

/** The name of most objects: a DNS subdomain. */
export const objectName: ValueKind<string> = matching(
  'object name',
  'the name of an object: lower-case letters, digits, dashes and dots',
  isSubdomain,
);

/** Names separated by commas, each of a kind. */
function listOf(name: string, each: ValueKind<string>, expected: string): ValueKind<readonly string[]> {
  return {
    name,
    expected,
    read: (raw) => {
      const names = nameList.read(raw);
      return names !== INVALID && names.every((one) => each.read(one) !== INVALID) ? names : INVALID;
    },
  };
}

/** Container names; an empty list is none. */
export const containerList: ValueKind<readonly string[]> = listOf(
  'container names',
  containerName,
  'container names, separated by commas',
);

/** At least one container name: with an empty list no container would get the secret. */
export const containerNames: ValueKind<readonly string[]> = {
  name: 'names',
  expected: 'at least one container name, separated by commas',
  read: (raw) => {
    const names = containerList.read(raw);
    return names === INVALID || names.length === 0 ? INVALID : names;
  },
};

/** Namespaces; an empty list is none. */
export const namespaceList: ValueKind<readonly string[]> = listOf(
  'namespace names',
  namespaceName,
  'namespace names, separated by commas',
);

/** DNS names and addresses of a certificate; an empty list is none. */
export const hostList: ValueKind<readonly string[]> = listOf(
  'host names',
  matching('', '', (raw) => isSubdomain(raw.replace(/^\*\./, '')) || isAddress(raw)),
  'DNS names such as injector.vault.svc, separated by commas',
);

const isAddress = (raw: string): boolean => /^[0-9A-Fa-f.:]*[.:][0-9A-Fa-f.:]*$/.test(raw);

/** The name of a role in Vault: framework.GenericNameRegex of Vault and OpenBao, with which every auth method declares its roles. */
export const roleName: ValueKind<string> = matching(
  'role name',
  'the name of a role in Vault: letters, digits, underscores, dashes and dots, without a path',
  (raw) => /^\w(?:[-.\w]*\w)?$/.test(raw),
);

/** A namespace of Vault: a header of each request, so without white space. */
export const vaultNamespace: ValueKind<string> = matching(
  'Vault namespace',
  'a Vault namespace such as team-a/project, without white space',
  (raw) => !/\s/u.test(raw) && isOneLine(raw),
);

/** Auth methods of the agents of Vault and OpenBao (agentproxyshared). */
const AUTH_METHODS = [
  'kubernetes',
  'jwt',
  'approle',
  'aws',
  'azure',
  'gcp',
  'alicloud',
  'cert',
  'cf',
  'kerberos',
  'ldap',
  'oci',
  'token_file',
];

/** An auth method of the agent. */
export const authMethod: ValueKind<string> = matching(
  'auth method',
  `an auth method of the agent: ${AUTH_METHODS.join(', ')}`,
  (raw) => AUTH_METHODS.includes(raw) || raw === 'pcf',
);

const PATH_COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const IMAGE = new RegExp(
  // Registry, with a port.
  '^(?:(?:\\[[0-9A-Fa-f:]+\\]|[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?)(?::[0-9]+)?/)?' +
    `${PATH_COMPONENT}(?:/${PATH_COMPONENT})*` +
    // Tag and digest.
    '(?::\\w[\\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9+._-]*:[0-9A-Fa-f]{32,})?$',
);

/** A container image: the grammar of the distribution project, with which the kubelet parses it. */
export const imageName: ValueKind<string> = matching(
  'image',
  'an image such as hashicorp/vault:2.2.2, in lower case and without https://',
  (raw) => raw.length <= 512 && IMAGE.test(raw),
);

const PROGRAM = /^(?:[A-Za-z0-9_][A-Za-z0-9_.+-]*|(?:\/[A-Za-z0-9_][A-Za-z0-9_.+-]*)+)$/;

/** A program of an image. Profile compat writes it into a line of a shell, so it has no character that a shell reads. */
export const program: ValueKind<string> = matching(
  'program',
  'the name of a program, such as bao, or an absolute path, such as /usr/local/bin/vault',
  (raw) => PROGRAM.test(raw),
);

const HTTP_URL = /^https?:\/\/[^/\\?#]+(?:\/[^\\?#]*)?$/i;
const UNIX_SOCKET = /^unix:\/\/\/\S+$/;

/** The address of a Vault server. The client of the agent adds /v1 to it. */
export const vaultAddress: ValueKind<string> = {
  ...matching(
    'address',
    'an address that begins with https:// or http://, such as https://vault.example:8200',
    (raw) => !/\s/u.test(raw) && isOneLine(raw) && ((HTTP_URL.test(raw) && URL.canParse(raw)) || UNIX_SOCKET.test(raw)),
  ),
  normalise: (raw) => raw.replace(/^(https?:\/\/[^/]+(?:\/.*)?)\/v1\/*$/i, '$1'),
};

const PROXY = /^(?:(?:https?|socks5h?):\/\/)?[^/\\?#]+\/?$/i;

/** A proxy, as Go reads HTTPS_PROXY: without a scheme it is http. */
export const proxyAddress: ValueKind<string> = matching(
  'proxy',
  'a proxy such as http://proxy.example:3128',
  (raw) =>
    !/\s/u.test(raw) &&
    isOneLine(raw) &&
    PROXY.test(raw) &&
    URL.canParse(/^\w+:\/\//.test(raw) ? raw.replace(/^\w+/, 'http') : `http://${raw}`),
);

/** A name that a server's certificate contains. With a port or scheme, verification always fails. */
export const serverName: ValueKind<string> = matching(
  'server name',
  'a host name such as vault.example, without scheme and port',
  (raw) => raw.length <= MAX_SUBDOMAIN_LENGTH && (/^[\w*](?:[-\w.*]*\w)?\.?$/.test(raw) || isAddress(raw)),
);

/** Words that the agent reads without regard to case and white space; the value is the text, as the pod author wrote it. */
function wordsOfAgent(name: string, words: readonly string[], also: readonly string[] = []): ValueKind<string> {
  return matching(name, `one of ${words.join(', ')}`, (raw) => [...words, ...also, ''].includes(raw.toLowerCase()));
}

/** A log level of the agent (ParseLogLevel of Vault). */
export const agentLogLevel: ValueKind<string> = wordsOfAgent(
  'level',
  ['trace', 'debug', 'info', 'warn', 'error'],
  ['notice', 'warning', 'err'],
);

/** A log format of the agent (ParseLogFormat of Vault). */
export const agentLogFormat: ValueKind<string> = wordsOfAgent('standard \\| json', ['standard', 'json']);

/** `use_auto_auth_token` of the agent: a flag of Go, or force. */
export const autoAuthToken: ValueKind<string> = wordsOfAgent('flag or force', ['true', 'false', 'force'], ['1', '0', 't', 'f']);

/** A delimiter of Go templates. */
export const delimiter: ValueKind<string> = matching(
  'delimiter',
  'a delimiter such as [[, without white space',
  (raw) => raw !== '' && !/\s/u.test(raw) && isOneLine(raw),
);
