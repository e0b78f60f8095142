// OpenShift gives each namespace a range of users and groups, and its restricted security context constraints (SCC) refuse a
// container with another user. The ranges are annotations of the namespace.
import { originOf } from './draft.ts';
import type { Parsed } from '../annotations/parse.ts';
import type { OptionKey } from '../annotations/table.ts';
import { effectiveId } from './readers.ts';
import type { Container, Pod } from './pod.ts';
import type { PodProblem } from './pod-problems.ts';

const USERS_ANNOTATION = 'openshift.io/sa.scc.uid-range';
const GROUPS_ANNOTATION = 'openshift.io/sa.scc.supplemental-groups';

/** Annotations of namespaces that the cache must keep. */
export const RANGE_ANNOTATIONS: readonly string[] = [USERS_ANNOTATION, GROUPS_ANNOTATION];

/** Set by OpenShift's admission plugin on a pod: the SCC that admitted it. */
const SCC_ANNOTATION = 'openshift.io/scc';

interface Range {
  readonly first: number;
  readonly last: number;
}

/** The ranges of a namespace. */
export interface NamespaceRanges {
  readonly users: Range;
  /** Undefined: the annotation is missing or unreadable. OpenShift then uses the range of users. */
  readonly groups: Range | undefined;
}

/** The ranges from the annotations of a namespace; undefined if it has none, as on every other Kubernetes. */
export function namespaceRanges(annotations: ReadonlyMap<string, string> | undefined): NamespaceRanges | undefined {
  const users = rangeOf(annotations?.get(USERS_ANNOTATION));
  return users && { users, groups: rangeOf(annotations?.get(GROUPS_ANNOTATION)) };
}

const MAX_ID = 2_147_483_647;

/** `START/SIZE` or `START-END`; of a list separated by commas the first, from which OpenShift takes its default. */
const rangeOf = (text: string | undefined): Range | undefined => {
  const match = /^\s*(\d{1,10})([/-])(\d{1,10})\s*(?:,|$)/.exec(text ?? '');
  if (!match) return undefined;
  const first = Number(match[1]);
  const last = match[2] === '/' ? first + Number(match[3]) - 1 : Number(match[3]);
  return first <= last && first <= MAX_ID ? { first, last } : undefined;
};

export interface InNamespace {
  readonly pod: Pod;
  readonly parsed: Parsed;
  readonly warnings: readonly PodProblem[];
}

/**
 * The pod and its options as OpenShift completes them. Containers without a user get the first of the range, because an SCC sets it
 * after `kubectl apply`; the agent follows them, and has this user itself if no container decides. The pod is only read: patches do
 * not repeat its values. A pod that an SCC has admitted already has its users: a container without one then has that of its image.
 */
export function inNamespace(pod: Pod, parsed: Parsed, ranges: NamespaceRanges | undefined): InNamespace {
  const scc = pod.metadata.annotations?.[SCC_ANNOTATION];
  if (!ranges || (scc !== undefined && !isRestricted(scc))) return { pod, parsed, warnings: [] };
  const { users, groups = users } = ranges;
  const isAnnotated = (key: OptionKey): boolean => parsed.origins.get(key)?.annotation !== undefined;
  const options = {
    ...parsed.options,
    ...(isAnnotated('agentRunAsUser') ? {} : { agentRunAsUser: users.first }),
    ...(isAnnotated('agentRunAsGroup') ? {} : { agentRunAsGroup: groups.first }),
  };
  const user = parsed.options.agentRunAsUser;
  const isOutside = isAnnotated('agentRunAsUser') && parsed.options.mode === 'agent' && (user < users.first || user > users.last);
  return {
    pod: completed(pod, users.first, groups.first),
    parsed: { ...parsed, options },
    warnings: isOutside
      ? [
          {
            code: 'user-outside-range',
            annotation: originOf(parsed, 'agentRunAsUser'),
            user,
            first: users.first,
            last: users.last,
          },
        ]
      : [],
  };
}

/** The SCCs that OpenShift ships with a range of users: restricted, restricted-v2, restricted-v3 and hostnetwork. */
const isRestricted = (scc: string): boolean => /^(?:restricted|hostnetwork|hostaccess|hostmount-restricted)/.test(scc);

const completed = (pod: Pod, user: number, group: number): Pod => {
  const { spec } = pod;
  const withUser = (container: Container): Container =>
    effectiveId(pod, container, 'runAsUser') === undefined
      ? { ...container, securityContext: { ...container.securityContext, runAsUser: user } }
      : container;
  return {
    ...pod,
    spec: {
      ...spec,
      securityContext: {
        ...spec.securityContext,
        runAsUser: spec.securityContext?.runAsUser ?? user,
        fsGroup: spec.securityContext?.fsGroup ?? group,
      },
      ...(spec.containers ? { containers: spec.containers.map(withUser) } : {}),
      ...(spec.initContainers ? { initContainers: spec.initContainers.map(withUser) } : {}),
    },
  };
};
