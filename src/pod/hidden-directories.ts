// Mounts that would hide what the agent needs: its program, the CA certificates of its image, or a file by a directory.
import { posix } from 'node:path';
import { originOf, type Draft } from './draft.ts';
import { resolvedPath, withAncestors } from './paths.ts';
import type { PodProblem } from './pod-problems.ts';
import type { VolumeMount } from './pod.ts';

/** Files, which no volume can replace, but a file of a volume (subPath). */
const FILES = ['/etc/passwd/', '/etc/group/', '/etc/hosts/', '/etc/hostname/', '/etc/resolv.conf/'];
/** A mount there, or above, hides the programs, libraries or users of any image. */
const SYSTEM = [
  '/bin/',
  '/sbin/',
  '/lib/',
  '/lib64/',
  '/usr/bin/',
  '/usr/sbin/',
  '/usr/lib/',
  '/usr/local/bin/',
  '/etc/',
  '/dev/',
  '/proc/',
  '/sys/',
  ...FILES,
];
/** The container's runtime mounts nothing in there. */
const KERNEL = /^\/(?:proc|sys)\//;
/** Where Go programs look for CA certificates. */
const CERTIFICATES = [
  '/etc/ssl/certs/',
  '/etc/ssl/cert.pem/',
  '/etc/pki/tls/certs/',
  '/etc/pki/ca-trust/extracted/pem/',
  '/usr/share/ca-certificates/',
];
/** Directories that processes write to, whatever the image. */
const SCRATCH = new Set(['/tmp/', '/var/', '/var/tmp/', '/run/', '/var/lib/', '/var/log/', '/var/cache/', '/home/', '/root/']);

const hidesOneOf = (directories: readonly string[], path: string): boolean =>
  directories.some((directory) => directory.startsWith(path));

/** What a mount hides that an agent needs; undefined: nothing. */
const hiddenBy = (path: string): 'programs' | 'certificates' | undefined => {
  const directory = resolvedPath(path);
  if (hidesOneOf(SYSTEM, directory) || KERNEL.test(directory)) return 'programs';
  return hidesOneOf(CERTIFICATES, directory) ? 'certificates' : undefined;
};

/** The agent verifies Vault's certificate with the CAs of its image. */
const needsCertificates = ({ parsed: { options }, context }: Draft): boolean =>
  (options.service ?? '').startsWith('https:') &&
  !options.tlsSkipVerify &&
  [options.caCert, options.caPath, options.caKey, context.caBytes].every((value) => value === '');

interface Directory {
  readonly path: string;
  readonly annotation: string;
}

const secretDirectories = ({ parsed, files }: Draft): readonly Directory[] => {
  const own = files.flatMap(({ name, directory }) => {
    const annotation = parsed.families.volumePath.get(name)?.annotation;
    return annotation === undefined ? [] : [{ path: directory, annotation }];
  });
  return [{ path: parsed.options.secretVolumePath, annotation: originOf(parsed, 'secretVolumePath') }, ...own];
};

/** A file whose path is a directory: of another secret, or of a file below it. The agent cannot rename a file to it. */
const filesOverDirectories = ({ parsed: { families }, files }: Draft, directories: readonly Directory[]): PodProblem[] => {
  const others = new Map<string, string>();
  const add = (directory: string, name: string): void => {
    for (const path of withAncestors(resolvedPath(directory))) if (!others.has(path)) others.set(path, name);
  };
  for (const { path, annotation } of directories) add(path, annotation);
  for (const { destination, name } of files) add(posix.dirname(destination), `secret ${name}`);
  return files.flatMap(({ name, destination }): PodProblem[] => {
    const other = others.get(resolvedPath(destination));
    const [annotation = name] = [families.file, families.secret, families.template, families.templateFile].flatMap(
      (family) => family.get(name)?.annotation ?? [],
    );
    return other !== undefined ? [{ code: 'file-is-directory', annotation, path: destination, other }] : [];
  });
};

/**
 * Directories of secrets and copied mounts that blind the agent. `certain`: its containers cannot start or log in; `possible`: they
 * can, but other containers of the pod lose something.
 */
export function hiddenDirectories(
  draft: Draft,
  copied: readonly VolumeMount[],
  isReadOnly: boolean,
): { readonly certain: readonly PodProblem[]; readonly possible: readonly PodProblem[] } {
  const certain: PodProblem[] = [];
  const possible: PodProblem[] = [];
  const directories = secretDirectories(draft);
  for (const { path, annotation } of directories) {
    const hidden = path === '' ? undefined : hiddenBy(path);
    if (hidden) {
      const isCertain = hidden === 'programs' || needsCertificates(draft);
      (isCertain ? certain : possible).push({ code: 'directory-hides', annotation, path, hidden });
    } else if (isReadOnly && SCRATCH.has(resolvedPath(path))) possible.push({ code: 'directory-read-only', annotation, path });
  }
  // A copied directory of CA certificates is what the pod author gives the agent instead.
  for (const { mountPath, subPath } of copied) {
    const path = mountPath ?? '';
    // A file of a volume, such as /etc/passwd with a user of the app, hides no directory.
    const isFile = (subPath ?? '') !== '' && FILES.includes(resolvedPath(path));
    if (!isFile && hiddenBy(path) === 'programs')
      certain.push({
        code: 'directory-hides',
        annotation: originOf(draft.parsed, 'agentCopyVolumeMounts'),
        path,
        hidden: 'programs',
      });
  }
  certain.push(...filesOverDirectories(draft, directories));
  return { certain, possible };
}
