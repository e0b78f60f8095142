// The secrets that a pod declares: families of annotations joined by NAME into one entry per rendered file.
import { posix } from 'node:path';
import type { FamilyEntry, FamilyOptions, Options } from '../annotations/parse.ts';
import type { FamilyKey } from '../annotations/families.ts';
import type { AnnotationFinding } from '../annotations/finding.ts';
import type { Format } from './template.ts';

export interface SecretFile {
  /** NAME as the annotation has it. */
  readonly name: string;
  /** Path in Vault; empty when only a template declares the secret. */
  readonly path: string;
  /** Directory of the volume that holds the file. */
  readonly directory: string;
  /** Absolute path of the rendered file. */
  readonly destination: string;
  /** Which default template renders it when it brings none. */
  readonly format: Format;
  /** Inline template; empty when `source` or the default template is used. */
  readonly template: string;
  /** File in the agent with the template; empty when there is none or an inline one wins. */
  readonly source: string;
  readonly leftDelimiter: string;
  readonly rightDelimiter: string;
  readonly permissions: string;
  readonly command: string;
  readonly errorOnMissingKey: boolean;
}

/** What only speaks of a secret that another annotation declares. */
const DEPENDENT: readonly FamilyKey[] = [
  'format',
  'file',
  'perms',
  'command',
  'errorOnMissingKey',
  'leftDelimiter',
  'rightDelimiter',
  'volumePath',
];

/** Names in code-unit order: one order for every run and every machine (Q07). */
const declarations = (families: FamilyOptions): ReadonlyMap<string, string> => {
  const declared = new Map<string, string>();
  for (const family of [families.secret, families.template, families.templateFile])
    for (const [name, entry] of family)
      if (entry.value.trim() !== '' && !declared.has(name)) declared.set(name, entry.annotation);
  return new Map([...declared].sort(([one], [other]) => (one < other ? -1 : 1)));
};

/** The annotation `…template-file-x` declares x, yet reads like the template of a secret called file-x (Q08). */
const ambiguities = (families: FamilyOptions): AnnotationFinding[] => {
  const found: AnnotationFinding[] = [];
  for (const [name, { annotation }] of families.templateFile) {
    const other = families.secret.get(`file-${name}`);
    if (other) found.push({ code: 'secret-ambiguous', annotation, other: other.annotation, name: `file-${name}` });
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
  // A path that differs only in its writing is no second volume (Q30).
  return posix.join(own, '/') === posix.join(options.secretVolumePath, '/') ? options.secretVolumePath : own;
};

const valueOf = <T>(family: ReadonlyMap<string, FamilyEntry<T>>, name: string, otherwise: T): T =>
  family.get(name)?.value ?? otherwise;

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
  };
};

export interface Secrets {
  readonly files: readonly SecretFile[];
  readonly problems: readonly AnnotationFinding[];
  readonly warnings: readonly AnnotationFinding[];
}

/** Joins the families by NAME, sorted; two files of one destination, and one outside its directory, are problems. */
export const secretFiles = (families: FamilyOptions, options: Options): Secrets => {
  const declared = declarations(families);
  const files: SecretFile[] = [];
  const problems = ambiguities(families);
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
  const warnings: AnnotationFinding[] = [];
  for (const key of DEPENDENT)
    for (const [name, entry] of families[key])
      if (!declared.has(name)) warnings.push({ code: 'secret-undeclared', annotation: entry.annotation, name });
  return { files, problems, warnings };
};

/** Directories of files other than the common one, sorted; writings of one path are one directory (Q30). */
export const otherDirectories = (files: readonly SecretFile[], common: string): readonly string[] => {
  const others = new Map<string, string>();
  for (const { directory } of files) if (directory !== common) others.set(posix.join(directory, '/'), directory);
  return [...others.values()].sort();
};
