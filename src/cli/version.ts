// The command version.
import { asksForHelp, type Terminal } from './terminal.ts';

// Written into the bundle; a plain run of the sources has no build.
declare const BUILD_VERSION: string | undefined;
declare const BUILD_COMMIT: string | undefined;

export const VERSION = typeof BUILD_VERSION === 'string' ? BUILD_VERSION : 'development';
export const COMMIT = typeof BUILD_COMMIT === 'string' ? BUILD_COMMIT : 'unknown';

/** Prints version, commit and Node's version. */
export function version([word]: readonly string[], terminal: Terminal): Promise<number> {
  if (word !== undefined && !asksForHelp([word])) {
    terminal.stderr(`vault-auth-injector version: ${JSON.stringify(word)}: this command takes no flags or arguments\n`);
    return Promise.resolve(2);
  }
  terminal.stdout(`vault-auth-injector ${VERSION} (commit ${COMMIT}, Node ${process.versions.node})\n`);
  return Promise.resolve(0);
}
