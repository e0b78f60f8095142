// Problems between the agent and the pod's containers: users and modes of files, the order of init containers, copied mounts.
import { annotationName, familyName } from '../annotations/names.ts';
import { defineProblem, quote } from '../annotations/problem.ts';

/** A file and containers that its mode excludes. */
interface UnreadableFile {
  readonly path: string;
  /** How many more files this holds for. */
  readonly others: number;
  readonly mode: string;
  /** User of the agent, which owns the file. */
  readonly user: number;
  /** Group of the file; undefined if the mode is for the user alone. */
  readonly group: number | undefined;
  readonly containers: readonly string[];
  /** The annotation that sets the mode; undefined for the token file. */
  readonly annotation: string | undefined;
  /** The pod has an fsGroup. */
  readonly hasGroup: boolean;
  /** The annotation that sets the agent's user; undefined if the agent runs as the user of the containers. */
  readonly userAnnotation: string | undefined;
}

/** Why an agent gets a mount of another container in part, or not at all. */
export type MountLoss =
  | { readonly kind: 'propagation' }
  | { readonly kind: 'secret' }
  /** Read-only, above a mount of the agent. */
  | { readonly kind: 'above'; readonly below: string }
  | { readonly kind: 'variable'; readonly name: string };

/** Names that a sentence quotes; a pod can have hundreds of containers. */
const MAX_NAMES = 4;

const listed = (names: readonly string[]): string =>
  names.slice(0, MAX_NAMES).map(quote).join(', ') + (names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '');

const containersIn = ({ containers }: UnreadableFile): string =>
  `container${containers.length > 1 ? 's' : ''} ${listed(containers)}`;

const readersIn = ({ user, group }: UnreadableFile): string =>
  `the agent's user ${user}${group === undefined ? ' alone' : ` and group ${group}`}`;

const filesIn = ({ path, others }: UnreadableFile): string => `${quote(path)}${others === 0 ? '' : ` and ${others} more`}`;

export const containerProblems = {
  'token-loosened': defineProblem<{
    user: number;
    annotation: string;
    /** All containers of the pod run as root. */
    isRootPod: boolean;
  }>({
    severity: 'warning',
    title: 'Token files readable by every user of the pod',
    sentence: ({ user, isRootPod }) =>
      `the agent runs as user ${user}, the app as ${isRootPod ? 'root' : 'another one'}: the kubelet then gives token files mode 0644`,
    remedy: ({ annotation, isRootPod }) =>
      isRootPod
        ? `set runAsUser of the containers to a user other than root, or ${annotation} to "0"`
        : `remove ${annotation}, so that the agent runs as the user of the app`,
    sample: { user: 100, annotation: annotationName('agentRunAsUser'), isRootPod: false },
  }),
  'user-outside-range': defineProblem<{ annotation: string; user: number; first: number; last: number }>({
    severity: 'warning',
    title: "User outside of the namespace's range",
    sentence: ({ annotation, user, first, last }) =>
      `${annotation}: the restricted SCCs of OpenShift reject user ${user}; the namespace has ${first} to ${last}`,
    remedy: () => 'remove it, or grant the service account an SCC that allows the user',
    sample: { annotation: annotationName('agentRunAsUser'), user: 100, first: 1_000_650_000, last: 1_000_659_999 },
  }),
  'file-unreadable': defineProblem<UnreadableFile>({
    severity: 'warning',
    title: 'Secret that a container cannot read',
    sentence: (fields) =>
      `${containersIn(fields)} cannot read ${filesIn(fields)}: mode ${fields.mode} is for ${readersIn(fields)}`,
    remedy: ({ annotation, hasGroup }) => {
      if (annotation === undefined) return "set fsGroup in the pod's securityContext, or run the containers as one user";
      return hasGroup
        ? `set ${annotation} to "0440": all containers have the group of fsGroup`
        : `set ${annotation} to "0440" and fsGroup in the pod's securityContext, or run the containers as one user`;
    },
    sample: {
      path: '/vault/secrets/key',
      others: 0,
      mode: '0400',
      user: 1001,
      group: undefined,
      containers: ['helper'],
      annotation: familyName('perms', 'key'),
      hasGroup: false,
      userAnnotation: undefined,
    },
  }),
  'file-user-unknown': defineProblem<UnreadableFile>({
    severity: 'warning',
    title: 'Secret that a container may not be able to read',
    sentence: (fields) =>
      `${containersIn(fields)} may not be able to read ${filesIn(fields)}: mode ${fields.mode} is for ${readersIn(fields)}, ` +
      'and the user of the container is not known',
    remedy: ({ userAnnotation, annotation, hasGroup }) =>
      `set runAsUser in the securityContext of the container${userAnnotation === undefined ? '' : `, and ${userAnnotation} to the same user`}` +
      (hasGroup ? `, or ${annotation} to "0440": all containers have the group of fsGroup` : ''),
    sample: {
      path: '/vault/secrets/key',
      others: 2,
      mode: '0400',
      user: 100,
      group: undefined,
      containers: ['web'],
      annotation: familyName('perms', 'key'),
      hasGroup: false,
      userAnnotation: undefined,
    },
  }),
  'init-container-early': defineProblem<{
    containers: readonly string[];
    /** The annotation that puts the agent last; undefined: the proxy of a mesh goes before the agent. */
    annotation: string | undefined;
  }>({
    severity: 'warning',
    title: 'Init container that runs before the agent',
    sentence: ({ containers }) =>
      `init container ${listed(containers)} runs before the agent, when its secrets are not there yet`,
    remedy: ({ annotation }) =>
      `${annotation === undefined ? 'move it behind the proxy of the mesh' : `remove ${annotation}`}, ` +
      `or list it in ${annotationName('skipContainers')} if it needs no secrets`,
    sample: { containers: ['migrate'], annotation: undefined },
  }),
  'agent-without-network': defineProblem<{
    mesh: string;
    proxy: string;
    /** Annotation of the mesh with ports that it does not redirect; empty if it has none. */
    ports: string;
    /** Port of Vault. */
    port: number;
    /** The annotation that puts the agent first. */
    annotation: string;
    /** What to do: start the agent after the proxy, exclude its traffic, or start it before the redirection. */
    remedy: 'not-first' | 'exclude' | 'first';
  }>({
    severity: 'warning',
    title: 'Agent that waits for the proxy of a mesh',
    sentence: ({ mesh, proxy }) =>
      `${mesh} sends the agent's traffic to ${quote(proxy)}, which starts only after the agent: the pod cannot start`,
    remedy: ({ remedy, annotation, ports, port }) => {
      if (remedy === 'not-first') return `remove ${annotation}`;
      if (remedy === 'first') return `set ${annotation} to "true", so that the agent starts before the redirection`;
      return `set ${ports} to "${port}", or run the proxy as a native sidecar`;
    },
    sample: {
      mesh: 'Istio',
      proxy: 'istio-proxy',
      ports: 'traffic.sidecar.istio.io/excludeOutboundPorts',
      port: 8200,
      annotation: annotationName('agentInitFirst'),
      remedy: 'exclude',
    },
  }),
  'copy-source-volume': defineProblem<{ annotation: string; volume: string; containers: readonly string[] }>({
    severity: 'warning',
    title: 'Volume instead of a container',
    sentence: ({ annotation, volume }) =>
      `${annotation}: the pod has no container ${quote(volume)}, and the agent gets no mounts: ${quote(volume)} is a volume`,
    remedy: ({ containers }) => `use the name of a container that mounts it: ${listed(containers)}`,
    sample: { annotation: annotationName('agentCopyVolumeMounts'), volume: 'templates', containers: ['web'] },
  }),
  'mount-not-copied': defineProblem<{ annotation: string; container: string; path: string; loss: MountLoss }>({
    severity: 'warning',
    title: 'Volume mount that the agent does not get',
    sentence: ({ annotation, container, path, loss }) => {
      const mount = `${quote(path)} of container ${quote(container)}`;
      const lost = `${annotation}: the agent does not get ${mount}`;
      if (loss.kind === 'variable') return `${lost}: its subPathExpr needs ${quote(loss.name)}, whose value is not known`;
      if (loss.kind === 'above') return `${lost}: it is read-only, and the agent's own ${loss.below} is below it`;
      if (loss.kind === 'secret') return `${lost}, a subPath of the secrets that the agent writes`;
      return `${annotation}: the agent, which is not privileged, gets ${mount} without mountPropagation`;
    },
    remedy: ({ loss, annotation }) => {
      if (loss.kind === 'variable') return 'set it in env of the container, as a value or with valueFrom';
      if (loss.kind === 'above') return 'mount only those of its directories that the agent needs, with subPath';
      if (loss.kind === 'secret') return `use the file in the directory of the secrets, or remove ${annotation}`;
      return `for later mounts of the host set HostToContainer with ${annotationName('agentJsonPatch')}`;
    },
    sample: {
      annotation: annotationName('agentCopyVolumeMounts'),
      container: 'web',
      path: '/var/log/web',
      loss: { kind: 'variable', name: 'POD_NAME' },
    },
  }),
};
