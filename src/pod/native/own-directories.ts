// Directories of the agent itself: what lies there decides what it does, so that nothing else may.
import { posix } from 'node:path';
import { originOf, type Draft } from '../draft.ts';
import type { PodFinding } from '../finding.ts';
import { textOf, type JsonObject } from '../manifest.ts';
import { SERVICE_ACCOUNT_DIRECTORY } from '../token.ts';
import { CONFIG_DIRECTORY, RUN_DIRECTORY } from './volumes.ts';

const OWN: readonly string[] = [CONFIG_DIRECTORY, RUN_DIRECTORY, SERVICE_ACCOUNT_DIRECTORY];

/** In most images /var/run is a link to /run. */
const real = (path: string): string => posix.join('/', path, '/').replace(/^\/var\/run\//, '/run/');
const REAL = OWN.map(real);

/** The agent's own directory that a path is, or lies in. */
const ownAt = (path: string): string | undefined => OWN[REAL.findIndex((own) => real(path).startsWith(own))];

/** Secrets, and mounts copied from a container, that would come to lie where the agent has its configuration, log or token. */
export const ownDirectories = (draft: Draft, copied: readonly JsonObject[]): readonly PodFinding[] => {
  const { options, families } = draft.parsed;
  const found = new Map<string, PodFinding>();
  const judge = (path: string, annotation: string): void => {
    const own = ownAt(path);
    if (own !== undefined) found.set(path, { code: 'directory-taken', annotation, path, own });
  };
  const common = originOf(draft, 'secretVolumePath');
  judge(options.secretVolumePath, common);
  for (const { name, destination } of draft.files)
    judge(destination, (families.file.get(name) ?? families.volumePath.get(name))?.annotation ?? common);
  for (const mount of copied) judge(textOf(mount, 'mountPath') ?? '', originOf(draft, 'agentCopyVolumeMounts'));
  return [...found.values()];
};
