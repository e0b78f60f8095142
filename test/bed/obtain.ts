// Finds each program: environment variable, PATH (only the pinned version), cache, and at last a build from its Go module.
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildRecipe, cachedAt } from './go-build.ts';
import { foundInPath, programOverride } from './environment.ts';
import type { Progress } from './progress.ts';
import { type KubernetesVersion, type Program, type Recipe, VERSION_QUESTION, recipeOf } from './recipes.ts';

const run = promisify(execFile);

/** Where a program was found. `path` is undefined when it has still to be built. */
interface Found {
  readonly program: Program;
  readonly recipe: Recipe;
  readonly origin: 'environment' | 'PATH' | 'cache' | 'missing';
  readonly path: string | undefined;
}

/**
 * Paths of the programs that a bed needs, built first where they are missing.
 * @throws when an environment variable names no executable, or Go is missing or too old, or a build fails.
 */
export async function obtain(
  programs: readonly Program[],
  version: KubernetesVersion,
  progress: Progress,
  signal?: AbortSignal,
): Promise<ReadonlyMap<Program, string>> {
  const paths = new Map<Program, string>();
  for (const program of programs) {
    const found = await find(program, recipeOf(program, version));
    paths.set(program, found.path ?? join(await buildRecipe(found.recipe, progress, signal), program));
  }
  return paths;
}

/** Looks for a program without building it. */
export async function find(program: Program, recipe: Recipe): Promise<Found> {
  const variable = recipe.programs.find((entry) => entry.program === program)?.variable ?? '';
  const override = programOverride(variable);
  if (override) return { program, recipe, origin: 'environment', path: checked(override, variable) };
  for (const path of foundInPath(program)) {
    // A program in PATH of another version, or from another vendor, would make the tests mean something else.
    if ((await versionOf(program, path)) === recipe.version) return { program, recipe, origin: 'PATH', path };
  }
  const cached = cachedAt(recipe);
  return { program, recipe, origin: cached ? 'cache' : 'missing', path: cached && join(cached, program) };
}

function checked(path: string, variable: string): string {
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    throw new Error(`${variable}=${path} is not an executable file: correct the path or unset the variable`);
  }
}

/** Version that the program itself states, for example "1.36.3"; undefined when it does not answer in its usual form. */
async function versionOf(program: Program, path: string): Promise<string | undefined> {
  const question = VERSION_QUESTION[program];
  try {
    const { stdout } = await run(path, question.arguments, { timeout: 10_000 });
    return question.answer.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}
