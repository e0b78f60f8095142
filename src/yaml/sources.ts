// What -f names: files, directories and standard input, as texts.
import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { SourceText } from './document.ts';

export interface Sources {
  readonly texts: readonly SourceText[];
  /** One line each. */
  readonly problems: readonly string[];
}

const STANDARD_INPUT = 'standard input';
const MANIFEST = /\.(?:ya?ml|json)$/i;
/** The API server stores objects of 1.5 MiB; this is room for a dump of a whole cluster. */
const LARGEST_BYTES = 32 * 1024 * 1024;

/** Reads everything that is named, in the order given and within a directory by name; `-` is standard input. */
export async function readSources(names: readonly string[], stdin: () => Promise<string>): Promise<Sources> {
  const texts: SourceText[] = [];
  const problems: string[] = [];
  const keep = (read: SourceText | string): void => void (typeof read === 'string' ? problems.push(read) : texts.push(read));
  for (const name of names) {
    if (name === '-') keep(checked(STANDARD_INPUT, await stdin()));
    else {
      const found = filesAt(name);
      if (typeof found === 'string') problems.push(found);
      else for (const file of found) keep(readSource(file));
    }
  }
  return { texts, problems };
}

/** Manifest files below a directory, sorted; hidden files and directories are not looked into. @throws when it cannot be listed. */
export function filesBelow(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => !name.startsWith('.'))
    .sort()
    .flatMap((name) => {
      const path = join(directory, name);
      // A link to a directory is not followed: it can lead in a circle.
      if (lstatSync(path).isDirectory()) return filesBelow(path);
      return MANIFEST.test(name) ? [path] : [];
    });
}

/** The text of one file, or one line that says why there is none. */
export function readSource(file: string): SourceText | string {
  try {
    const { size } = statSync(file);
    if (size > LARGEST_BYTES) return `${file}: has ${size} bytes, more than ${LARGEST_BYTES}; split it`;
    return checked(file, decode(readFileSync(file)));
  } catch (error) {
    return `${file}: ${reasonOf(error)}`;
  }
}

/** A file, or what is in a directory, or one line of what is wrong. */
const filesAt = (name: string): readonly string[] | string => {
  try {
    if (!statSync(name).isDirectory()) return [name];
    const files = filesBelow(name);
    return files.length > 0 ? files : `${name}: the directory has no file that ends in .yaml, .yml or .json`;
  } catch (error) {
    return `${name}: ${reasonOf(error)}`;
  }
};

/** A byte-order mark is no part of a manifest, and would stand in the middle of joined ones. */
const checked = (file: string, text: string | undefined): SourceText | string => {
  // Standard input comes decoded: what was not UTF-8 is a replacement character by now.
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

/** An error of the file system in words. */
export function reasonOf(error: unknown): string {
  const { code = '', message = String(error) } = (error ?? {}) as { readonly code?: string; readonly message?: string };
  return REASONS[code] ?? message;
}
