// Profile compat: the pod that vault-k8s 1.7.6 gives, without its defects. Options → pieces → patch.
import {
  draftOf,
  isCurrent,
  markInjected,
  originOf,
  recipients,
  shareProcessNamespace,
  uniquePaths,
  wasInjected,
  type Draft,
  type Injection,
  type OperatorInput,
} from '../draft.ts';
import type { Parsed } from '../../annotations/parse.ts';
import type { OptionKey } from '../../annotations/table.ts';
import { objectAt, objectsOf, textOf, type JsonObject } from '../../json/json.ts';
import { placeAgent, placeMounts, placeVolumes, type ContainerList } from '../place.ts';
import { agents } from './agents.ts';
import { AGENT_NAME } from './container.ts';
import { HOME_DIRECTORY, HOME_VOLUME, secretMounts, shapeOf, volumes, type AgentKind } from './volumes.ts';

const LIST: Readonly<Record<AgentKind, ContainerList>> = { init: 'initContainers', sidecar: 'containers' };
/** Options that need the agent's own token or configuration file. */
const LACKS: readonly OptionKey[] = [
  'tokenAudience',
  'tokenExpirationSeconds',
  'containerName',
  'startupProbe',
  'agentConfigPatch',
];

const hasAgent = (pod: JsonObject, kind: AgentKind): boolean =>
  objectsOf(objectAt(pod, 'spec')?.[LIST[kind]]).some((container) => textOf(container, 'name') === AGENT_NAME[kind]);

/**
 * An agent of ours has its home directory on our volume. A pod that says that it was injected before and has every agent by
 * its name is believed too; one container of such a name alone is somebody else's (Q13).
 */
const isOurs = (container: JsonObject, kind: AgentKind, draft: Draft, kinds: Iterable<AgentKind>): boolean =>
  (wasInjected(draft) && [...kinds].every((one) => hasAgent(draft.pod, one))) ||
  objectsOf(container['volumeMounts']).some(
    (mount) => textOf(mount, 'name') === HOME_VOLUME[kind] && textOf(mount, 'mountPath') === HOME_DIRECTORY,
  );

/** Everything that profile compat adds to a pod, or everything that is in the way. The pod is not changed. */
export function injectCompat(pod: JsonObject, parsed: Parsed, operator: OperatorInput): Injection {
  const draft = draftOf(pod, parsed, operator);
  const { options } = parsed;
  const { builder, problems, warnings } = draft;
  const shape = shapeOf(options, draft.files);
  if (!shape.init && !shape.sidecar)
    problems.push({
      code: 'containers-exclusive',
      annotation: originOf(draft.parsed, 'agentPrePopulate'),
      other: originOf(draft.parsed, 'agentPrePopulateOnly'),
    });
  const made = agents(draft, shape);
  for (const key of LACKS)
    if (draft.parsed.origins.get(key)?.annotation !== undefined)
      problems.push({ code: 'profile-lacks', annotation: originOf(draft.parsed, key), profile: 'compat' });
  problems.push(...placeVolumes(pod, volumes(options, shape), builder));
  // Init containers get the secrets only when an agent runs before them.
  const named = recipients(draft);
  const receives = (name: string, list: ContainerList, path?: string): boolean =>
    named(name, list, path) && (list === 'containers' ? name !== AGENT_NAME.sidecar : name !== AGENT_NAME.init && shape.init);
  const mounts = uniquePaths(secretMounts(options, shape, options.secretsReadOnly ?? false));
  problems.push(...placeMounts(pod, mounts, receives, builder));
  shareProcessNamespace(draft);
  for (const [kind, agent] of made) {
    const place = {
      list: LIST[kind],
      first: kind === 'init' && options.agentInitFirst,
      isOurs: (container: JsonObject) => isOurs(container, kind, draft, made.keys()),
      isCurrent: isCurrent(draft),
    };
    problems.push(...placeAgent(pod, agent, place, builder));
  }
  markInjected(draft);
  const kind = shape.init ? (shape.sidecar ? 'init_and_sidecar' : 'init_only') : 'sidecar_only';
  return { patch: builder.operations, kind, problems, warnings };
}
