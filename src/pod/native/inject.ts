// Profile native: one agent with a token of its own, before everything else in the pod. Options → pieces → patch.
import type { Parsed } from '../../annotations/parse.ts';
import {
  draftOf,
  isCurrent,
  keep,
  markInjected,
  originOf,
  recipients,
  setAnnotation,
  shareProcessNamespace,
  type Draft,
  type Injection,
  type OperatorInput,
} from '../draft.ts';
import { objectAt, type JsonObject } from '../../json/json.ts';
import { placeAgent, placeMounts, placeVolumes, type ContainerList } from '../place.ts';
import { agentsOf, isOurs } from './agent.ts';
import { kindOf } from './part.ts';
import { planOf, type NativePlan } from './plan.ts';
import type { Reached } from './reach.ts';

/** All annotations of an object together may have this many bytes: the API server refuses more. */
const ANNOTATION_BYTES = 262_144;

/** What a pod can ask of profile compat alone: to be told is better than to run without it. */
const LACKS = ['agentConfigmap', 'agentCacheEnable', 'agentServiceAccountTokenVolumeName', 'agentRevokeOnShutdown'] as const;

const bytesOf = (annotations: JsonObject | undefined, except: readonly string[]): number => {
  let bytes = 0;
  for (const [name, value] of Object.entries(annotations ?? {}))
    if (!except.includes(name)) bytes += Buffer.byteLength(name) + Buffer.byteLength(typeof value === 'string' ? value : '');
  return bytes;
};

/** Writes the configurations, and tells what the user's patch of them reaches. */
const writeConfigs = (draft: Draft, planned: NativePlan['configs']): readonly Reached[] => {
  const configs = planned.flatMap((config) => keep(config, draft) ?? []);
  // What an earlier injection wrote is replaced.
  const names = configs.map(({ name }) => name);
  let bytes = bytesOf(objectAt(objectAt(draft.pod, 'metadata'), 'annotations'), names);
  for (const config of configs) bytes += config.bytes;
  if (bytes > ANNOTATION_BYTES) draft.problems.push({ code: 'config-too-large', bytes, limit: ANNOTATION_BYTES });
  else for (const { name, text } of configs) setAnnotation(draft, name, text);
  return configs.flatMap(({ reached }) => reached);
};

/** Everything that profile native adds to a pod, or everything that is in the way. The pod is not changed. */
export function injectNative(pod: JsonObject, parsed: Parsed, operator: OperatorInput): Injection {
  const draft = draftOf(pod, parsed, operator);
  const { options, origins } = parsed;
  const { builder, problems, warnings } = draft;
  for (const key of LACKS)
    if (options[key] !== '' && options[key] !== false && origins.get(key)?.annotation !== undefined)
      problems.push({ code: 'profile-lacks', annotation: originOf(parsed, key), profile: 'native' });
  const plan = planOf(draft);
  const { parts } = plan;
  const agents = agentsOf(draft, plan);
  const named = recipients(draft);
  const receives = (name: string, list: ContainerList, path?: string): boolean =>
    parts.every((part) => part.name !== name) && named(name, list, path);
  problems.push(...placeVolumes(pod, plan.volumes, builder));
  problems.push(...placeMounts(pod, plan.secretMounts, receives, builder));
  shareProcessNamespace(draft);
  for (const [{ list }, agent] of agents) {
    const place = { list, first: list === 'initContainers', isOurs, isCurrent: isCurrent(draft) };
    problems.push(...placeAgent(pod, agent, place, builder));
  }
  const reached = writeConfigs(draft, plan.configs);
  markInjected(draft);
  return { patch: builder.operations, kind: kindOf(parts), problems, warnings, ...(reached.length === 0 ? {} : { reached }) };
}
