// The formats of secrets without a template: the programs that read each of them, what each refuses, and its template.
import type { FORMATS } from '../annotations/table.ts';

export type Format = (typeof FORMATS)[number];

export interface FormatRow {
  /** The programs that give back every value unchanged. */
  readonly readers: string;
  /** What it looks like. */
  readonly example: string;
  /** Keys and values that fail when the agent renders them. */
  readonly refuses: string;
  /** The template of a secret. The path is not escaped: `pki/issue/web" "common_name=web` is a known way to pass parameters. */
  readonly template: (path: string) => string;
}

/** A template in two hundred files of a pod must fit into an annotation: it has no blanks that only people need. */
const compressed = (template: string): string => template.replaceAll(/(?<=\{\{) | (?=\}\})/g, '');

/** A regular expression (RE2) as a string of a template. */
const pattern = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

/**
 * The values of either version of the KV engine: version 2 has them in data, beside metadata. `index` works on secrets without these
 * keys even under error_on_missing_key. Types are compared, because an empty secret is an empty map.
 */
const withSecret = (path: string, body: string): string =>
  `{{ with secret "${path}" }}${compressed(
    '{{ $d := .Data }}' +
      '{{ if eq (printf "%.3T%.3T" (index $d "data") (index $d "metadata")) "mapmap" }}' +
      `{{ $d = index $d "data" }}{{ end }}{{ $b := "" }}${body}{{ end }}`,
  )}`;

/** Each key as $k and the text of its value as $s: text as it is, everything else as JSON. */
const eachValue = (body: string): string =>
  '{{ range $k, $v := $d }}{{ $s := toUnescapedJSON $v }}{{ if eq (printf "%T" $v) "string" }}{{ $s = $v }}{{ end }}' +
  `${body}{{ end }}`;

/** Adds the key to the list of refused keys. `expected` has no double quotes. */
const refuse = (expected: string): string => `{{ $b = printf "%s %.99q (${expected})" $b $k }}`;

/**
 * Fails the rendering with all refused keys, never a value: the agent writes the message to its log, and the startup probe repeats it.
 * A file that lacks some keys, or that its reader reads differently, would fail later and without a message.
 */
const fail = (format: Format, instead: string): string =>
  `{{ if $b }}{{ $b = print "format ${format} cannot hold" $b ". Use format ${instead}." }}{{ sprig_fail $b }}{{ end }}`;

const VARIABLE = pattern('^[A-Za-z_][A-Za-z0-9_]*$');

/**
 * Variables that a shell sets itself, or evaluates: bash calculates what is assigned to RANDOM or OPTIND, so that `RANDOM='a[$(id)]'`
 * runs id, in spite of the quotes. It expands PS1 and PS4 later, and runs PROMPT_COMMAND.
 */
const RESERVED =
  '_|BASH.*|COMP_WORDBREAKS|DIRSTACK|EPOCH(REALTIME|SECONDS)|E?UID|FUNCNAME|GROUPS|HISTCMD|LINENO|MAILPATH|OPTIND|PIPESTATUS|PPID' +
  '|PROMPT_COMMAND|PS[0-4]|S?RANDOM|SECONDS|SHELLOPTS';

const variables = (reserved: string, refused: string, expected: string): string =>
  `{{ if or (not (regexMatch ${VARIABLE} $k)) (regexMatch ${pattern(`^(${reserved})$`)} $k) }}` +
  refuse("its name is no variable, or one of the shell's own") +
  `{{ else if regexMatch ${pattern(refused)} $s }}${refuse(expected)}{{ end }}`;

/**
 * Node drops carriage returns, and runs code in NODE_OPTIONS (`--import data:text/javascript,…`). Old versions of systemd drop control
 * characters, all drop code points that are no characters. A value with ' is written in double quotes, in which shells expand $ and
 * `, and the readers disagree about backslashes.
 */
const DOTENV_REFUSED =
  String.raw`(?s)[\x00-\x08\x0b-\x1f\x7f\x{fdd0}-\x{fdef}\x{fffe}\x{ffff}\x{1fffe}\x{1ffff}\x{2fffe}\x{2ffff}\x{3fffe}-\x{dffff}` +
  String.raw`\x{efffe}-\x{10ffff}]|'.*["$\\\x60]|["$\\\x60].*'`;

const dotenv = (path: string): string =>
  withSecret(
    path,
    eachValue(
      variables(
        `${RESERVED}|NODE_OPTIONS`,
        DOTENV_REFUSED,
        "its value has control characters, or ' beside $, \\\\, ` or a double quote",
      ) + `{{ $q := "'" }}{{ if regexMatch "'" $s }}{{ $q = "\\"" }}{{ end }}{{ $k }}={{ $q }}{{ $s }}{{ $q }}\n`,
    ) + fail('dotenv', 'yaml, or shell for such values'),
  );

/** In single quotes a shell takes everything as it is; ' itself stands between them, in double quotes. */
const shell = (path: string): string =>
  withSecret(
    path,
    eachValue(`${variables(RESERVED, String.raw`\x00`, 'its value has NUL')}{{ $k }}='{{ replaceAll "'" "'\\"'\\"'" $s }}'\n`) +
      fail('shell', 'yaml'),
  );

/** Docker reads lines of up to 65,535 bytes. */
const docker = (path: string): string =>
  withSecret(
    path,
    eachValue(
      `{{ if not (regexMatch ${pattern('^[A-Za-z0-9_][A-Za-z0-9_.-]*$')} $k) }}${refuse('its name has other characters than A-Z a-z 0-9 _ . -')}` +
        `{{ else if or (regexMatch ${pattern(String.raw`[\x00\n\r]`)} $s) (gt (len (print $k $s)) 65000) }}` +
        `${refuse('its value has line breaks, NUL or over 65000 bytes')}{{ end }}{{ $k }}={{ $s }}\n`,
    ) + fail('docker', 'yaml, or shell for such values'),
  );

/** The key ends at the first `: `. */
const kv2 = (path: string): string =>
  withSecret(
    path,
    eachValue(
      `{{ if regexMatch ${pattern(String.raw`[\n\r]|: `)} $k }}${refuse('its name has a line break, or a colon at a blank')}` +
        `{{ else if regexMatch ${pattern(String.raw`[\n\r]`)} $s }}${refuse('its value has line breaks')}{{ end }}` +
        '{{ $k }}: {{ $s }}\n',
    ) + fail('kv2', 'yaml'),
  );

/**
 * ASCII alone, so that both encodings of the JDK read it: UTF-8 from a Reader, ISO-8859-1 from an InputStream. The escapes of JSON are
 * those of the JDK, except backspace. Characters outside of the BMP are two escapes. Blanks and separators get a backslash in keys; so
 * does a blank at the start of a value.
 */
const properties = (path: string): string =>
  withSecret(
    path,
    eachValue(
      '{{ range $i, $t := sprig_list $k $s }}{{ $e := "[ :=#!]" }}{{ if $i }}={{ $e = "^ " }}{{ end }}' +
        `{{ range sprig_regexFindAll ${pattern(String.raw`[\x00-\x07\t-\x7f]+|[^\x00-\x07\t-\x7f]`)} $t -1 }}{{ $q := printf "%+q" . }}` +
        String.raw`{{ if eq . "\b" }}\u0008{{ else if regexMatch ${pattern(String.raw`^[\x00-\x7f]`)} . }}` +
        String.raw`{{ toUnescapedJSON . | regexReplaceAll "^.|.$" "" | regexReplaceAll $e "\\$0" }}` +
        '{{ else if eq (len .) 4 }}{{ $c := sprig_sub (sprig_int64 (print "0x" (slice $q 3 11))) 65536 }}' +
        String.raw`{{ printf "\\u%04x\\u%04x" (sprig_add 55296 (sprig_div $c 1024)) (sprig_add 56320 (sprig_mod $c 1024)) }}` +
        '{{ else }}{{ slice $q 1 7 }}{{ end }}{{ end }}{{ end }}\n',
    ),
  );

/** Characters that YAML does not print, or that readers of YAML 1.1 take for line breaks. */
const SPECIAL = String.raw`\x7f-\x{9f}\x{feff}\x{fffe}\x{ffff}`;

/**
 * JSON texts, which are YAML, without what YAML 1.1 and 1.2 read differently: special characters are escaped, numbers get the form that
 * both call a number (1e+21 is text in YAML 1.1), colons and commas a blank. A key that may become longer than 1024 characters needs `? `.
 */
const yaml = (path: string): string =>
  withSecret(
    path,
    `{{ $r := ${pattern(SPECIAL)} }}{{ if not $d }}{}\n{{ end }}` +
      '{{ range $k, $v := $d }}{{ $c := ": " }}{{ if gt (len $k) 150 }}? {{ $c = "\\n: " }}{{ end }}' +
      '{{ range $i, $t := sprig_list (toUnescapedJSON $k) (toUnescapedJSON $v) }}{{ if $i }}{{ $c }}{{ end }}{{ $p := "" }}' +
      `{{ range sprig_regexFindAll ${pattern(String.raw`"(\\.|[^\\"])*"|[^"]+`)} $t -1 }}{{ if regexMatch "^\\"" . }}` +
      '{{ range sprig_regexFindAll (printf "[%s]|[^%s]+" $r $r) . -1 }}{{ if regexMatch (printf "[%s]" $r) . }}' +
      '{{ printf "%+q" . | regexReplaceAll "^.|.$" "" }}{{ else }}{{ . }}{{ end }}{{ end }}' +
      `{{ else }}{{ if and (regexMatch "^:" .) (gt (len $p) 300) }}${refuse('its value has a key of over 300 bytes')}{{ end }}` +
      '{{ regexReplaceAll "(^|[^0-9.])([0-9]+)e" "${1}${2}.0e" . | regexReplaceAll "[:,]" "$0 " }}{{ end }}{{ $p = . }}{{ end }}{{ end }}\n{{ end }}' +
      fail('yaml', 'json'),
  );

const RESERVED_NAMES = 'variables of the shell itself (`_`, `UID`, `RANDOM`, `PS1`, `BASH…`)';
const NAMES = `Keys that are not \`[A-Za-z_][A-Za-z0-9_]*\`, ${RESERVED_NAMES}`;

/** By format. */
export const formats: Readonly<Record<Format, FormatRow>> = {
  // These two are vault-k8s' own, to the letter.
  map: {
    readers:
      'People, and programs written for the default template of vault-k8s. It prints `data` and `metadata` of KV version 2.',
    example: 'key: value',
    refuses: 'Nothing; values with line breaks are ambiguous.',
    template: (path) => `{{ with secret "${path}" }}{{ range $k, $v := .Data }}{{ $k }}: {{ $v }}\n{{ end }}{{ end }}`,
  },
  json: {
    readers: 'JSON parsers. The values of KV version 2 are in `data`, beside `metadata`.',
    example: '{"key":"value"}',
    refuses: 'Nothing.',
    template: (path) => `{{ with secret "${path}" }}{{ .Data | toJSON }}\n{{ end }}`,
  },
  kv2: {
    readers: 'Programs that split lines at the first `: `.',
    example: 'key: value',
    refuses: 'Line breaks; `: ` in a key.',
    template: kv2,
  },
  dotenv: {
    readers: '`.` of `sh`, `bash`, `dash` and BusyBox; `EnvironmentFile=` of systemd; `node --env-file`.',
    example: "KEY='it is $5'",
    refuses: `${NAMES}, \`NODE_OPTIONS\`; values with control characters other than tab and line feed, or with \`'\` beside one of \`"$\\\` and backtick.`,
    template: dotenv,
  },
  shell: {
    readers: '`.` of `sh`, `bash`, `dash` and BusyBox.',
    example: `KEY='it'"'"'s $5'`,
    refuses: `${NAMES}; values with NUL.`,
    template: shell,
  },
  docker: {
    readers: '`docker run --env-file`. The file has no quotes: never source it in a shell.',
    example: "KEY=it's $5",
    refuses: 'Keys that are not `[A-Za-z0-9_][A-Za-z0-9_.-]*`; values with line breaks, NUL or more than 65,000 bytes.',
    template: docker,
  },
  properties: {
    readers: '`java.util.Properties`, from an `InputStream` or a `Reader`.',
    example: 'key=caf\\u00e9',
    refuses: 'Nothing.',
    template: properties,
  },
  yaml: {
    readers: 'Parsers of YAML 1.1 and 1.2.',
    example: '"key": "value"',
    refuses: 'Values with a key of more than 300 bytes inside.',
    template: yaml,
  },
};
