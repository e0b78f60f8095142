// Security context of an agent container: as little as it needs.
import type { Origin, Options } from '../annotations/parse.ts';
import type { OptionKey } from '../annotations/table.ts';
import type { PodProblem } from './pod-problems.ts';
import { objectAt, objectsOf, textOf, type JsonObject } from '../json/json.ts';

const RUN_AS: readonly OptionKey[] = ['agentRunAsUser', 'agentRunAsGroup', 'agentRunAsSameUser'];

/** An annotation that names a user wants a security context even where the operator switched it off. */
const isWanted = (options: Options, origins: ReadonlyMap<OptionKey, Origin>): boolean => {
  const fromAnnotation = (key: OptionKey): boolean => origins.get(key)?.annotation !== undefined;
  if (options.agentSetSecurityContext || fromAnnotation('agentSetSecurityContext')) return options.agentSetSecurityContext;
  return RUN_AS.some(fromAnnotation);
};

/** The user of the first app container, as its own security context says. */
const sameUser = (pod: JsonObject): number | PodProblem => {
  const first = objectsOf(objectAt(pod, 'spec')?.['containers'])[0];
  const user = objectAt(first, 'securityContext')?.['runAsUser'];
  const container = textOf(first, 'name') ?? '';
  if (typeof user !== 'number') return { code: 'same-user-unknown', container };
  return user === 0 ? { code: 'same-user-root', container } : user;
};

/** The security context; undefined for none; or why the wanted user cannot be had. */
export function securityContext(
  pod: JsonObject,
  options: Options,
  origins: ReadonlyMap<OptionKey, Origin>,
): JsonObject | PodProblem | undefined {
  const user = options.agentRunAsSameUser ? sameUser(pod) : options.agentRunAsUser;
  if (typeof user !== 'number') return user;
  if (!isWanted(options, origins)) return undefined;
  return {
    runAsUser: user,
    runAsGroup: options.agentRunAsGroup,
    runAsNonRoot: user !== 0 && options.agentRunAsGroup !== 0,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
  };
}
