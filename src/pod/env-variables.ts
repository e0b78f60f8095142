// The environment variables that a pod declares, and the file from which the kubelet reads them (fileKeyRef, Kubernetes 1.35 and later).
import type { AnnotationProblem } from '../annotations/annotation-problems.ts';
import type { FamilyOptions } from '../annotations/parse.ts';

export interface EnvVariable {
  readonly name: string;
  /** The annotation, or the entry of the list, that declares it. */
  readonly annotation: string;
  /** Path in Vault; empty for a template. */
  readonly path: string;
  readonly key: string;
  /** The value without the key, or if it is empty; undefined: the agent fails. Empty: the variable is not set. */
  readonly fallback: string | undefined;
  /** Empty for a key of a secret. */
  readonly template: string;
  /** The only containers that get it; undefined: the usual ones. */
  readonly containers: readonly string[] | undefined;
}

/** Names of variables that every API server accepts. Other names could be comments or assignments in the file. */
const NAME = /^(?!\.\.)(?!\.$)[-._a-zA-Z][-._a-zA-Z0-9]{0,127}$/;

/**
 * The kubelet's grammar is NAME='value' without any escape, it drops the carriage return of CRLF, and reads lines of up to 65,535 bytes.
 * https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/kubelet/util/env/env_util.go
 */
const REFUSED = /['\0]|\r\n/;
const MAX_LINE = 65_000;
/** Linux starts no program with a longer NAME=value (MAX_ARG_STRLEN, 128 KiB). */
const MAX_VALUE = 130_000;

export interface EnvVariables {
  /** By name, in code-unit order. */
  readonly variables: readonly EnvVariable[];
  readonly problems: readonly AnnotationProblem[];
}

/** Variables of annotations and lists. One name in both families is a problem. */
export function envVariables({ env, envTemplate }: FamilyOptions): EnvVariables {
  const problems: AnnotationProblem[] = [];
  const variables: EnvVariable[] = [];
  for (const [name, { value, annotation }] of env) {
    const other = envTemplate.get(name)?.annotation;
    if (other !== undefined) problems.push({ code: 'env-duplicate', annotation: other, other: annotation, name });
    const { path, key, fallback, containers } = value;
    variables.push({ name, annotation, path, key, fallback, template: '', containers });
    const found = fallback === undefined ? undefined : faultOf(fallback);
    if (found) problems.push({ code: 'env-text', annotation, name, found });
  }
  for (const [name, { value, annotation }] of envTemplate) {
    if (env.has(name)) continue;
    variables.push({ name, annotation, path: '', key: '', fallback: undefined, template: value, containers: undefined });
    if (/\{\{-?\s*(?:define|block)\b/.test(value)) problems.push({ code: 'env-text', annotation, name, found: 'definition' });
  }
  for (const { name, annotation } of variables) if (!NAME.test(name)) problems.push({ code: 'env-name', annotation, name });
  return { variables: variables.sort((one, other) => (one.name < other.name ? -1 : 1)), problems };
}

const faultOf = (text: string): 'quote' | 'line' | undefined => {
  if (REFUSED.test(text)) return 'quote';
  return Buffer.byteLength(text) > MAX_LINE ? 'line' : undefined;
};

/** A text in a template. */
const quoted = (text: string): string => JSON.stringify(text);

/** Data of either version of the KV engine, as in the formats of files. */
const DATA =
  '{{$d := .Data}}{{if eq (printf "%.3T%.3T" (index $d "data") (index $d "metadata")) "mapmap"}}{{$d = index $d "data"}}{{end}}';

/** Adds a variable to the list: name, source, value, whether it must have a value, and its default. */
const item = ({ name }: EnvVariable, source: string, value: string, isRequired: boolean, fallback: string): string =>
  `{{$l = sprig_append $l (sprig_list ${quoted(name)} ${quoted(source)} ${value} ${isRequired} ${quoted(fallback)})}}`;

const itemsOfPath = (path: string, variables: readonly EnvVariable[]): string => {
  const items = variables.map((variable) =>
    item(
      variable,
      `${path}#${variable.key}`,
      `(index $d ${quoted(variable.key)})`,
      variable.fallback === undefined,
      variable.fallback ?? '',
    ),
  );
  return `{{with secret ${quoted(path)}}}${DATA}${items.join('')}{{end}}`;
};

/** The text of a template is a value only inside of a definition. Before its secrets have been read it is empty, so that is no error. */
const itemOfTemplate = (variable: EnvVariable): string => {
  const definition = quoted(`env:${variable.name}`);
  return (
    `{{define ${definition}}}${variable.template}{{end}}` +
    item(variable, 'its template', `(executeTemplate ${definition})`, false, '')
  );
};

const refuse = (reason: string): string => `{{$b = printf "%s %s from %s (${reason})" $b $n (index $v 1)}}`;

/**
 * Writes each value, or fails with the names of all variables that cannot be written, and never a value: the agent logs the message, and the
 * startup probe repeats it. The kubelet would report only that it cannot parse the file.
 */
const WRITE =
  '{{$b := ""}}{{range $v := $l}}{{$n := index $v 0}}{{$s := index $v 2}}{{$t := printf "%T" $s}}' +
  '{{if eq $t "<nil>"}}{{$s = ""}}{{else if ne $t "string"}}{{$s = toUnescapedJSON $s}}{{end}}{{if eq $s ""}}{{$s = index $v 4}}{{end}}' +
  `{{if and (eq $s "") (index $v 3)}}${refuse('no such key, or its value is empty')}{{end}}` +
  `{{if regexMatch "['\\\\x00]|\\\\r\\\\n" $s}}${refuse("its value has ', NUL or CRLF")}{{end}}` +
  `{{if and (regexMatch "\\\\x{fffd}" $s) (ne $s (toJSON $s | parseJSON))}}${refuse('its value is not UTF-8')}{{end}}` +
  `{{if gt (len $s) ${MAX_LINE}}}{{$i := gt (len $s) ${MAX_VALUE}}}` +
  `{{range split "\\n" $s}}{{if gt (len .) ${MAX_LINE}}}{{$i = true}}{{end}}{{end}}` +
  `{{if $i}}${refuse(`its value has over ${MAX_VALUE} bytes, or a line over ${MAX_LINE}`)}{{end}}{{end}}` +
  '{{if ne $s ""}}{{$n}}=\'{{$s}}\'\n{{end}}{{end}}' +
  '{{if $b}}{{$b = print "environment variables cannot hold" $b}}{{sprig_fail $b}}{{end}}';

/** The template of the file. Each path is read once, also beside files of the same path: a dynamic secret has one lease. */
export function envTemplate(variables: readonly EnvVariable[]): string {
  const paths = new Set(variables.map(({ path }) => path).filter((path) => path !== ''));
  return [
    '{{$l := sprig_list}}',
    ...[...paths].map((path) =>
      itemsOfPath(
        path,
        variables.filter((variable) => variable.path === path),
      ),
    ),
    ...variables.filter(({ path }) => path === '').map(itemOfTemplate),
    WRITE,
  ].join('');
}
