// An agent container of profile native: a native sidecar whose start-up probe holds back the rest of the pod until the
// secrets are there, or a plain init container.
import type { Options } from '../../annotations/parse.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { CONFIG_DIRECTORY, RUN_DIRECTORY } from './volumes.ts';
import { processVariables, PROGRAM } from '../program.ts';
import { LOG_FILE } from './config.ts';
import type { AgentPart } from './part.ts';
import type { AgentUser } from './user.ts';

export interface NativeContainerInput {
  readonly options: Options;
  readonly caBytes: string;
  readonly user: AgentUser;
  readonly pullPolicy: string;
  readonly resources: JsonObject;
  readonly mounts: readonly JsonObject[];
  /** Absolute paths of the files that must exist before the app starts. */
  readonly destinations: readonly string[];
  readonly part: AgentPart;
}

/** Where templates read the namespace from: OpenBao's agent ignores it in its configuration. */
const NAMESPACE_VARIABLE: Readonly<Record<Options['flavour'], string>> = { vault: 'VAULT_NAMESPACE', openbao: 'BAO_NAMESPACE' };

/** Lines of the log that say why: failures, in text and as JSON, and what the server answered, which stands on lines of its own. */
const TELLING = '^ +[|] [^ ]|^(URL|Code): |^[[:space:]]*[*] |ERROR|WARN|"@level":"(error|warn)"';

/**
 * Quotes the end of the agent's log while files are missing, so that `kubectl describe pod` says why. A constant: file names
 * are arguments.
 */
const GATE = `ls "$@" >/dev/null 2>&1 || { grep -hE '${TELLING}' ${LOG_FILE} | tail -n 6; exit 1; }`;

/** The kubelet expands $(NAME) in probes and variables; a doubled dollar stands for one, so that all are doubled. */
export function literal(argument: string): string {
  return argument.replaceAll('$', '$$$$');
}

/** What runs in the agent's image: without a shell, nothing but its log says why a file is missing. */
const probeCommand = ({ startupProbe }: Options): readonly string[] =>
  startupProbe === 'ls' ? ['ls'] : ['sh', '-c', GATE, 'sh'];

/** One second, for the gate costs about one period; five minutes until the kubelet starts the agent anew, which does no harm. */
const startupProbe = (options: Options, destinations: readonly string[]): JsonObject => ({
  exec: { command: [...probeCommand(options), ...destinations.map(literal)] },
  periodSeconds: 1,
  timeoutSeconds: 5,
  failureThreshold: 300,
});

const variables = ({ options, caBytes }: NativeContainerInput): Json[] => {
  const pairs: readonly (readonly [string, string])[] = [
    // Must be set, and need not exist: without it the agent asks programs that its image may not have.
    ['HOME', RUN_DIRECTORY],
    ...processVariables(options),
    [NAMESPACE_VARIABLE[options.flavour], options.namespace],
    ['VAULT_CACERT_BYTES', caBytes],
  ];
  return pairs.filter(([, value]) => value !== '').map(([name, value]) => ({ name, value: literal(value) }));
};

/** The finished container, before the user's own patch. It passes Pod Security "restricted". */
export function nativeContainer(input: NativeContainerInput): JsonObject {
  const { options, user, part, destinations, mounts, resources, pullPolicy } = input;
  const isSidecar = part.kind === 'native-sidecar';
  return {
    name: part.name,
    image: options.agentImage ?? '',
    imagePullPolicy: pullPolicy,
    ...(isSidecar ? { restartPolicy: 'Always' } : {}),
    command: [PROGRAM[options.flavour], 'agent', `-config=${CONFIG_DIRECTORY}/${part.file}`],
    env: variables(input),
    resources,
    ...(isSidecar && options.agentPrePopulate && destinations.length > 0
      ? { startupProbe: startupProbe(options, destinations) }
      : {}),
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
