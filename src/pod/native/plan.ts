// What profile native makes of the annotations alone.
import { annotationName } from '../../annotations/name.ts';
import { isProblem, originOf, uniquePaths, type Draft } from '../draft.ts';
import type { PodProblem } from '../pod-problems.ts';
import type { JsonObject } from '../../json/json.ts';
import { otherDirectories } from '../secrets.ts';
import { userPatched } from '../user-patch.ts';
import { nativeConfig } from './config.ts';
import { partsOf, type AgentPart } from './part.ts';
import { reachedBy, type Reached } from './reach.ts';
import { agentMounts, secretMounts, volumes } from './volumes.ts';

export interface NativePlan {
  readonly parts: readonly AgentPart[];
  readonly volumes: readonly JsonObject[];
  /** For the containers that get the secrets. */
  readonly secretMounts: readonly JsonObject[];
  /** For the agents, without those that are copied from a container. */
  readonly agentMounts: readonly JsonObject[];
  /** Absolute paths of the files that must exist before the app starts. */
  readonly destinations: readonly string[];
  /** One for each part, or what is wrong with the user's patch of it. */
  readonly configs: readonly (PlannedConfig | PodProblem)[];
}

export interface PlannedConfig {
  /** Name of the annotation that carries it. */
  readonly name: string;
  readonly text: string;
  /** Of name and text. */
  readonly bytes: number;
  /** What the user's own patch of it reaches. */
  readonly reached: readonly Reached[];
}

/** The plan of these annotations, for nodes with or without native sidecars. */
export function planOf(draft: Draft): NativePlan {
  const { parsed, files, operator } = draft;
  const { options } = parsed;
  const directories = [options.secretVolumePath, ...otherDirectories(files, options.secretVolumePath)];
  const parts = partsOf(options, operator.nativeSidecars ?? true);
  return {
    parts,
    volumes: volumes(options, directories, parts),
    secretMounts: secretMounts(directories, options.secretsReadOnly ?? true),
    agentMounts: uniquePaths(agentMounts(options, directories)),
    destinations: files.map(({ destination }) => destination),
    configs: parts.map((part) => configOf(draft, part)),
  };
}

const configOf = ({ parsed, files, telemetry }: Draft, { once, config }: AgentPart): PlannedConfig | PodProblem => {
  const { options, families } = parsed;
  const document = nativeConfig({
    options,
    authConfig: families.authConfig,
    files,
    telemetry,
    once,
  });
  const annotation = originOf(parsed, 'agentConfigPatch');
  const patch = options.agentConfigPatch ?? [];
  const patched = userPatched(document, patch, annotation);
  if (isProblem(patched)) return patched;
  const name = annotationName(config);
  const text = JSON.stringify(patched.document);
  const reached = patch.length === 0 ? [] : reachedBy(annotation, document, patched.document);
  return { name, text, bytes: Buffer.byteLength(name) + Buffer.byteLength(text), reached };
};
