// Which user the agent runs as. The kubelet keeps token files at 0600 only while all containers of a pod have one user, so
// the agent becomes that user rather than loosening them.
import type { Origin, Options } from '../../annotations/parse.ts';
import type { OptionKey } from '../../annotations/table.ts';
import { objectAt, objectsOf, type JsonObject } from '../../json/json.ts';

export interface AgentUser {
  readonly user: number;
  readonly group: number;
  /** The pod had one user before, and the agent gets another: the pod's token files become readable for all. */
  readonly loosens: boolean;
}

const numberAt = (object: JsonObject | undefined, key: string): number | undefined => {
  const value = object?.[key];
  return typeof value === 'number' ? value : undefined;
};

/** The user of a container: its own, else the pod's. */
const effective = (container: JsonObject, pod: JsonObject | undefined, key: string): number | undefined =>
  numberAt(objectAt(container, 'securityContext'), key) ?? numberAt(pod, key);

/** The user in order of preference: named by somebody, common to all containers, the first app container's, the default. */
export function agentUser(
  pod: JsonObject,
  options: Options,
  origins: ReadonlyMap<OptionKey, Origin>,
  isAgent: (container: JsonObject) => boolean,
): AgentUser {
  const spec = objectAt(pod, 'spec');
  const context = objectAt(spec, 'securityContext');
  const all = [...objectsOf(spec?.['containers']), ...objectsOf(spec?.['initContainers'])].filter(
    (container) => !isAgent(container),
  );
  const [first] = all;
  const users = new Set(all.map((container) => effective(container, context, 'runAsUser')));
  const common = users.size === 1 ? [...users][0] : undefined;
  const own = first && effective(first, context, 'runAsUser');
  const named = (key: OptionKey): boolean => origins.get(key)?.annotation !== undefined;
  // Root is nobody's wish by accident: it must be named.
  const inherited = common === undefined || common === 0 ? own : common;
  const user = named('agentRunAsUser') || inherited === undefined || inherited === 0 ? options.agentRunAsUser : inherited;
  const ownGroup = first && effective(first, context, 'runAsGroup');
  const group =
    named('agentRunAsGroup') || ownGroup === undefined || ownGroup === 0 || user !== own ? options.agentRunAsGroup : ownGroup;
  return { user, group, loosens: common !== undefined && common !== user };
}
