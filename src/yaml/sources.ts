// Texts of manifests: files, directories and standard input.
import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { SourceText } from './documents.ts';

export interface Sources {
  readonly texts: readonly SourceText[];
  /** One line each. */
  readonly problems: readonly string[];
}

const STANDARD_INPUT = 'standard input';
const MANIFEST = /\.(?:ya?ml|json)$/i;
/** The API server stores objects of 1.5 MiB; this is room for a dump of a whole cluster. */
const MAX_BYTES = 32 * 1024 * 1024;

/** Reads all named sources in the given order, files of a directory by name; `-` is standard input. */
export async function readSources(names: readonly string[], stdin: () => Promise<string>): Promise<Sources> {
  const texts: SourceText[] = [];
  const problems: string[] = [];
  const add = (read: SourceText | string): void => void (typeof read === 'string' ? problems.push(read) : texts.push(read));
  for (const name of names) {
    if (name === '-') add(sourceText(STANDARD_INPUT, await stdin()));
    else {
      const files = filesAt(name);
      if (typeof files === 'string') problems.push(files);
      else for (const file of files) add(readSource(file));
    }
  }
  return { texts, problems };
}

/** A file as it is, or the manifest files below a directory, without hidden ones. @throws when it cannot be listed. */
export function manifestsAt(path: string): string[] {
  return statSync(path).isDirectory() ? filesBelow(path) : [path];
}

/** Sorted by name. @throws when the directory cannot be listed. */
const filesBelow = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => !name.startsWith('.'))
    .sort()
    .flatMap((name) => {
      const path = join(directory, name);
      // A link to a directory is not followed: it can lead in a circle.
      if (lstatSync(path).isDirectory()) return filesBelow(path);
      return MANIFEST.test(name) ? [path] : [];
    });

/** The text of one file, or one line with the reason why it cannot be read. */
export function readSource(file: string): SourceText | string {
  try {
    const { size } = statSync(file);
    if (size > MAX_BYTES) return `${file}: has ${size} bytes, more than ${MAX_BYTES}; split it`;
    return sourceText(file, decode(readFileSync(file)));
  } catch (error) {
    return `${file}: ${reasonOf(error)}`;
  }
}

/** A file, or the manifest files of a directory, or one line with the reason why there are none. */
const filesAt = (name: string): readonly string[] | string => {
  try {
    const files = manifestsAt(name);
    return files.length > 0 ? files : `${name}: the directory has no file that ends in .yaml, .yml or .json`;
  } catch (error) {
    return `${name}: ${reasonOf(error)}`;
  }
};

/** Drops a byte-order mark, which would stand in the middle of joined manifests. */
const sourceText = (file: string, text: string | undefined): SourceText | string => {
  // Standard input is decoded already: bytes that are not UTF-8 have become replacement characters.
  if (text === undefined || (file === STANDARD_INPUT && text.includes('\u{fffd}')))
    return `${file}: is not UTF-8 text; save it as UTF-8`;
  return { file, text: text.startsWith('\u{feff}') ? text.slice(1) : text };
};

const decode = (bytes: Buffer): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
};

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  ELOOP: 'a circle of links',
};

/** The message of an error of the file system. */
export function reasonOf(error: unknown): string {
  const { code = '', message = String(error) } = (error ?? {}) as { readonly code?: string; readonly message?: string };
  return REASONS[code] ?? message;
}
