// Bundles one of the bed's own programs for tests that run it as a process of its own, and kill it.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { repositoryDirectory } from './environment.ts';

export interface Tool {
  /** The JavaScript file to run with node. */
  readonly file: string;
  remove(): void;
}

/** Bundles a file of test/bed into the repository's node_modules, where it finds its packages. */
export async function bundleTool(entry: string): Promise<Tool> {
  const root = repositoryDirectory();
  const folder = mkdtempSync(join(root, 'node_modules', '.bed-test-'));
  const file = join(folder, 'tool.mjs');
  await build({
    entryPoints: [join(root, 'test', 'bed', entry)],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'silent',
  });
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
