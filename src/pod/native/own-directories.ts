// Directories of the agent itself: what lies there decides what it does, so that nothing else may.
import { posix } from 'node:path';
import { annotationName } from '../../annotations/name.ts';
import { originOf, type Draft } from '../draft.ts';
import type { PodProblem } from '../pod-problems.ts';
import { textOf, type JsonObject } from '../../json/json.ts';
import { SERVICE_ACCOUNT_DIRECTORY } from '../token.ts';
import { CONFIG_DIRECTORY, RUN_DIRECTORY } from './volumes.ts';

const OWN: readonly string[] = [CONFIG_DIRECTORY, RUN_DIRECTORY, SERVICE_ACCOUNT_DIRECTORY];

/** In most images /var/run is a link to /run. */
const real = (path: string): string => posix.join('/', path, '/').replace(/^\/var\/run\//, '/run/');
const REAL = OWN.map(real);

/** The agent's own directory that a path is, or lies in. */
const ownAt = (path: string): string | undefined => OWN[REAL.findIndex((own) => real(path).startsWith(own))];

/** Secrets, and mounts copied from a container, that would come to lie where the agent has its configuration, log or token. */
export function ownDirectories(draft: Draft, copied: readonly JsonObject[]): readonly PodProblem[] {
  const ofSecrets = secretsAmiss(draft);
  if (copied.length === 0) return ofSecrets;
  const annotation = originOf(draft.parsed, 'agentCopyVolumeMounts');
  return [...ofSecrets, ...copied.flatMap((mount) => findingsAt(textOf(mount, 'mountPath') ?? '', annotation))];
}

const findingsAt = (path: string, annotation: string): readonly PodProblem[] => {
  const own = ownAt(path);
  return own === undefined ? [] : [{ code: 'directory-conflict', annotation, path, own }];
};

const secretsAmiss = ({ parsed: { options, families, origins }, files }: Draft): readonly PodProblem[] => {
  const common = origins.get('secretVolumePath')?.annotation ?? annotationName('secretVolumePath');
  return [
    ...findingsAt(options.secretVolumePath, common),
    ...files.flatMap(({ name, destination }) =>
      findingsAt(destination, (families.file.get(name) ?? families.volumePath.get(name))?.annotation ?? common),
    ),
  ];
};
