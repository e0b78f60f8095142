// The start-up gate of profile native: the startup probe that delays the app until everything that the agent promises exists.
import type { Options } from '../../annotations/parse.ts';
import { isObject, objectAt, objectsOf, textOf, type Json, type JsonObject } from '../../json/json.ts';
import { imageTools } from '../agent-image.ts';
import { literal, programOf } from '../agent.ts';
import { originOf, type Draft } from '../draft.ts';
import type { PodProblem } from '../pod-problems.ts';
import { LOG_FILE } from './config.ts';
import { RUN_DIRECTORY } from './volumes.ts';

/** The program of the agent image that the startup probe runs. */
export type Gate = Exclude<Options['startupProbe'], 'auto'>;

/** The annotation or setting, or what the image certainly has: without its own program there is no agent. */
export function gateOf({ startupProbe, agentImage }: Options): Gate {
  if (startupProbe !== 'auto') return startupProbe;
  return imageTools(agentImage ?? '') === 'shell' ? 'shell' : 'binary';
}

/**
 * Absolute paths of the files that exist once the agent is ready, from its finished configuration, so that a patch of it counts.
 * Sinks come after templates. The agent's own token counts only if the app gets no file: the app then starts after the login.
 */
export function promisedFiles(config: JsonObject): readonly string[] {
  const rendered = listOf(config['template']).map((template) => textOf(template, 'destination'));
  const sinks = sinkPaths(objectAt(config, 'auto_auth'));
  const promised = [...rendered, ...sinks.filter((path) => !isOwn(path))];
  const files = promised.length > 0 ? promised : sinks;
  return [...new Set(files.filter((path) => path?.startsWith('/') === true) as string[])];
}

const isOwn = (path: string | undefined): boolean => path?.startsWith(`${RUN_DIRECTORY}/`) === true;

/** HCL reads one block and a list of blocks alike. */
const listOf = (blocks: Json | undefined): readonly JsonObject[] => (isObject(blocks) ? [blocks] : objectsOf(blocks));

/** Paths of the file sinks, in both forms: `sink = {type, config}` and `sinks = {sink = {type, config}}`. */
const sinkPaths = (autoAuth: JsonObject | undefined): readonly (string | undefined)[] => {
  const wrapped = listOf(autoAuth?.['sinks']).flatMap(({ sink }) => listOf(sink));
  return [...listOf(autoAuth?.['sink']), ...wrapped].map((sink) => textOf(objectAt(sink, 'config'), 'path'));
};

/** A gate that the image cannot run, or that can never succeed: the pod would wait for ever. */
export function gateProblems({ parsed, files }: Draft): readonly PodProblem[] {
  const { options, families } = parsed;
  const gate = gateOf(options);
  const image = options.agentImage ?? '';
  if (gate !== 'binary')
    return imageTools(image) === 'bare'
      ? [{ code: 'shell-missing', image, need: 'probe', annotation: originOf(parsed, 'startupProbe') }]
      : [];
  return files.flatMap(({ name, permissions, destination }) =>
    isOwnerReadable(permissions)
      ? []
      : [
          {
            code: 'gate-blind' as const,
            annotation: families.perms.get(name)?.annotation ?? '',
            permissions,
            file: destination,
            reader: 'probe' as const,
          },
        ],
  );
}

/** Without permissions the mode is 0644. */
export function isOwnerReadable(permissions: string): boolean {
  return !/^[0-7]+$/.test(permissions) || (Number.parseInt(permissions, 8) & 0o400) !== 0;
}

/** Log lines that explain a failure: errors as text and as JSON, and the server's response, which has lines of its own. */
const EXPLAINING_LINES = '^ +[|] [^ ]|^(URL|Code): |^[[:space:]]*[*] |ERROR|WARN|"@level":"(error|warn)"';

/**
 * Fails while files are missing, and prints the end of the agent's log, so that `kubectl describe pod` shows the reason. File names
 * are arguments, not part of the script.
 */
const PROBE_SCRIPT = `ls "$@" >/dev/null 2>&1 || { grep -hE '${EXPLAINING_LINES}' ${LOG_FILE} | tail -n 6; exit 1; }`;

/**
 * The agent's own program reads the files and prints the policy that a write of their contents would need: it sends no request, and
 * prints no content. A missing file is an error, which quotes the name before the `=`.
 */
const readByAgent = (options: Options, container: string, files: readonly string[]): readonly string[] => [
  programOf(options),
  'write',
  '-output-policy',
  'sys/startup',
  ...files.map((file) => `the reason is in: kubectl logs -c ${container}=@${file}`),
];

const COMMANDS: Readonly<Record<Gate, (options: Options, container: string, files: readonly string[]) => readonly string[]>> = {
  shell: (_options, _container, files) => ['sh', '-c', PROBE_SCRIPT, 'sh', ...files],
  ls: (_options, _container, files) => ['ls', ...files],
  binary: readByAgent,
};

/** The agent's program takes 0.3 s of CPU time to start, which can be long under a small CPU limit. */
const TIMEOUT_SECONDS: Readonly<Record<Gate, number>> = { shell: 5, ls: 5, binary: 30 };

/** The app starts up to one period after the files exist. After five minutes the kubelet restarts the agent, which does no harm. */
export function startupProbe(options: Options, container: string, files: readonly string[]): JsonObject {
  const gate = gateOf(options);
  return {
    exec: { command: COMMANDS[gate](options, container, files.map(literal)) },
    periodSeconds: 1,
    timeoutSeconds: TIMEOUT_SECONDS[gate],
    failureThreshold: 300,
  };
}
