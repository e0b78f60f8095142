// The agent containers of profile native: which ones a pod gets, and the finished container.
import type { FamilyOptions, Options } from '../../annotations/parse.ts';
import type { JsonObject } from '../../json/json.ts';
import type { NewMount } from '../add.ts';
import { literal, processVariables, programOf } from '../agent.ts';
import { withVariables } from '../copied-mounts.ts';
import type { Injection } from '../draft.ts';
import type { Container, ContainerList, Pod, VolumeMount } from '../pod.ts';
import { awsVariables, MORE_POD_FIELDS, POD_FIELDS, type Variable } from '../pod-variables.ts';
import type { Owner } from '../readers.ts';
import { TOKEN_VOLUME } from '../token.ts';
import type { Reaction } from './reactions.ts';
import { CONFIG_DIRECTORY, HOME_DIRECTORY, type ConfigFile } from './volumes.ts';

/** One agent container of a pod, before it is built. */
export interface AgentContainer extends ConfigFile {
  readonly config: 'agentConfig' | 'agentInitConfig';
  readonly kind: 'native-sidecar' | 'init' | 'sidecar';
  readonly name: string;
  readonly list: ContainerList;
  /** It exits after it has rendered all files. */
  readonly once: boolean;
}

/** The API server's limit for names of containers. */
const MAX_NAME_LENGTH = 63;
const INIT_SUFFIX = '-init';

/**
 * The agent containers that a pod gets. On nodes without native sidecars an init container renders the secrets before the app
 * starts, as in vault-k8s. It has its own configuration: it must fail if Vault is down, and the sidecar must not.
 */
export function agentContainers(options: Options, hasNativeSidecars: boolean): readonly AgentContainer[] {
  const { containerName: name } = options;
  const common = { name, config: 'agentConfig', file: 'agent.json' } as const;
  if (options.agentPrePopulateOnly) return [{ ...common, kind: 'init', list: 'initContainers', once: true }];
  if (hasNativeSidecars) return [{ ...common, kind: 'native-sidecar', list: 'initContainers', once: false }];
  const sidecar: AgentContainer = { ...common, kind: 'sidecar', list: 'containers', once: false };
  if (!options.agentPrePopulate) return [sidecar];
  const init: AgentContainer = {
    kind: 'init',
    name: `${name.slice(0, MAX_NAME_LENGTH - INIT_SUFFIX.length)}${INIT_SUFFIX}`,
    list: 'initContainers',
    once: true,
    config: 'agentInitConfig',
    file: 'agent-init.json',
  };
  return [init, sidecar];
}

/** The injection type of the containers, a label of vault-k8s' metrics. */
export function injectionType(agents: readonly AgentContainer[]): NonNullable<Injection['injectionType']> {
  if (agents.length > 1) return 'init_and_sidecar';
  return agents[0]?.once ? 'init_only' : 'sidecar_only';
}

/** Whether a container is an agent of an earlier injection: in this profile only agents mount the injected token. */
export function isAgent({ volumeMounts }: Container): boolean {
  return (volumeMounts ?? []).some(({ name }) => name === TOKEN_VOLUME);
}

export interface NativeContainerInput {
  readonly pod: Pod;
  readonly options: Options;
  readonly authConfig: FamilyOptions['authConfig'];
  readonly agent: AgentContainer;
  readonly caBytes: string;
  readonly user: Owner;
  readonly pullPolicy: string;
  readonly resources: JsonObject;
  readonly mounts: readonly (NewMount | VolumeMount)[];
  /** Variables that copied mounts refer to. */
  readonly mountVariables: readonly Variable[];
  /** The startup probe that delays the app; undefined: the app does not wait. */
  readonly gate: JsonObject | undefined;
  /** Undefined: a change of a secret does nothing more. */
  readonly reaction: Reaction | undefined;
}

/** Templates read the namespace from this variable: OpenBao's agent ignores it in the configuration. */
const NAMESPACE_VARIABLE: Readonly<Record<Options['flavour'], string>> = { vault: 'VAULT_NAMESPACE', openbao: 'BAO_NAMESPACE' };

const variables = ({ pod, options, authConfig, caBytes }: NativeContainerInput): Variable[] => {
  const pairs: readonly (readonly [string, string])[] = [
    // Without the variable the agent runs programs that its image may not have.
    ['HOME', HOME_DIRECTORY],
    ...processVariables(options),
    [NAMESPACE_VARIABLE[options.flavour], options.namespace],
    ['VAULT_CACERT_BYTES', caBytes],
  ];
  return [
    ...POD_FIELDS,
    ...MORE_POD_FIELDS,
    ...pairs.filter(([, value]) => value !== '').map(([name, value]) => ({ name, value: literal(value) })),
    ...(options.authType === 'aws' ? awsVariables(pod, authConfig.get('region')?.value) : []),
  ];
};

/**
 * The container, before the user's own patch: a native sidecar whose startup probe delays the app, or an init container. It passes
 * the Pod Security Standard "restricted".
 */
export function nativeContainer(input: NativeContainerInput): JsonObject {
  const { options, agent, user, gate, reaction, mounts, resources, pullPolicy } = input;
  return {
    name: agent.name,
    image: options.agentImage ?? '',
    imagePullPolicy: pullPolicy,
    ...(agent.kind === 'native-sidecar' ? { restartPolicy: 'Always' } : {}),
    ...(reaction && reaction.rules.length > 0 ? { restartPolicyRules: reaction.rules } : {}),
    command: [...(reaction?.command ?? []), programOf(options), 'agent', `-config=${CONFIG_DIRECTORY}/${agent.file}`],
    env: withVariables(variables(input), input.mountVariables),
    resources,
    ...(gate ? { startupProbe: gate } : {}),
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'FallbackToLogsOnError',
    ...(options.agentSetSecurityContext
      ? {
          securityContext: {
            runAsUser: user.user,
            runAsGroup: user.group,
            runAsNonRoot: user.user !== 0,
            readOnlyRootFilesystem: true,
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'] },
            seccompProfile: { type: 'RuntimeDefault' },
          },
        }
      : {}),
    volumeMounts: mounts,
  };
}
