// Profile compat: the pod as vault-k8s 1.7.6 injects it, without its defects. Options → containers, volumes, patch.
import type { Parsed } from '../../annotations/parse.ts';
import { imageTools, otherProduct } from '../agent-image.ts';
import { addAgent, addMounts, addVolumes, type Receives } from '../add.ts';
import { uniquePaths } from '../copied-mounts.ts';
import {
  draftOf,
  isCurrent,
  isProblem,
  markInjected,
  originOf,
  receivesSecrets,
  shareProcessNamespace,
  wasInjected,
  type Draft,
  type Injection,
  type InjectionContext,
} from '../draft.ts';
import { hiddenDirectories } from '../hidden-directories.ts';
import { blockedByProxy } from '../mesh.ts';
import { nestedMounts } from '../nested-mounts.ts';
import { pathFindings } from '../path-findings.ts';
import { addOnChange, requestsOf } from '../on-change.ts';
import type { Container, ContainerList, Pod } from '../pod.ts';
import { readersOf, unreadableFiles } from '../readers.ts';
import { AGENT_NAME, builtAgents, securityContextOf } from './container.ts';
import { HOME_DIRECTORY, HOME_VOLUME, secretMounts, shapeOf, volumes, type AgentKind, type Shape } from './volumes.ts';

const LIST: Readonly<Record<AgentKind, ContainerList>> = { init: 'initContainers', sidecar: 'containers' };
const hasAgent = ({ spec }: Pod, kind: AgentKind): boolean =>
  (spec[LIST[kind]] ?? []).some(({ name }) => name === AGENT_NAME[kind]);

/**
 * Whether a container is an agent of an earlier injection: it mounts the home volume at the home directory, or the pod has a status
 * annotation and every agent by name. A single container of such a name is not (Q13).
 */
const isAgent = ({ volumeMounts }: Container, kind: AgentKind, draft: Draft, kinds: Iterable<AgentKind>): boolean =>
  (wasInjected(draft) && [...kinds].every((one) => hasAgent(draft.pod, one))) ||
  (volumeMounts ?? []).some(({ name, mountPath }) => name === HOME_VOLUME[kind] && mountPath === HOME_DIRECTORY);

/** Everything that profile compat adds to a pod, or every problem that prevents it. The pod itself is not changed. */
export function injectCompat(pod: Pod, parsed: Parsed, context: InjectionContext): Injection {
  const draft = draftOf(pod, parsed, context);
  const { options } = parsed;
  const { builder, problems, warnings } = draft;
  const shape = shapeOf(options, draft.files);
  if (!shape.init && !shape.sidecar)
    problems.push({
      code: 'containers-exclusive',
      annotation: originOf(parsed, 'agentPrePopulate'),
      other: originOf(parsed, 'agentPrePopulateOnly'),
    });
  const image = options.agentImage ?? '';
  if (imageTools(image) === 'bare')
    problems.push({ code: 'shell-missing', image, need: 'profile', annotation: originOf(parsed, 'profile') });
  warnings.push(...otherProduct(draft));
  if (draft.variables[0])
    problems.push({ code: 'env-unsupported', annotation: draft.variables[0].annotation, because: 'profile' });
  const agents = builtAgents(draft, shape);
  const added = volumes(options, shape);
  problems.push(...addVolumes(pod, added, builder));
  // Warnings only: a pod of vault-k8s is injected whatever its templates do.
  const { unmounted, unwritable } = pathFindings(draft, [...agents.values()], added);
  const hidden = hiddenDirectories(draft, [], options.secretsReadOnly ?? false);
  warnings.push(...unmounted, ...unwritable, ...hidden.certain, ...hidden.possible);
  // Init containers get the secrets only if an agent runs before them.
  const isSelected = receivesSecrets(draft);
  const receives: Receives = (name, list, path) =>
    isSelected(name, list, path) &&
    (list === 'containers' ? name !== AGENT_NAME.sidecar : name !== AGENT_NAME.init && shape.init);
  const mounts = uniquePaths(secretMounts(options, shape, options.secretsReadOnly ?? false));
  problems.push(...addMounts(pod, mounts, receives, builder));
  for (const nested of nestedMounts({ pod, agents: [...agents.values()], secrets: mounts, receives }))
    warnings.push({ code: 'mount-nested', ...nested });
  shareProcessNamespace(draft);
  for (const [kind, agent] of agents) {
    const position = {
      list: LIST[kind],
      index: kind === 'init' && options.agentInitFirst ? 0 : Infinity,
      isAgent: (container: Container) => isAgent(container, kind, draft, agents.keys()),
      isCurrent: isCurrent(draft),
    };
    problems.push(...addAgent(pod, agent, position, builder));
  }
  warnAboutPod(draft, shape, isSelected);
  for (const action of ['restart', 'signal'] as const)
    for (const annotation of requestsOf(draft, action))
      problems.push({ code: 'on-change-sidecar', annotation, action, because: 'compat', other: originOf(parsed, 'profile') });
  addOnChange(draft);
  markInjected(draft);
  const injectionType = shape.init ? (shape.sidecar ? 'init_and_sidecar' : 'init_only') : 'sidecar_only';
  return { patch: builder.operations, injectionType, problems, warnings };
}

const isOurs = ({ name }: Container): boolean => name === AGENT_NAME.init || name === AGENT_NAME.sidecar;

/** Secrets that containers cannot read, and an init container that has no network until the app starts. */
const warnAboutPod = (draft: Draft, shape: Shape, receives: Receives): void => {
  const { pod, parsed, warnings } = draft;
  const { options } = parsed;
  const context = securityContextOf(pod, parsed);
  const user = context && !isProblem(context) ? context.runAsUser : undefined;
  if (user !== undefined)
    warnings.push(...unreadableFiles(draft, readersOf(draft, receives, isOurs), { user, group: options.agentRunAsGroup }, false));
  if (!shape.init) return;
  const inits = pod.spec.initContainers ?? [];
  const present = inits.findIndex(({ name }) => name === AGENT_NAME.init);
  const index = present === -1 ? (options.agentInitFirst ? 0 : inits.length) : present;
  warnings.push(...blockedByProxy(draft, { index, user }));
};
