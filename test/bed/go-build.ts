// Builds one recipe into the cache. The folder's name holds a hash of everything that decides the result.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory, goEnvironment, repositoryDirectory } from './environment.ts';
import { requireGo } from './go.ts';
import { withLock } from './lock.ts';
import type { Progress } from './progress.ts';
import type { Recipe } from './recipes.ts';
import { startWatchdog, type Watchdog } from './watchdog.ts';

const FLAGS = ['-trimpath', '-buildvcs=false', '-mod=readonly'];
/** Not a part of the hash: the linker drops debug information (-s) in any case; compiling it costs a fifth of the processor time of a build. */
const WITHOUT_DEBUG_INFORMATION = '-gcflags=all=-dwarf=false';

/** Cache folder that holds all programs of the recipe, or undefined when it has not been built. */
export function cachedAt(recipe: Recipe): string | undefined {
  const folder = cacheFolder(recipe);
  return existsSync(folder) ? folder : undefined;
}

/**
 * Builds the recipe unless it is in the cache. Two processes do not build the same thing at once: the second waits.
 * @returns the folder with the programs
 * @throws with what to install when Go is missing or too old, and with the end of the compiler's output when the build fails.
 */
export async function buildRecipe(recipe: Recipe, progress: Progress, signal?: AbortSignal): Promise<string> {
  const folder = cacheFolder(recipe);
  if (existsSync(folder)) return folder;
  await requireGo();
  mkdirSync(cacheDirectory(), { recursive: true, mode: 0o700 });
  await withLock(
    `${folder}.lock`,
    () => progress.status(`Waiting for another process that builds ${recipe.name}`),
    async () => {
      if (!existsSync(folder)) await build(recipe, folder, progress, signal);
    },
  );
  return folder;
}

async function build(recipe: Recipe, folder: string, progress: Progress, signal: AbortSignal | undefined): Promise<void> {
  const started = Date.now();
  const partial = `${folder}.${process.pid}.partial`;
  mkdirSync(partial, { recursive: true });
  const watchdog = startWatchdog(partial);
  const names = recipe.programs.map((entry) => entry.program).join(', ');
  progress.line(`Building ${names} ${recipe.version} (about ${minutes(recipe.minutes)} the first time, on two cores)`);
  try {
    await compile({ recipe, folder: partial, watchdog, signal }, (state) =>
      progress.status(`  ${recipe.name}: ${state}, ${seconds(started)} s`),
    );
    renameSync(partial, folder);
  } finally {
    watchdog.dismiss();
    rmSync(partial, { recursive: true, force: true });
  }
  progress.line(`  ${recipe.name} ready after ${seconds(started)} s`);
}

interface Compilation {
  readonly recipe: Recipe;
  readonly folder: string;
  readonly watchdog: Watchdog;
  readonly signal: AbortSignal | undefined;
}

function compile({ recipe, folder, watchdog, signal }: Compilation, report: (state: string) => void): Promise<void> {
  // One `go build` for all programs of a module: shared packages are compiled once.
  const only = recipe.programs.length === 1 ? recipe.programs[0]?.program : undefined;
  const output = only ? join(folder, only) : `${folder}/`;
  const packages = recipe.programs.map((entry) => entry.package);
  const tags = recipe.tags === undefined ? [] : ['-tags', recipe.tags];
  const child = spawn(
    'go',
    ['build', '-v', ...FLAGS, WITHOUT_DEBUG_INFORMATION, ...tags, '-ldflags', recipe.linkerFlags, '-o', output, ...packages],
    {
      cwd: moduleFolder(recipe),
      env: goEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
      signal,
    },
  );
  if (child.pid !== undefined) watchdog.add(child.pid);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (said += text));
  const timer = setInterval(() => report(stateOf(said)), 1000);
  return new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(signal?.aborted ? new Error('interrupted') : new Error(failure(recipe, said)));
    });
  }).finally(() => clearInterval(timer));
}

/** `go build -v` names each module that it downloads and each package that it compiles, one a line. */
function stateOf(said: string): string {
  const lines = said.split('\n').slice(0, -1);
  const downloads = lines.filter((line) => line.startsWith('go: downloading')).length;
  const packages = lines.length - downloads;
  if (packages > 0) return `${packages} packages compiled`;
  return downloads > 0 ? `${downloads} modules downloaded` : 'reading sources';
}

function failure(recipe: Recipe, said: string): string {
  const log = `${cacheFolder(recipe)}.failed.log`;
  writeFileSync(log, said);
  const end = said
    .split('\n')
    .filter((line) => line && !line.startsWith('go: downloading'))
    .slice(-8)
    .join('\n  ');
  return `building ${recipe.name} ${recipe.version} failed (whole output: ${log}):\n  ${end}`;
}

function cacheFolder(recipe: Recipe): string {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum', 'main.go'].map((name) => join(moduleFolder(recipe), name)))
    if (existsSync(file)) hash.update(readFileSync(file));
  hash.update(JSON.stringify([recipe, FLAGS, process.platform, process.arch]));
  return join(cacheDirectory(), `${recipe.name}-${recipe.version}-${hash.digest('hex').slice(0, 12)}`);
}

const moduleFolder = (recipe: Recipe): string =>
  join(repositoryDirectory(), 'test', 'bed', 'modules', recipe.module ?? recipe.name);
const seconds = (since: number): number => Math.round((Date.now() - since) / 1000);
const minutes = (count: number): string => (count === 1 ? 'a minute' : `${count} minutes`);
