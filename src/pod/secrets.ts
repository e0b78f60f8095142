// The secrets that a pod declares: families of annotations joined by NAME into one entry per rendered file.
import { posix } from 'node:path';
import type { FORMATS } from '../annotations/table.ts';
import type { FamilyEntry, FamilyOptions, Options } from '../annotations/parse.ts';
import { families as FAMILIES, type FamilyKey } from '../annotations/families.ts';
import { absolutePath } from '../annotations/path-kinds.ts';
import { INVALID } from '../annotations/value-kinds.ts';
import type { AnnotationProblem } from '../annotations/annotation-problems.ts';

export interface SecretFile {
  /** NAME as the annotation has it. */
  readonly name: string;
  /** Path in Vault; empty if only a template declares the secret. */
  readonly path: string;
  /** Directory of the volume that holds the file. */
  readonly directory: string;
  /** Absolute path of the rendered file. */
  readonly destination: string;
  /** Its default template, used without `template` and `source`. */
  readonly format: (typeof FORMATS)[number];
  /** Inline template; empty if `source` or the default template is used. */
  readonly template: string;
  /** Template file in the agent container; empty without one, or if an inline template overrides it. */
  readonly source: string;
  readonly leftDelimiter: string;
  readonly rightDelimiter: string;
  readonly permissions: string;
  readonly command: string;
  readonly errorOnMissingKey: boolean;
  /** The only containers that get the file and its directory; undefined: every container that gets the secrets. */
  readonly containers: readonly string[] | undefined;
}

/** Families that configure a secret without declaring one. */
const SECRET_OPTIONS: readonly FamilyKey[] = [
  'format',
  'file',
  'perms',
  'command',
  'errorOnMissingKey',
  'leftDelimiter',
  'rightDelimiter',
  'volumePath',
  'containers',
  'onChange',
];

/** The declaring annotation by secret name, in code-unit order: the same order in every run and on every machine (Q07). */
const declarations = (families: FamilyOptions): ReadonlyMap<string, string> => {
  const declared = new Map<string, string>();
  for (const family of [families.secret, families.template, families.templateFile])
    for (const [name, entry] of family)
      if (entry.value.trim() !== '' && !declared.has(name)) declared.set(name, entry.annotation);
  return new Map([...declared].sort(([one], [other]) => (one < other ? -1 : 1)));
};

/**
 * The annotation `…template-file-x` declares the secret x, but can also be read as the template of a secret file-x (Q08). If it
 * cannot, it must be a path.
 */
const templateFileProblems = (families: FamilyOptions): AnnotationProblem[] => {
  const found: AnnotationProblem[] = [];
  const { kind, example } = FAMILIES.templateFile;
  for (const [name, { annotation, value }] of families.templateFile) {
    const other = families.secret.get(`file-${name}`);
    // Entries of a secrets list are not ambiguous.
    if (other && annotation.endsWith(`-${name}`))
      found.push({ code: 'secret-ambiguous', annotation, other: other.annotation, name: `file-${name}` });
    else if (absolutePath.read(value) === INVALID)
      found.push({ code: 'annotation-value', annotation, value, expected: kind.expected, example });
  }
  return found;
};

const withinDirectory = (directory: string, destination: string): boolean => {
  const base = posix.normalize(`${directory}/`);
  return posix.normalize(destination).startsWith(base);
};

const directoryOf = (name: string, families: FamilyOptions, options: Options): string => {
  const own = families.volumePath.get(name)?.value;
  if (own === undefined) return options.secretVolumePath;
  // `/vault/secrets/` and `/vault/secrets` are one volume (Q30).
  return posix.join(own, '/') === posix.join(options.secretVolumePath, '/') ? options.secretVolumePath : own;
};

const valueOf = <T>(family: ReadonlyMap<string, FamilyEntry<T>>, name: string, fallback: T): T =>
  family.get(name)?.value ?? fallback;

const secretFile = (name: string, families: FamilyOptions, options: Options): SecretFile => {
  const directory = directoryOf(name, families, options);
  const file = valueOf(families.file, name, '');
  const keepCase = options.preserveSecretCase || valueOf(families.preserveCase, name, false);
  const template = valueOf(families.template, name, '');
  return {
    name,
    path: valueOf(families.secret, name, '').trim() === '' ? '' : valueOf(families.secret, name, ''),
    directory,
    destination: file === '' ? `${directory}/${keepCase ? name : name.toLowerCase()}` : posix.join(directory, file),
    format: families.format.get(name)?.value ?? options.format ?? options.agentInjectDefaultTemplate,
    template,
    source: template === '' ? valueOf(families.templateFile, name, '') : '',
    leftDelimiter: valueOf(families.leftDelimiter, name, '{{'),
    rightDelimiter: valueOf(families.rightDelimiter, name, '}}'),
    permissions: valueOf(families.perms, name, ''),
    command: valueOf(families.command, name, ''),
    errorOnMissingKey: valueOf(families.errorOnMissingKey, name, false),
    containers: families.containers.get(name)?.value,
  };
};

export interface Secrets {
  readonly files: readonly SecretFile[];
  readonly problems: readonly AnnotationProblem[];
  readonly warnings: readonly AnnotationProblem[];
}

/** Joins the families by NAME, sorted. Two files with one destination are a problem, and so is one outside its directory. */
export function secretFiles(families: FamilyOptions, options: Options): Secrets {
  const declared = declarations(families);
  const files: SecretFile[] = [];
  const problems = templateFileProblems(families);
  const byDestination = new Map<string, string>();
  for (const [name, annotation] of declared) {
    const file = secretFile(name, families, options);
    const destination = posix.normalize(file.destination);
    const other = byDestination.get(destination);
    if (other !== undefined) problems.push({ code: 'secret-collision', annotation, other, file: destination });
    byDestination.set(destination, annotation);
    if (!withinDirectory(file.directory, file.destination))
      problems.push({
        code: 'secret-escapes',
        annotation: families.file.get(name)?.annotation ?? annotation,
        value: families.file.get(name)?.value ?? name,
      });
    files.push(file);
  }
  if (families.containers.size > 0) problems.push(...directoryProblems(files, families, options));
  const warnings = files.filter(hasOddQuotes).map(
    ({ name, path }): AnnotationProblem => ({
      code: 'secret-path-quotes',
      annotation: families.secret.get(name)?.annotation ?? '',
      value: path,
    }),
  );
  for (const key of SECRET_OPTIONS)
    for (const [name, entry] of families[key])
      if (!declared.has(name)) warnings.push({ code: 'secret-undeclared', annotation: entry.annotation, name });
  return { files, problems, warnings };
}

/** The default template has the path between quotes: `pki/issue/web" "common_name=web` is two texts, and one quote is an error. */
const hasOddQuotes = ({ path, template, source }: SecretFile): boolean =>
  template === '' && source === '' && (path.replaceAll(/\\./g, '').split('"').length - 1) % 2 === 1;

const isSameSet = (one: readonly string[] = [], other: readonly string[] = []): boolean =>
  [...new Set(one)].sort().join() === [...new Set(other)].sort().join();

/** A directory is one volume, so all its files must be for the same containers. The common directory is for all of them. */
const directoryProblems = (files: readonly SecretFile[], families: FamilyOptions, options: Options): AnnotationProblem[] => {
  const problems: AnnotationProblem[] = [];
  const first = new Map<string, SecretFile>();
  for (const file of files) {
    const annotation = families.containers.get(file.name)?.annotation;
    const directory = posix.join(file.directory, '/');
    const other = first.get(directory);
    if (!other) first.set(directory, file);
    if (annotation !== undefined && file.directory === options.secretVolumePath)
      problems.push({ code: 'secret-containers', annotation, directory, other: undefined });
    else if (other && !isSameSet(file.containers, other.containers))
      problems.push({
        code: 'secret-containers',
        annotation: annotation ?? families.containers.get(other.name)?.annotation ?? '',
        directory,
        other: annotation === undefined ? file.name : other.name,
      });
  }
  return problems;
};

/** The only containers that get a directory, by directory with a trailing slash. */
export function directoryContainers(files: readonly SecretFile[]): ReadonlyMap<string, readonly string[]> {
  return new Map(
    files.flatMap(({ directory, containers }) => (containers ? [[posix.join(directory, '/'), containers] as const] : [])),
  );
}

/** Directories of files except the common one, sorted; `/a` and `/a/` are one directory (Q30). */
export function otherDirectories(files: readonly SecretFile[], common: string): readonly string[] {
  const others = new Map<string, string>();
  for (const { directory } of files) if (directory !== common) others.set(posix.join(directory, '/'), directory);
  return [...others.values()].sort();
}
