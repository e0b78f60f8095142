// The formats of secrets with real agents and the programs that read them: values come back unchanged or are refused by the key's name, and
// nothing in a secret runs.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { parse } from 'yaml';
import type { Format } from '../../src/pod/formats.ts';
import { objectAt, textOf, type Json, type JsonObject } from '../../src/json/json.ts';
import { obtain } from '../bed/obtain.ts';
import { silentProgress } from '../bed/progress.ts';
import {
  readByNode,
  readDockerEnvironment,
  readLines,
  readProperties,
  readSystemdEnvironment,
  sourced,
} from '../support/format-readers.ts';
import { admit, podWith } from '../support/pods.ts';
import { onEachServer, write } from './servers.ts';

type Values = Readonly<Record<string, Json>>;

const PROGRAM = { openbao: 'bao', vault: 'vault' } as const;
const SHELLS = [['sh'], ['bash'], ['bash', '--posix'], ['dash'], ['busybox', 'sh']] as const;

/** Values that are hard for one of the readers; MARK is a command that leaves a file. */
const MARK = 'touch executed';
const HARD: Values = {
  PLAIN: 'a',
  SPACE: ' a  b ',
  DOUBLE: 'say "hi"',
  SINGLE: "it's",
  BOTH: `'"'"'`,
  DOLLAR: `$HOME \${HOME} $(${MARK}) \`${MARK}\``,
  QUOTED_DOLLAR: `it's $(${MARK})`,
  CLOSED: `'; ${MARK}; '`,
  CLOSED_DOUBLE: `"; ${MARK}; "`,
  LINES: `line1\n${MARK}\n\nA=1\n`,
  BACKSLASHES: 'a\\nb\\\\',
  QUOTE_BACKSLASH: "\\'",
  HASH: '#a#b c # d',
  EQUALS: '=a=b: c',
  BANG: '!wow!',
  PERCENT: '%s %n',
  UNICODE: 'pässwörd€ \u{1f511} 漢字 \u00a0',
  SPECIAL: '\u0085 \u2028 \u2029 \ufeff \u009f \ufffe \uffff \u{1fffe}',
  CONTROLS: '\u0001\u0007\b\u000b\f\u001b\u007f',
  NUL: 'a\0b',
  CRLF: 'a\r\nb\rc\r',
  TAB: '\ta\tb\t',
  EMPTY: '',
  WORD: 'no',
  NUMBERLIKE: '0x1F',
  DATE: '2026-11-28',
  MERGE: '<<',
  PEM: '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA+/=\n-----END PRIVATE KEY-----\n',
  LONG: '€x\n'.repeat(20 * 1024),
  LONG_LINE: 'x'.repeat(64_000),
  NUMBER: 12_345_678_901,
  FLOAT: -1.5,
  EXPONENT: 1e21,
  SMALL: 1e-7,
  TRUE: true,
  NULL: null,
  OBJECT: { x: [1, '<&>', 1e21, null], 'a: b': { no: 'yes', '8080': "1e5,'x':2" } },
  LIST: ['a', { b: 'c' }],
  EMPTY_OBJECT: {},
  EMPTY_LIST: [],
};
const KEYS = [
  'no',
  '8080',
  'NULL',
  '@at',
  'a: b',
  '* x',
  '- x',
  '? x',
  '<<',
  '~',
  '',
  ' lead',
  'trail ',
  '#c',
  '!t',
  'k=v',
  'b\\s',
  'q"q',
  "s's",
];
const MORE_KEYS = [
  'l\nf',
  'c\rr',
  'é',
  '\u{1f511}',
  'ä'.repeat(400),
  'x'.repeat(2000),
  '{a}',
  '[b]',
  '%d',
  '`e',
  '&f',
  '\0',
  '\ufeff',
  '\u0085',
];

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const SHELL_OWN = [
  '_',
  'UID',
  'EUID',
  'PPID',
  'RANDOM',
  'SRANDOM',
  'OPTIND',
  'SECONDS',
  'HISTCMD',
  'LINENO',
  'BASHPID',
  'BASH_ENV',
  'SHELLOPTS',
];
const EXPANDED = [
  'PS1',
  'PS4',
  'PROMPT_COMMAND',
  'FUNCNAME',
  'GROUPS',
  'DIRSTACK',
  'PIPESTATUS',
  'EPOCHSECONDS',
  'EPOCHREALTIME',
];

const isShellName = (key: string): boolean => VARIABLE.test(key) && ![...SHELL_OWN, ...EXPANDED].includes(key);
const textOfValue = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** Which keys a format accepts, by its documentation. */
const accepts: Readonly<Record<Format, (key: string, text: string) => boolean>> = {
  json: () => true,
  map: (key, text) => accepts.kv2(key, text),
  kv2: (key, text) => !/[\r\n]|: |:$/.test(key) && !/[\r\n]/.test(text),
  dotenv: (key, text) =>
    isShellName(key) &&
    key !== 'NODE_OPTIONS' &&
    !/[^\P{Cc}\t\n\u0080-\u009f]|[\uFDD0-\uFDEF\uFFFE\uFFFF]|[\u{1FFFE}\u{1FFFF}\u{2FFFE}\u{2FFFF}\u{3FFFE}-\u{DFFFF}\u{EFFFE}-\u{10FFFF}]/u.test(
      text,
    ) &&
    !(text.includes("'") && /["$`\\]/.test(text)),
  shell: (key, text) => isShellName(key) && !text.includes('\0'),
  docker: (key, text) => /^[A-Za-z0-9_][\w.-]*$/.test(key) && !/[\0\r\n]/.test(text) && Buffer.byteLength(key + text) <= 65_000,
  properties: () => true,
  yaml: () => true,
};

const hostile = fc.constantFrom(
  ...'\'"`$\\#=:;&|<>(){}[]!%^~*? \t\n\r\0'.split(''),
  '\u0085',
  '\ufeff',
  '\u{1f511}',
  '€',
  '\\n',
  '\\u0041',
  '$(touch executed)',
  '\n#',
);
const text = fc.array(
  fc.oneof({ weight: 2, arbitrary: hostile }, fc.string({ unit: 'binary', maxLength: 3 }), fc.string({ maxLength: 4 })),
  { maxLength: 10 },
);
const anyText = text.map((parts) => parts.join(''));
const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,12}$/).filter(isShellName);
/** Names of which no value can be made that the shells of the test need themselves. */
const SHELL_NEEDS = new Set(['PATH', 'LC_ALL', 'IFS', 'name', 'HOME']);

/** Pairs that a format accepts: the hard ones, and generated ones with names and with any keys. */
const acceptedBy = (format: Format): Values => {
  const generated = [
    ...fc.sample(fc.tuple(name, anyText), { numRuns: 150, seed: 10 }),
    ...fc.sample(fc.tuple(anyText, anyText), { numRuns: 100, seed: 11 }),
  ];
  const all: readonly (readonly [string, Json])[] = [
    ...Object.entries(HARD),
    ...[...KEYS, ...MORE_KEYS].map((key) => [key, 'v'] as const),
    ...generated,
  ];
  // Format map prints values that are no text in the syntax of Go.
  const isPrinted = (value: Json): boolean => format !== 'map' || typeof value === 'string';
  return Object.fromEntries(
    all.filter(([key, value]) => !SHELL_NEEDS.has(key) && isPrinted(value) && accepts[format](key, textOfValue(value))),
  );
};

/** What a reader of texts has to give back: JSON is compared as a value, since Vault writes 1e21 as 1e+21. */
const expectTexts = (read: ReadonlyMap<string, string> | undefined, values: Values): void => {
  expect(read).toBeDefined();
  expect([...(read ?? [])].map(([key]) => key).sort()).toEqual(Object.keys(values).sort());
  for (const [key, value] of Object.entries(values)) {
    const got = read?.get(key);
    if (typeof value === 'string') expect([key, got]).toEqual([key, value]);
    else expect([key, JSON.parse(got ?? '')]).toEqual([key, value]);
  }
};

/** JSON as the YAML parser returns it with maps, which keep the type of a key. */
const asMaps = (value: Json): unknown => {
  if (Array.isArray(value)) return value.map(asMaps);
  if (value === null || typeof value !== 'object') return value;
  return new Map(Object.entries(value).map(([key, member]) => [key, asMaps(member ?? null)]));
};

type Check = (path: string, values: Values) => void;

const shells: Readonly<Record<string, Check>> = Object.fromEntries(
  SHELLS.map(
    (shell) => [shell.join(' '), (path, values) => expectTexts(sourced(shell, path, Object.keys(values)), values)] as const,
  ),
);
const yamlParser =
  (version: '1.1' | '1.2'): Check =>
  (path, values) =>
    expect(parse(readFileSync(path, 'utf8'), { version, mapAsMap: true })).toEqual(asMaps(values as JsonObject));

/** The readers of each format, with a check of what each gives back. */
const READERS: Readonly<Record<Format, Readonly<Record<string, Check>>>> = {
  map: { 'a program that splits lines': (path, values) => expectTexts(readLines(readFileSync(path)), values) },
  kv2: { 'a program that splits lines': (path, values) => expectTexts(readLines(readFileSync(path)), values) },
  json: { 'JSON.parse': (path, values) => expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(values) },
  dotenv: {
    ...shells,
    'EnvironmentFile= of systemd': (path, values) => expectTexts(readSystemdEnvironment(readFileSync(path)), values),
    'node --env-file': (path, values) => expectTexts(readByNode(path), values),
  },
  shell: shells,
  docker: { 'docker --env-file': (path, values) => expectTexts(readDockerEnvironment(readFileSync(path)), values) },
  properties: {
    'java.util.Properties with an InputStream': (path, values) =>
      expectTexts(readProperties(readFileSync(path), 'latin1'), values),
    'java.util.Properties with a Reader': (path, values) => expectTexts(readProperties(readFileSync(path), 'utf8'), values),
  },
  yaml: { 'YAML 1.1': yamlParser('1.1'), 'YAML 1.2': yamlParser('1.2') },
};
const FORMATS = Object.keys(READERS) as Format[];

/** Keys and values that each format refuses, and the reason in the message. No value of them may be in the log. */
const SECRET = 'hunter2';
const REFUSED: Readonly<Partial<Record<Format, readonly (readonly [string, Json, 'name' | 'value'])[]>>> = {
  kv2: [
    ['a: b', SECRET, 'name'],
    ['LINES', `${SECRET}\n`, 'value'],
  ],
  dotenv: [
    ...['1num', 'db-password', 'a.b', 'a b', '', 'x=y', 'NODE_OPTIONS', ...SHELL_OWN, ...EXPANDED].map(
      (key) => [key, `a[$(${MARK})]${SECRET}`, 'name'] as const,
    ),
    ['NUL', `${SECRET}\0`, 'value'],
    ['CR', `${SECRET}\r\n`, 'value'],
    ['QUOTES', `'"${SECRET}`, 'value'],
    ['EXPANDS', `'$(${MARK})${SECRET}`, 'value'],
    ['BACKTICK', `\`${MARK}\`'${SECRET}`, 'value'],
    ['NO_CHARACTER', `\u{1fffe}${SECRET}`, 'value'],
  ],
  shell: [
    ...['1num', 'db-password', 'é', ...SHELL_OWN, ...EXPANDED].map((key) => [key, `a[$(${MARK})]${SECRET}`, 'name'] as const),
    ['NUL', `${SECRET}\0`, 'value'],
  ],
  yaml: [['DEEP', { a: [{ ['k'.repeat(400)]: SECRET }] }, 'value']],
  docker: [
    ['a b', SECRET, 'name'],
    ['#a', SECRET, 'name'],
    ['LF', `${SECRET}\n`, 'value'],
    ['NUL', `\0${SECRET}`, 'value'],
    ['LONG', SECRET.repeat(10_000), 'value'],
  ],
};

/** The configuration of an agent that renders each path in a format to a file, and exits; `files` has path and format by name, `more` is annotations. */
const configFor = (
  address: string,
  directory: string,
  files: Readonly<Record<string, readonly [string, Format]>>,
  more: Readonly<Record<string, string>>,
): string => {
  const annotations = Object.entries(files).flatMap(([name, [path, format]]) => [
    [`agent-inject-secret-${name}`, path],
    [`vaultauth.dev/format-${name}`, format],
    // A secret of KV version 1 has no data and no metadata.
    [`error-on-missing-key-${name}`, 'true'],
  ]);
  const all = {
    'vaultauth.dev/profile': 'native',
    'agent-pre-populate-only': 'true',
    service: address,
    ...Object.fromEntries(annotations),
    ...more,
  };
  const { pod, outcome } = admit(podWith({ annotations: all }), { command: 'webhook', flags: ['-allow=*'] });
  expect(outcome.problems).toEqual([]);
  const config = textOf(objectAt(objectAt(pod, 'metadata'), 'annotations'), 'vaultauth.dev/agent-config') ?? '';
  const moved = config.replaceAll('/vault/secrets/', `${directory}/`).replaceAll('/run/vault-agent', directory);
  const method = { type: 'token_file', config: { token_file_path: join(directory, 'token') } };
  return JSON.stringify({ ...(JSON.parse(moved) as object), auto_auth: { method: [method] } });
};

// The two formats of vault-k8s do not look inside of version 2.
const versionsOf = (format: Format): readonly number[] => (format === 'map' || format === 'json' ? [1] : [1, 2]);
const cases = FORMATS.flatMap((format) =>
  versionsOf(format).flatMap((version) => Object.keys(READERS[format]).map((reader) => [format, version, reader] as const)),
);

let agents: ReadonlyMap<string, string>;
const prepare = async (): Promise<void> => {
  agents = await obtain(['bao', 'vault'], '1.36', silentProgress);
};

onEachServer([], prepare, (product, server) => {
  let runs = 0;
  /** Runs an agent until it exits. The directory has the files; the result is what it wrote. */
  const render = async (
    files: Readonly<Record<string, readonly [string, Format]>>,
    more: Readonly<Record<string, string>> = {},
  ): Promise<{ directory: string; log: string; failed: boolean }> => {
    const { bed, address } = server();
    runs += 1;
    const directory = join(bed.directory, `${product}-formats-${runs}`);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'token'), bed[product]?.rootToken ?? '', { mode: 0o600 });
    writeFileSync(join(directory, 'agent.json'), configFor(address, directory, files, more));
    const { stdout, stderr, failed } = await promisify(execFile)(
      agents.get(PROGRAM[product]) ?? '',
      ['agent', `-config=${join(directory, 'agent.json')}`],
      { env: { HOME: directory }, timeout: 120_000 },
    ).then(
      (output) => ({ ...output, failed: false }),
      (error: unknown) => ({ ...(error as { stdout: string; stderr: string }), failed: true }),
    );
    return { directory, log: stdout + stderr, failed };
  };

  describe('accepted secrets', () => {
    let directory = '';
    beforeAll(async () => {
      const { root } = server();
      await write(root, 'sys/mounts/kv1', { type: 'kv' });
      for (const format of FORMATS) {
        const values = acceptedBy(format);
        expect(Object.keys(values).length).toBeGreaterThan(90);
        expect(await write(root, `secret/data/${format}`, { data: values })).toBe('200');
        expect(await write(root, `kv1/${format}`, values)).toBe('204');
      }
      await write(root, 'secret/data/empty', { data: {} });
      await write(root, 'kv1/odd', { data: 'text', metadata: 'text' });
      const files = FORMATS.flatMap((format) => [
        [`${format}-1`, [`kv1/${format}`, format]],
        [`${format}-2`, [`secret/data/${format}`, format]],
        [`${format}-empty`, ['secret/data/empty', format]],
        [`${format}-odd`, ['kv1/odd', format]],
      ]);
      const result = await render(Object.fromEntries(files));
      if (result.failed) throw new Error(result.log);
      directory = result.directory;
    });

    test.each(cases)(
      'F4 F5 F26 gives every value of format %s from KV version %s back to %s, and runs nothing',
      (format, version, reader) => {
        READERS[format][reader]?.(join(directory, `${format}-${version}`), acceptedBy(format));
        expect(existsSync(join(directory, 'executed'))).toBe(false);
      },
    );

    test('F26 gives every text of format yaml back to the YAML 1.1 reader in Go that the agent has', async () => {
      const template =
        `{{ range $k, $v := file "${join(directory, 'yaml-2')}" | parseYAML }}{{ if eq (printf "%T" $v) "string" }}` +
        '[{{ toJSON $k }}, {{ toJSON $v }}]\n{{ end }}{{ end }}';
      const result = await render({}, { 'agent-inject-template-read': template });
      const lines = readFileSync(join(result.directory, 'read'), 'utf8').trim().split('\n');
      const texts = Object.entries(acceptedBy('yaml')).filter(([, value]) => typeof value === 'string');
      expect(new Map(lines.map((line) => JSON.parse(line) as [string, string]))).toEqual(new Map(texts as [string, string][]));
    });

    test.each(FORMATS.filter((format) => format !== 'map' && format !== 'json'))(
      'renders no metadata as values in format %s',
      (format) => {
        for (const check of Object.values(READERS[format])) {
          check(join(directory, `${format}-empty`), {});
          check(join(directory, `${format}-odd`), { data: 'text', metadata: 'text' });
        }
      },
    );
  });

  const refused = Object.entries(REFUSED) as [Format, NonNullable<(typeof REFUSED)[Format]>][];
  test.each(refused)(
    'F5 refuses keys in format %s by their names, without a file and without a value in the log',
    async (format, pairs) => {
      const path = `secret/data/refused-${format}`;
      expect(await write(server().root, path, { data: { HARMLESS: 'a', ...Object.fromEntries(pairs) } })).toBe('200');
      const { directory, log, failed } = await render({ refused: [path, format] });
      expect(failed).toBe(true);
      const message = log.replaceAll('\\"', '"');
      for (const [key, , reason] of pairs) expect(message).toContain(`"${key}" (its ${reason}`);
      expect(message).not.toContain('"HARMLESS"');
      expect(log).not.toContain(SECRET);
      expect(existsSync(join(directory, 'refused'))).toBe(false);
    },
  );
});

/** Whether a shell that sources a line runs the mark. */
const runsMark = (shell: readonly string[], line: string): boolean => {
  const directory = mkdtempSync(join(tmpdir(), 'formats-'));
  const path = join(directory, 'env');
  writeFileSync(path, `${line}\n`);
  try {
    sourced(shell, path, []);
  } catch {
    // Bash also reports that the value is no number.
  }
  const hasRun = existsSync(join(directory, 'executed'));
  rmSync(directory, { recursive: true });
  return hasRun;
};

test.each(SHELLS.map((shell) => [shell]))('finds a mark when %j sources a value in double quotes', (shell) => {
  expect(runsMark(shell, `A="$(${MARK})"`)).toBe(true);
  expect(runsMark(shell, `A='$(${MARK})'`)).toBe(false);
});

test.each(['RANDOM', 'OPTIND', 'HISTCMD'])('finds a mark when bash assigns to %s, which the formats refuse', (name) => {
  expect(runsMark(['bash'], `${name}='a[$(${MARK})]'`)).toBe(true);
});
