// The command version.
import type { Run } from './terminal.ts';

// Written into the bundle; a plain run of the sources has no build.
declare const BUILD_VERSION: string | undefined;
declare const BUILD_COMMIT: string | undefined;

export const VERSION = typeof BUILD_VERSION === 'string' ? BUILD_VERSION : 'development';
export const COMMIT = typeof BUILD_COMMIT === 'string' ? BUILD_COMMIT : 'unknown';

/** Prints version, commit and Node's version. */
export const version: Run = (_words, terminal) => {
  terminal.stdout(`vault-auth-injector ${VERSION} (commit ${COMMIT}, Node ${process.versions.node})\n`);
  return Promise.resolve(0);
};
