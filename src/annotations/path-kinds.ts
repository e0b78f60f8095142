// Kinds of paths: of files, of directories, of mounts and secrets in Vault; and the mode of a file.
import { INVALID, type ValueKind } from './value-kinds.ts';
import { isOneLine } from './text-kinds.ts';

/** Linux rejects longer names of files. */
const MAX_NAME_BYTES = 255;

const hasShortNames = (path: string): boolean => path.split('/').every((name) => Buffer.byteLength(name) <= MAX_NAME_BYTES);

/** A file of this process; a relative path is below its working directory. */
export const filePath: ValueKind<string> = {
  name: 'file',
  expected: 'the path of a file, on one line',
  read: (raw) => (isOneLine(raw) && hasShortNames(raw) ? raw : INVALID),
};

const RELATIVE = /^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[\w.-]+(?:\/[\w.-]+)+\/?$/;

/** `vault/tls/ca.crt` → `/vault/tls/ca.crt`: the kubelet mounts relative paths below the root, where the agent also starts. */
const fromRoot = (raw: string): string => (RELATIVE.test(raw) ? `/${raw}` : raw);

/** The absolute path of a file or directory in a container. */
export const absolutePath: ValueKind<string> = {
  name: 'path',
  expected: 'an absolute path such as /vault/tls/ca.crt',
  read: (raw) => (raw.startsWith('/') && isOneLine(raw) && hasShortNames(raw) ? raw : INVALID),
  normalise: fromRoot,
};

/**
 * The same, which pod/secrets.ts checks: the annotation …template-file-x can also be meant as the template of a secret `file-x`, and
 * then a complaint about its path would mislead.
 */
export const templateFilePath: ValueKind<string> = { ...absolutePath, read: (raw) => raw };

/** A directory that becomes a volume mount: container runtimes take a colon in its path for a separator. */
export const mountDirectory: ValueKind<string> = {
  name: 'directory',
  expected: 'an absolute path without a colon, such as /vault/secrets',
  read: (raw) => (raw.includes(':') ? INVALID : absolutePath.read(raw)),
  normalise: fromRoot,
};

/** A file below a directory. With a slash at its end it would be a directory. */
export const fileName: ValueKind<string> = {
  name: 'file name',
  expected: `the name of a file, with or without directories, each of at most ${MAX_NAME_BYTES} bytes`,
  read: (raw) => (isOneLine(raw) && hasShortNames(raw) && !/(?:^|\/)\.{0,2}$/.test(raw) ? raw : INVALID),
};

/** The URL path of metrics. */
export const urlPath: ValueKind<string> = {
  name: 'URL path',
  expected: 'a path such as /metrics',
  read: (raw) => (/^\/[^\s?#]*$/.test(raw) ? raw : INVALID),
};

const MODE = /^[0-7]{1,12}$/;
const MAX_MODE = 0o7777;

/** The mode of a file in octal digits: ParseUint(text, 8, 12) of consul-template. The value is the text, which the agent reads. */
export const fileMode: ValueKind<string> = {
  name: 'mode',
  expected: 'a mode in octal digits, such as 0640',
  read: (raw) => (MODE.test(raw) && Number.parseInt(raw, 8) <= MAX_MODE ? raw : INVALID),
  // YAML 1.2 and Go write octal numbers like this; the agent does not read it.
  normalise: (raw) => raw.replace(/^0o(?=[0-7]+$)/i, '0'),
};

const isSegment = (segment: string): boolean =>
  segment !== '.' && segment !== '..' && !/[\s?#]/u.test(segment) && isOneLine(segment);

/**
 * The path of an auth method: `auth/kubernetes`, or `team-a/auth/kubernetes` with a namespace of Vault. The agent adds /v1/ before
 * and /login behind.
 */
export const mountPath: ValueKind<string> = {
  name: 'mount path',
  expected: 'the path of an auth method, such as auth/kubernetes',
  read: (raw) => (!raw.includes('://') && /(?:^|\/)auth\/[^/]/.test(raw) && raw.split('/').every(isSegment) ? raw : INVALID),
  normalise: meantMountPath,
};

/** `/v1/kubernetes/login` → `auth/kubernetes`. A mount cannot be called `auth`, and none can be mounted below another one. */
function meantMountPath(raw: string): string {
  // A whole URL also names a server, which is another annotation.
  if (raw.includes('://')) return raw;
  const segments = raw.split('/').filter((segment) => segment !== '');
  if (segments[0] === 'v1' && segments.length > 1) segments.shift();
  if (segments[0]?.toLowerCase() === 'auth') segments[0] = 'auth';
  const first = segments.indexOf('auth') + 1;
  if (segments.at(-1) === 'login' && segments.length > first + 1) segments.pop();
  if (first === 0 && segments.length > 0) segments.unshift('auth');
  return segments.join('/');
}

/** Templates of Go allow line breaks between texts, as in `pki/issue/web"⏎"ttl=1h`, and none inside of a text. */
const hasWholeTexts = (raw: string): boolean =>
  raw.split('"').every((part, index) => isOneLine(index % 2 === 0 ? part : part.replaceAll(/[\t\r\n]/g, '')));

/**
 * The path of a secret in Vault. Quotes are allowed: `pki/issue/web" "common_name=web` passes parameters. Empty: the template alone
 * declares the secret.
 */
export const secretPath: ValueKind<string> = {
  name: 'secret path',
  expected: 'a path in Vault on one line, such as kv/data/web, without the address of the server',
  read: (raw) => (hasWholeTexts(raw) && !/^\w+:\/\//.test(raw) ? raw : INVALID),
  // The path of the HTTP API; a template function adds /v1/ itself.
  normalise: (raw) => raw.replace(/^\/+v1\/+(?=.)/, ''),
};
