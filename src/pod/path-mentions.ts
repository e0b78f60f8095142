// Paths of the agent's file system that annotations name: options, parameters of the login, template functions and commands.
import type { OptionKey } from '../annotations/table.ts';
import { originOf, type Draft } from './draft.ts';
import { resolvedPath, withAncestors } from './paths.ts';
import type { SecretFile } from './secrets.ts';
import { templateCalls } from './template-calls.ts';

/** A path in an annotation. `command`: a word of a command, which may be no path. */
export interface PathMention {
  readonly annotation: string;
  readonly path: string;
  readonly use: 'read' | 'write' | 'login' | 'command';
}

const PATH_OPTIONS: readonly OptionKey[] = ['caCert', 'caPath', 'caKey', 'clientCert', 'clientKey'];

/** Functions whose first argument is a path; their last argument may be piped into them. */
const FUNCTIONS: Readonly<Record<string, 'read' | 'write'>> = { file: 'read', plugin: 'read', writeToFile: 'write' };

/** An absolute path at the begin of a word, also behind `=` or a redirection; not `//`, and not the path of a URL. */
const COMMAND_PATH = /(?<![^\s"'`=<>|;&(,])\/[^\s"'`<>|;&(),$*?]+/g;

/** Directories that commands name. Other words that begin with a slash are patterns of sed and awk. */
const USUAL = /^\/(?:app|cert|certs|config|data|etc|home|mnt|opt|root|run|secrets|srv|tmp|var|vault)\//;

const optionMentions = ({ parsed }: Draft): PathMention[] =>
  PATH_OPTIONS.flatMap((key) => {
    const path = parsed.options[key];
    const isAnnotated = parsed.origins.get(key)?.annotation !== undefined;
    return isAnnotated && typeof path === 'string' ? [{ annotation: originOf(parsed, key), path, use: 'read' as const }] : [];
  });

type Template = Pick<SecretFile, 'template' | 'leftDelimiter' | 'rightDelimiter'>;

const templateMentions = (annotation: string, { template, leftDelimiter, rightDelimiter }: Template): PathMention[] => {
  if (!Object.keys(FUNCTIONS).some((name) => template.includes(name))) return [];
  return templateCalls(template, leftDelimiter, rightDelimiter).flatMap(({ name, arguments: [path] }) => {
    const use = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    return use !== undefined && path !== undefined ? [{ annotation, path, use }] : [];
  });
};

/** Resolved mount paths. */
type Mounted = Pick<ReadonlyMap<string, unknown>, 'has'>;

const fileMentions = (draft: Draft, file: SecretFile, mounts: Mounted): PathMention[] => {
  const { families } = draft.parsed;
  const source = families.templateFile.get(file.name);
  const command = families.command.get(file.name);
  const words = (command?.value.match(COMMAND_PATH) ?? []).filter(
    (path) => USUAL.test(`${path}/`) || withAncestors(resolvedPath(path)).some((directory) => mounts.has(directory)),
  );
  return [
    ...(source && file.source !== '' ? [{ annotation: source.annotation, path: source.value, use: 'read' as const }] : []),
    ...templateMentions(families.template.get(file.name)?.annotation ?? file.name, file),
    ...words.map((path) => ({ annotation: command?.annotation ?? file.name, path, use: 'command' as const })),
  ];
};

/** More than a pod gets warnings; each is compared with every mount of the pod. */
const MAX_MENTIONS = 100;

/** Absolute paths, once for each annotation, at most a hundred. `mounts` are the resolved mount paths of the pod's containers, without `/`. */
export function pathMentions(draft: Draft, mounts: Mounted): readonly PathMention[] {
  const login = [...draft.parsed.families.authConfig.values()].map(({ annotation, value }) => ({
    annotation,
    path: value.trim(),
    use: 'login' as const,
  }));
  const all: readonly PathMention[] = [
    ...optionMentions(draft),
    ...login,
    ...draft.files.flatMap((file) => fileMentions(draft, file, mounts)),
    ...draft.variables.flatMap(({ annotation, template }) =>
      templateMentions(annotation, { template, leftDelimiter: '{{', rightDelimiter: '}}' }),
    ),
  ];
  const seen = new Set<string>();
  const unique = all.filter(({ annotation, path, use }) => {
    const key = `${annotation} ${use} ${path}`;
    const isNew = path.startsWith('/') && !seen.has(key);
    seen.add(key);
    return isNew;
  });
  return unique.slice(0, MAX_MENTIONS);
}
