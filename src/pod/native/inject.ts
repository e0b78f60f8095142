// Profile native: one agent with a token of its own, before everything else in the pod. Options → pieces → patch.
import { annotationName } from '../../annotations/name.ts';
import type { Parsed } from '../../annotations/parse.ts';
import {
  copiedMounts,
  draftOf,
  isCurrent,
  keep,
  markInjected,
  originOf,
  recipients,
  setAnnotation,
  shareProcessNamespace,
  uniquePaths,
  type Draft,
  type Injection,
  type OperatorInput,
} from '../draft.ts';
import { objectAt, objectsOf, textOf, type JsonObject } from '../manifest.ts';
import { placeAgent, placeMounts, placeVolumes, type ContainerList } from '../place.ts';
import { otherDirectories } from '../secrets.ts';
import { TOKEN_VOLUME } from '../token.ts';
import { userPatched } from '../user-patch.ts';
import { nativeConfig } from './config.ts';
import { nativeContainer } from './container.ts';
import { agentResources } from './resources.ts';
import { ownDirectories } from './own-directories.ts';
import { reachedBy, type Reached } from './reach.ts';
import { kindOf, partsOf, type AgentPart } from './part.ts';
import { agentUser, type AgentUser } from './user.ts';
import { agentMounts, secretMounts, volumes } from './volumes.ts';

/** All annotations of an object together may have this many bytes: the API server refuses more. */
const ANNOTATION_BYTES = 262_144;

/** What a pod can ask of profile compat alone: to be told is better than to run without it. */
const LACKS = ['agentConfigmap', 'agentCacheEnable', 'agentServiceAccountTokenVolumeName', 'agentRevokeOnShutdown'] as const;

/** Only agents of ours mount our token. */
const isOurs = (container: JsonObject): boolean =>
  objectsOf(container['volumeMounts']).some((mount) => textOf(mount, 'name') === TOKEN_VOLUME);

const configText = (draft: Draft, { once }: AgentPart, reached: Reached[]): string | undefined => {
  const { options, families } = draft.parsed;
  const config = nativeConfig({ options, authConfig: families.authConfig, files: draft.files, telemetry: draft.telemetry, once });
  const patch = options.agentConfigPatch ?? [];
  if (patch.length === 0) return JSON.stringify(config);
  const annotation = originOf(draft, 'agentConfigPatch');
  const patched = keep(userPatched(config, patch, annotation), draft);
  if (patched) reached.push(...reachedBy(annotation, config, patched));
  return patched && JSON.stringify(patched);
};

const bytesOf = (annotations: JsonObject | undefined, except: ReadonlySet<string>): number => {
  let bytes = 0;
  for (const [name, value] of Object.entries(annotations ?? {}))
    if (!except.has(name)) bytes += Buffer.byteLength(name) + Buffer.byteLength(typeof value === 'string' ? value : '');
  return bytes;
};

/** Writes the configurations, and tells what the user's patch of them reaches. */
const writeConfigs = (draft: Draft, parts: readonly AgentPart[]): readonly Reached[] => {
  const reached: Reached[] = [];
  // What an earlier injection wrote is replaced.
  const names = new Set(parts.map(({ config }) => annotationName(config)));
  let bytes = bytesOf(objectAt(objectAt(draft.pod, 'metadata'), 'annotations'), names);
  for (const part of parts) {
    const text = configText(draft, part, reached);
    if (text === undefined) continue;
    const name = annotationName(part.config);
    bytes += Buffer.byteLength(name) + Buffer.byteLength(text);
    if (bytes <= ANNOTATION_BYTES) setAnnotation(draft, name, text);
  }
  if (bytes > ANNOTATION_BYTES) draft.problems.push({ code: 'config-too-large', bytes, most: ANNOTATION_BYTES });
  return reached;
};

/** A finished agent container, with the user's own patch. */
const agentOf = (draft: Draft, part: AgentPart, user: AgentUser, mounts: readonly JsonObject[]): JsonObject | undefined => {
  const { pod, parsed, operator } = draft;
  const { options, origins } = parsed;
  const { once } = part;
  const limitRanges = operator.limitRanges ?? [];
  const { resources, problems } = agentResources({ pod, options, origins, limitRanges, once, isAgent: isOurs });
  draft.problems.push(...problems);
  const destinations = draft.files.map((file) => file.destination);
  const input = { pod, options, caBytes: operator.caBytes, user, resources, mounts, destinations, part, isAgent: isOurs };
  const key = once ? 'agentInitJsonPatch' : 'agentJsonPatch';
  return keep(userPatched(nativeContainer(input), options[key] ?? [], originOf(draft, key)), draft);
};

/** Everything that profile native adds to a pod, or everything that is in the way. The pod is not changed. */
export const injectNative = (pod: JsonObject, parsed: Parsed, operator: OperatorInput): Injection => {
  const draft = draftOf(pod, parsed, operator);
  const { options, origins } = parsed;
  const { builder, problems, warnings } = draft;
  for (const key of LACKS)
    if (options[key] !== '' && options[key] !== false && origins.get(key)?.annotation !== undefined)
      problems.push({ code: 'profile-lacks', annotation: originOf(draft, key), profile: 'native' });
  const directories = [options.secretVolumePath, ...otherDirectories(draft.files, options.secretVolumePath)];
  const user = agentUser(pod, options, origins, isOurs);
  if (user.loosens) warnings.push({ code: 'token-loosened', user: user.user });
  const parts = partsOf(options, operator.nativeSidecars ?? true);
  const copied = copiedMounts(draft);
  problems.push(...ownDirectories(draft, copied));
  const mounts = uniquePaths(agentMounts(options, directories, copied));
  const agents = parts.map((part) => ({ part, agent: agentOf(draft, part, user, mounts) }));
  const named = recipients(draft);
  const receives = (name: string, list: ContainerList, path?: string): boolean =>
    parts.every((part) => part.name !== name) && named(name, list, path);
  problems.push(...placeVolumes(pod, volumes(options, directories, parts), builder));
  problems.push(...placeMounts(pod, secretMounts(directories, options.secretsReadOnly ?? true), receives, builder));
  shareProcessNamespace(draft);
  for (const { part, agent } of agents) {
    if (!agent) continue;
    const place = { list: part.list, first: part.list === 'initContainers', isOurs, isCurrent: isCurrent(draft) };
    problems.push(...placeAgent(pod, agent, place, builder));
  }
  const reached = writeConfigs(draft, parts);
  markInjected(draft);
  return { patch: builder.operations, kind: kindOf(parts), problems, warnings, ...(reached.length === 0 ? {} : { reached }) };
};
