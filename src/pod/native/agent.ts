// The finished agent containers of a pod.
import { copiedMounts, keep, originOf, uniquePaths, type Draft } from '../draft.ts';
import type { PodProblem } from '../pod-problems.ts';
import { objectAt, objectsOf, textOf, type JsonObject } from '../../json/json.ts';
import { TOKEN_VOLUME } from '../token.ts';
import { userPatched, type Patched } from '../user-patch.ts';
import { nativeContainer } from './container.ts';
import { ownDirectories } from './own-directories.ts';
import type { AgentPart } from './part.ts';
import type { NativePlan } from './plan.ts';
import { agentResources, allLimitCpu } from './resources.ts';
import { agentUser, type AgentUser } from './user.ts';

/** Only agents of ours mount our token. */
export function isOurs(container: JsonObject): boolean {
  return objectsOf(container['volumeMounts']).some((mount) => textOf(mount, 'name') === TOKEN_VOLUME);
}

/** Those of the plan's parts that can be made, in their order; the draft gets the problems of the others. */
export function agentsOf(draft: Draft, plan: NativePlan): readonly (readonly [AgentPart, JsonObject])[] {
  const traits = traitsOf(draft);
  if (traits.user.loosens) draft.warnings.push({ code: 'token-loosened', user: traits.user.user });
  const copied = copiedMounts(draft);
  draft.problems.push(...ownDirectories(draft, copied));
  const mounts = copied.length === 0 ? plan.agentMounts : uniquePaths([...plan.agentMounts, ...copied]);
  const agents: [AgentPart, JsonObject][] = [];
  for (const part of plan.parts) {
    const input: AgentInput = { draft, plan, part, traits, mounts };
    const made = keep(makeAgent(input), draft);
    if (made) agents.push([part, made.document]);
  }
  return agents;
}

/** Everything that an agent takes from its pod. */
interface Traits {
  readonly user: AgentUser;
  readonly pullPolicy: string;
  readonly isCpuLimited: boolean;
}

const traitsOf = ({ pod, parsed: { options, origins } }: Draft): Traits => {
  const apps = objectsOf(objectAt(pod, 'spec')?.['containers']).filter((container) => !isOurs(container));
  return {
    user: agentUser(pod, options, origins, isOurs),
    pullPolicy: options.imagePullPolicy ?? (allAlwaysPull(apps) ? 'Always' : 'IfNotPresent'),
    isCpuLimited: allLimitCpu(apps),
  };
};

/** What AlwaysPullImages has made of the app containers it would make of ours: doing it first saves a second review. */
const allAlwaysPull = (apps: readonly JsonObject[]): boolean =>
  apps.length > 0 && apps.every((container) => container['imagePullPolicy'] === 'Always');

interface AgentInput {
  readonly draft: Draft;
  readonly plan: NativePlan;
  readonly part: AgentPart;
  readonly traits: Traits;
  readonly mounts: readonly JsonObject[];
}

const makeAgent = ({ draft, plan, part, traits, mounts }: AgentInput): Patched | PodProblem => {
  const { pod, parsed, operator, problems } = draft;
  const { options, origins } = parsed;
  const { limitRanges = [], caBytes } = operator;
  const { user, pullPolicy, isCpuLimited } = traits;
  const fitted = agentResources({ pod, options, origins, limitRanges, isCpuLimited, once: part.once, isAgent: isOurs });
  problems.push(...fitted.problems);
  const { destinations } = plan;
  const container = nativeContainer({
    options,
    caBytes,
    user,
    pullPolicy,
    resources: fitted.resources,
    mounts,
    destinations,
    part,
  });
  const key = part.once ? 'agentInitJsonPatch' : 'agentJsonPatch';
  return userPatched(container, options[key] ?? [], originOf(parsed, key));
};
