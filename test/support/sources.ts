// The source files of this repository as texts, for tests that judge them.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { repositoryDirectory } from '../bed/environment.ts';

export const ROOT = repositoryDirectory();

interface Import {
  readonly target: string;
  readonly isType: boolean;
}

export interface Source {
  /** Path in the repository, with slashes. */
  readonly file: string;
  readonly text: string;
  /** The text without comments, for rules about code. */
  readonly code: string;
  readonly imports: readonly Import[];
}

const IMPORT = /^\s*(?:import|export)\s+(type\s+)?(?:[\s\S]*?\sfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm;
const COMMENT = /\/\*[\s\S]*?\*\/|(?<![:'"`\\])\/\/.*$/gm;

const read = (file: string): Source => {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const code = text.replaceAll(COMMENT, '');
  const imports = [...code.matchAll(IMPORT)].map(([, type, from, dynamic]) => ({
    target: from ?? dynamic ?? '',
    isType: type !== undefined,
  }));
  return { file, text, code, imports };
};

/** All TypeScript files below a folder, in the order of their names; generated Go modules of the test bed are none. */
export function sourcesIn(folder: string): readonly Source[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => posix.join(folder, name.replaceAll('\\', '/')))
    .filter((file) => file.endsWith('.ts') && !file.includes('/modules/'))
    .toSorted()
    .map(read);
}

/** Everything that is committed and read by people: sources, documents, manifests. Quoted lines of documents are left out. */
export function prose(): readonly { readonly file: string; readonly text: string }[] {
  return execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' })
    .split('\n')
    .filter((file) => /\.(?:ts|mjs|md|ya?ml)$|^(?:Makefile|Dockerfile)$/.test(file) && !file.startsWith('test/bed/modules/'))
    .filter((file) => existsSync(join(ROOT, file)))
    .map((file) => ({ file, text: readFileSync(join(ROOT, file), 'utf8').replaceAll(/^>.*$/gm, '') }));
}

/** Texts between quotation marks. */
export function literals(code: string): readonly string[] {
  return [...code.matchAll(/'([^'\n]*)'|"([^"\n]*)"|`([^`]*)`/g)].map(([, one, two, three]) => one ?? two ?? three ?? '');
}

/** The package of a module: `node-forge` for `node-forge/lib/asn1.js`. */
export function packageOf(module: string): string {
  return module.startsWith('node:')
    ? module
    : module
        .split('/')
        .slice(0, module.startsWith('@') ? 2 : 1)
        .join('/');
}
