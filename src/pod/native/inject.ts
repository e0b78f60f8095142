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
import { objectsOf, textOf, type JsonObject } from '../manifest.ts';
import { placeAgent, placeMounts, placeVolumes, type ContainerList } from '../place.ts';
import { otherDirectories } from '../secrets.ts';
import { TOKEN_VOLUME } from '../token.ts';
import { userPatched } from '../user-patch.ts';
import { nativeConfig } from './config.ts';
import { nativeContainer } from './container.ts';
import { agentResources } from './resources.ts';
import { agentUser } from './user.ts';
import { agentMounts, secretMounts, volumes } from './volumes.ts';

/** All annotations of an object together may have this many bytes: the API server refuses more. */
const ANNOTATION_BYTES = 262_144;

/** What a pod can ask of profile compat alone: to be told is better than to run without it. */
const LACKS = ['agentConfigmap', 'agentCacheEnable', 'agentServiceAccountTokenVolumeName', 'agentRevokeOnShutdown'] as const;

/** An agent of ours is the one container that mounts our token. */
const isOurs = (container: JsonObject): boolean =>
  objectsOf(container['volumeMounts']).some((mount) => textOf(mount, 'name') === TOKEN_VOLUME);

const configText = (draft: Draft, once: boolean): string | undefined => {
  const { options, families } = draft.parsed;
  const config = nativeConfig({ options, authConfig: families.authConfig, files: draft.files, telemetry: draft.telemetry, once });
  const patched = keep(userPatched(config, options.agentConfigPatch ?? [], originOf(draft, 'agentConfigPatch')), draft);
  return patched && JSON.stringify(patched);
};

const bytesOf = (annotations: JsonObject | undefined): number =>
  Object.entries(annotations ?? {}).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(typeof value === 'string' ? value : ''),
    0,
  );

const writeConfig = (draft: Draft, config: string): void => {
  const name = annotationName('agentConfig');
  const metadata = draft.pod['metadata'] as JsonObject | undefined;
  const present = bytesOf(metadata?.['annotations'] as JsonObject | undefined);
  const bytes = present + Buffer.byteLength(name) + Buffer.byteLength(config);
  if (bytes > ANNOTATION_BYTES) draft.problems.push({ code: 'config-too-large', bytes, most: ANNOTATION_BYTES });
  else setAnnotation(draft, name, config);
};

/** Everything that profile native adds to a pod, or everything that is in the way. The pod is not changed. */
export const injectNative = (pod: JsonObject, parsed: Parsed, operator: OperatorInput): Injection => {
  const draft = draftOf(pod, parsed, operator);
  const { options, origins } = parsed;
  const { builder, problems, warnings } = draft;
  const once = options.agentPrePopulateOnly;
  for (const key of LACKS)
    if (options[key] !== '' && options[key] !== false && origins.get(key)?.annotation !== undefined)
      problems.push({ code: 'profile-lacks', annotation: originOf(draft, key), profile: 'native' });
  const directories = [options.secretVolumePath, ...otherDirectories(draft.files, options.secretVolumePath)];
  const user = agentUser(pod, options, origins, isOurs);
  if (user.loosens) warnings.push({ code: 'token-loosened', user: user.user });
  const limited = agentResources({ pod, options, origins, limitRanges: operator.limitRanges ?? [], once, isAgent: isOurs });
  problems.push(...limited.problems);
  const container = nativeContainer({
    pod,
    options,
    caBytes: operator.caBytes,
    user,
    resources: limited.resources,
    mounts: uniquePaths(agentMounts(options, directories, copiedMounts(draft))),
    destinations: draft.files.map((file) => file.destination),
    once,
    isAgent: isOurs,
  });
  const key = once ? 'agentInitJsonPatch' : 'agentJsonPatch';
  const agent = keep(userPatched(container, options[key] ?? [], originOf(draft, key)), draft);
  const config = configText(draft, once);
  const named = recipients(draft);
  const receives = (name: string, list: ContainerList, path?: string): boolean =>
    name !== options.containerName && named(name, list, path);
  problems.push(...placeVolumes(pod, volumes(options, directories), builder));
  problems.push(...placeMounts(pod, secretMounts(directories, options.secretsReadOnly ?? true), receives, builder));
  shareProcessNamespace(draft);
  if (agent)
    problems.push(
      ...placeAgent(pod, agent, { list: 'initContainers', first: true, isOurs, isCurrent: isCurrent(draft) }, builder),
    );
  if (config !== undefined) writeConfig(draft, config);
  markInjected(draft);
  return { patch: builder.operations, kind: once ? 'init_only' : 'sidecar_only', problems, warnings };
};
