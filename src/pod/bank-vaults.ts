// Values of variables that only the webhook of bank-vaults replaces, and what renders the same here.
// https://github.com/bank-vaults/internal/blob/main/pkg/injector/vault/injector.go reads them.
import { annotationName } from '../annotations/names.ts';
import { secretKey } from '../annotations/secret-key.ts';
import { INVALID } from '../annotations/value-kinds.ts';

/** What renders the value here: a key of a secret, a template of the agent, or nothing. */
export type BankVaultsSource =
  | { readonly kind: 'key'; readonly path: string; readonly key: string }
  | { readonly kind: 'template'; readonly template: string }
  | { readonly kind: 'none'; readonly because: string; readonly instead: string };

/** Key of the transit engine that decrypts `vault:v1:…`. */
export interface Transit {
  /** Empty: not known. */
  readonly key: string;
  /** Mount path of the engine. */
  readonly mount: string;
}

const INLINE = /\$\{(>{0,2}(?:vault|bao):.*?#*\}?)\}/g;
const PREFIXES = ['vault:', 'bao:', '>>vault:', '>>bao:'] as const;
const CIPHERTEXT = /^(?:vault|bao):v\d+:/;

const isPrefixed = (value: string): boolean => PREFIXES.some((prefix) => value.startsWith(prefix));

/**
 * True for `vault:path#key`, `>>vault:path#key#{…}`, a text with `${vault:path#key}`, a ciphertext of the transit engine, and the login
 * token. `vault:8200` is an address. It runs for each variable of each injected pod: texts are compared before a pattern is.
 */
export function isBankVaultsValue(value: string): boolean {
  if (isPrefixed(value)) return value.includes('#') || CIPHERTEXT.test(value) || /^(?:vault|bao):login$/.test(value);
  return value.includes('${') && /\$\{(?:>>)?(?:vault|bao):/.test(value);
}

/** The equivalent of a value for which `isBankVaultsValue` is true. */
export function bankVaultsSource(value: string, transit: Transit = NO_TRANSIT): BankVaultsSource {
  const inline = [...value.matchAll(INLINE)];
  if (inline.length === 0) return sourceOf(value, transit);
  const parts: string[] = [];
  let end = 0;
  for (const match of inline) {
    const source = sourceOf(match[1] ?? '', transit);
    if (source.kind === 'none') return source;
    parts.push(literal(value.slice(end, match.index)));
    parts.push(source.kind === 'template' ? source.template : templateOfKey(source.path, source.key));
    end = match.index + match[0].length;
  }
  parts.push(literal(value.slice(end)));
  return templated(parts.join(''), value);
}

const NO_TRANSIT: Transit = { key: '', mount: 'transit' };

const none = (because: string, instead: string): BankVaultsSource => ({ kind: 'none', because, instead });

const sourceOf = (reference: string, transit: Transit): BankVaultsSource => {
  const isWrite = reference.startsWith('>>');
  const plain = isWrite ? reference.slice(2) : reference;
  if (CIPHERTEXT.test(plain)) return decrypted(plain, transit);
  const [path = '', key, third] = split(plain.slice(plain.indexOf(':') + 1));
  if (path === 'login' && key === undefined)
    return none(
      'it is the token of the login',
      `set ${annotationName('agentInjectToken')} to "true" and read the file of the token`,
    );
  if (key === undefined || path === '' || key === '')
    return none('it has no path or no key', 'complete it as vault:path#key, or write the value itself');
  const call = isWrite ? writeOf(path, third) : readOf(path, third);
  if (typeof call !== 'string') return call;
  if (key.includes('${') && key.includes('}')) return ofTemplate(call, dataOf(path, isWrite), key);
  if (!isWrite) {
    const at = pathOf(path, third);
    const read = secretKey.read(`${at}#${key}`);
    if (read !== INVALID && read.path === at && read.key === key && read.fallback === undefined)
      return { kind: 'key', path: at, key };
  }
  return templated(withSecret(call, `{{ ${fieldOf(dataOf(path, isWrite), key)} }}`), '');
};

/** At most three parts: path, key or template, version or data. Later `#` belong to the third. */
const split = (text: string): readonly (string | undefined)[] => {
  const [path, key, ...rest] = text.split('#');
  return [path, key, rest.length === 0 ? undefined : rest.join('#')];
};

/** The latest version is the default, and -1 and 0 ask for it too. */
const isLatest = (version: string | undefined): boolean => version === undefined || /^(?:|-1|0)$/.test(version);

const pathOf = (path: string, version: string | undefined): string =>
  isLatest(version) ? path : `${path}${path.includes('?') ? '&' : '?'}version=${version}`;

const readOf = (path: string, version: string | undefined): string | BankVaultsSource =>
  isLatest(version) || /^\d+$/.test(version ?? '')
    ? `secret ${JSON.stringify(pathOf(path, version))}`
    : none(`its version ${JSON.stringify(version)} is not a number`, 'write the number of a version, or none');

/** The agent writes with `secret` if it has further arguments; each is one field of the body. */
const writeOf = (path: string, data: string | undefined): string | BankVaultsSource => {
  const fields = fieldsOf(data);
  if (!fields || fields.length === 0)
    return none(
      fields ? 'it writes without data' : 'the data that it writes are not one object of texts, numbers and flags',
      'let the app call Vault with its token, or store the result in a secret of KV',
    );
  return `secret ${[path, ...fields.map(([name, value]) => `${name}=${value}`)].map((text) => JSON.stringify(text)).join(' ')}`;
};

const fieldsOf = (data: string | undefined): readonly (readonly [string, string])[] | undefined => {
  try {
    const parsed: unknown = JSON.parse(data ?? '{}');
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
    const entries = Object.entries(parsed);
    const isFlat = entries.every(([, value]) => ['string', 'number', 'boolean'].includes(typeof value));
    return isFlat ? entries.map(([name, value]) => [name, String(value)]) : undefined;
  } catch {
    return undefined;
  }
};

/** bank-vaults reads the raw path: of version 2 of the KV engine it has `data` behind the mount. */
const dataOf = (path: string, isWrite: boolean): string =>
  !isWrite && (path.split('?', 1)[0] ?? '').split('/').slice(1, -1).includes('data') ? '.Data.data' : '.Data';

const fieldOf = (data: string, key: string): string =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(key) ? `${data}.${key}` : `index ${data} ${JSON.stringify(key)}`;

const withSecret = (call: string, body: string): string => `{{ with ${call} }}${body}{{ end }}`;

const templateOfKey = (path: string, key: string): string =>
  withSecret(`secret ${JSON.stringify(path)}`, `{{ ${fieldOf(dataOf(path, false), key)} }}`);

const decrypted = (ciphertext: string, { key, mount }: Transit): BankVaultsSource =>
  key === ''
    ? none(
        'it is encrypted, and the pod does not name the key',
        'add the annotation vault.security.banzaicloud.io/transit-key-id, and convert it again',
      )
    : {
        kind: 'template',
        template: withSecret(
          `secret ${JSON.stringify(`${mount}/decrypt/${key}`)} ${JSON.stringify(`ciphertext=${ciphertext}`)}`,
          '{{ .Data.plaintext | base64Decode }}',
        ),
      };

/** Text outside of actions. */
const literal = (text: string): string => text.replaceAll('{{', '{{ "{{" }}');

/** `'` around a secret can be in no variable: the kubelet's file has no escape for it. */
const templated = (template: string, text: string): BankVaultsSource =>
  text.replaceAll(INLINE, '').includes("'")
    ? none("its text has a ', which no variable from a file can have", 'remove the quote, or render a file for the app')
    : { kind: 'template', template };

const ofTemplate = (call: string, data: string, key: string): BankVaultsSource => {
  const body: string[] = [];
  let rest = key;
  for (;;) {
    const start = rest.indexOf('${');
    const [before, after] = start === -1 ? [rest, undefined] : [rest.slice(0, start), rest.slice(start + 2)];
    if (before.includes("'")) return templated('', "'");
    body.push(literal(before));
    if (after === undefined) break;
    const action = actionOf(after);
    if (typeof action === 'object' && 'kind' in action) return action;
    body.push(`{{${action.text}}}`);
    rest = after.slice(action.length);
  }
  return { kind: 'template', template: withSecret(call, `{{ with ${ROOT} := ${data} }}${body.join('')}{{ end }}`) };
};

/** What `$` is in bank-vaults: the data of the secret. */
const ROOT = '$data';

/** Go's own functions and words; every other name is one of Sprig, which the agent has with a prefix. */
const OF_GO: ReadonlySet<string> = new Set(
  (
    'if else end range with define template block break continue true false nil ' +
    'and or not eq ne lt le gt ge len index slice print printf println html js urlquery call'
  ).split(' '),
);
/** Functions of bank-vaults itself, and those of Sprig that the agent leaves out, since each call has another result. */
const NOT_HERE: ReadonlySet<string> = new Set(
  (
    'awskms gcpkms file blob accessor env expandenv now date date_in_zone date_modify htmlDate htmlDateInZone dateInZone dateModify ' +
    'randAlphaNum randAlpha randAscii randNumeric randBytes uuidv4 getHostByName'
  ).split(' '),
);

const TOKEN = /"(?:\\.|[^"\\])*"|`[^`]*`|'(?:\\.|[^'\\])*'|[.$]?[A-Za-z_][A-Za-z0-9_]*|\}|[\s\S]/g;

/** One action up to its `}`, with the agent's names of functions; its length in the source, the `}` included. */
const actionOf = (source: string): { readonly text: string; readonly length: number } | BankVaultsSource => {
  const words: string[] = [];
  for (const { 0: token, index } of source.matchAll(TOKEN)) {
    if (token === '}') return { text: words.join(''), length: index + 1 };
    if (NOT_HERE.has(token))
      return none(`its template calls ${token}, which the agent does not have`, 'store the value in Vault');
    if (token === '$') words.push(ROOT);
    else words.push(/^[A-Za-z_]/.test(token) && !OF_GO.has(token) ? `sprig_${token}` : token);
  }
  return none('its template has no closing brace', 'complete it');
};
