// Bundles the product into dist/ and, with --tools, the commands that only this repository needs into build/.
// Bundling is what keeps start-up and memory small: unbundled, the same imports cost about three times as much of both.
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { build } from 'esbuild';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const commit = () => {
  try {
    return execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
};

const shared = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  splitting: true,
  legalComments: 'none',
  logLevel: 'warning',
  define: { BUILD_VERSION: JSON.stringify(version), BUILD_COMMIT: JSON.stringify(process.env.BUILD_COMMIT ?? commit()) },
  // CommonJS dependencies inside an ES module bundle ask for require at run time.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
};

const TOOLS = {
  generate: 'test/generated/generate.ts',
  bed: 'test/bed/cli.ts',
  run: 'test/bed/run.ts',
  bench: 'test/bench/bench.ts',
};

/** Builds beside the old result and swaps at the end, so that a running command never sees half of a bundle. */
const bundle = async (directory, options) => {
  const fresh = `${directory}.${process.pid}`;
  await build({ ...shared, ...options, outdir: fresh, chunkNames: 'chunks/[name]-[hash]' });
  rmSync(directory, { recursive: true, force: true });
  renameSync(fresh, directory);
};

await bundle('dist', { entryPoints: { 'vault-auth-injector': 'src/cli/main.ts' }, minifySyntax: true, minifyWhitespace: true });
if (process.argv.includes('--tools')) {
  const present = Object.fromEntries(Object.entries(TOOLS).filter(([, file]) => existsSync(file)));
  await bundle('build', { entryPoints: present, packages: 'external' });
}
