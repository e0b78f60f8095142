// Settings and cluster state as the context of an admission, for servers and offline commands.
import type { AdmissionContext, LabelsAndAnnotations } from '../admission/admit.ts';
import type { LinkLister } from '../admission/roles/resolve.ts';
import { baseline } from '../annotations/parse.ts';
import type { ReadYaml } from '../annotations/secret-list.ts';
import type { OldNodes } from '../pod/draft.ts';
import type { LimitRange } from '../pod/limit-range.ts';
import type { ReadSettings, Settings } from '../settings/read.ts';
import type { Command } from '../settings/table.ts';
import { CONTAINER_RESTARTS, ENV_FILES, isAtLeast, NATIVE_SIDECARS, type Version } from './server-version.ts';

/** The cluster as the webhook caches it. Getters never wait; undefined: not in the cache. */
export interface CachedCluster {
  readonly namespace: (name: string) => LabelsAndAnnotations | undefined;
  readonly serviceAccount: (namespace: string, name: string) => LabelsAndAnnotations | undefined;
  /** LimitRanges of a namespace; absent: they are not watched. */
  readonly limitRanges?: (namespace: string) => readonly LimitRange[];
  /** VaultAuthRoles and the objects that they reference; absent: they are not watched. */
  readonly links?: LinkLister;
  /** Absent: none, or unknown. */
  readonly oldNodes?: OldNodes;
  /** Version of the API server; absent: unknown. */
  readonly version?: Version;
}

/** An empty cache: annotations and settings alone decide. */
export const NO_CLUSTER: CachedCluster = { namespace: () => undefined, serviceAccount: () => undefined };

const NO_LIMITS: readonly LimitRange[] = [];

/** Without a YAML reader, a pod with a list of secrets is denied: its secrets would be missing otherwise. */
const NO_YAML: ReadYaml = () => ({ because: 'lists are not supported here' });

/** Every supported version of Kubernetes has native sidecars, so an unknown version counts as one that has them. */
const hasNativeSidecars = ({ nativeSidecars }: Settings, cluster: CachedCluster): boolean =>
  nativeSidecars === 'auto'
    ? cluster.version === undefined || isAtLeast(cluster.version, NATIVE_SIDECARS)
    : nativeSidecars === 'true';

/** As `hasNativeSidecars`; an older API server drops the rule, and the pod would never be restarted. */
const hasContainerRestarts = ({ containerRestarts }: Settings, { version }: CachedCluster): boolean =>
  containerRestarts === 'auto' ? version === undefined || isAtLeast(version, CONTAINER_RESTARTS) : containerRestarts === 'true';

/** Offline, a cluster that sets variables from files is assumed: an older API server rejects the pod, and never starts it without them. */
const hasEnvFiles = ({ envFiles }: Settings, { version }: CachedCluster): boolean =>
  envFiles === 'auto' ? version === undefined || isAtLeast(version, ENV_FILES) : envFiles === 'true';

/** The context of a command. `agent-inject` selects pods by their annotation alone, as vault-k8s does. */
export function admissionContext(
  command: Command,
  { settings, options }: ReadSettings,
  cluster: CachedCluster,
  readYaml: ReadYaml = NO_YAML,
): AdmissionContext {
  const isCompat = command === 'agent-inject';
  return {
    baseline: baseline(options),
    injection: {
      caBytes: settings.vaultCacertBytes,
      nativeSidecars: hasNativeSidecars(settings, cluster),
      onChangeActions: settings.onChangeActions,
      containerRestarts: hasContainerRestarts(settings, cluster),
      envFiles: hasEnvFiles(settings, cluster),
      ...(cluster.oldNodes ? { oldNodes: cluster.oldNodes } : {}),
      ...(cluster.version?.gitVersion === undefined ? {} : { version: cluster.version.gitVersion }),
    },
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
    // vault-k8s has no such objects.
    ...(isCompat ? { links: undefined } : {}),
    readYaml,
  };
}
