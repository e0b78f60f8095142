// Settings → what the admission core needs to know; shared by servers and offline commands.
import { baseline } from '../annotations/parse.ts';
import type { AdmissionContext, CachedMetadata } from '../admission/admit.ts';
import type { ReadYaml } from '../annotations/secret-list.ts';
import type { RoleLister } from '../admission/roles/resolve.ts';
import type { LimitRange } from '../pod/limit-range.ts';
import type { ReadSettings, Settings } from '../settings/read.ts';
import type { Command } from '../settings/table.ts';

/** What is known of the cluster besides the pod. */
export interface Cluster {
  readonly namespace: (name: string) => CachedMetadata | undefined;
  readonly serviceAccount: (namespace: string, name: string) => CachedMetadata | undefined;
  /** LimitRanges of a namespace; absent: they are not known. */
  readonly limitRanges?: (namespace: string) => readonly LimitRange[];
  /** Our objects; absent: none are known. */
  readonly roles?: RoleLister;
  /** Its version has native sidecars; absent: nobody knows. */
  readonly nativeSidecars?: boolean;
}

/** Nothing is known: annotations and settings alone decide. */
export const UNKNOWN_CLUSTER: Cluster = { namespace: () => undefined, serviceAccount: () => undefined };

const NO_LIMITS: readonly LimitRange[] = [];

/** For contexts whose pods declare no lists: whoever does is told rather than served without. */
const UNREAD: ReadYaml = () => ({ because: 'lists are not read here' });

/** Every version that is supported has them, and nearly all that run. */
const hasNativeSidecars = ({ nativeSidecars }: Settings, cluster: Cluster): boolean =>
  nativeSidecars === 'auto' ? (cluster.nativeSidecars ?? true) : nativeSidecars === 'true';

/** The context of a command. `agent-inject` selects pods as vault-k8s does: by their annotation alone. */
export function admissionContext(
  command: Command,
  { settings, operator }: ReadSettings,
  cluster: Cluster,
  readYaml: ReadYaml = UNREAD,
): AdmissionContext {
  const isCompat = command === 'agent-inject';
  return {
    baseline: baseline(operator),
    operator: { caBytes: settings.vaultCacertBytes, nativeSidecars: hasNativeSidecars(settings, cluster) },
    policy: {
      excludedNamespaces: new Set(settings.excludedNamespaces),
      labels: !isCompat,
      skipUnsuitable: !isCompat,
      trustStatus: isCompat,
      cluster: settings.autoInject,
    },
    allow: settings.allow,
    denyExcluded: settings.systemNamespaces === 'deny',
    limitRanges: () => NO_LIMITS,
    ...cluster,
    // As its predecessor, which knows annotations alone.
    ...(isCompat ? { roles: undefined } : {}),
    readYaml,
  };
}
