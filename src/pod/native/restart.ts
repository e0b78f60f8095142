// on-change `restart` in profile native: a shell runs the agent, compares the files with those that the app started with, and exits with
// a code for which the kubelet restarts all containers of the pod (docs/decisions/0102-restart-by-exit-code.md).
import { durationSeconds } from '../../annotations/value-kinds.ts';
import { objectsOf, textOf, type JsonObject } from '../../json/json.ts';
import { imageTools } from '../agent-image.ts';
import { literal } from '../agent.ts';
import { originOf, type Draft } from '../draft.ts';
import { actionOf, requestsOf } from '../on-change.ts';
import type { PodProblem } from '../pod-problems.ts';
import type { AgentContainer } from './container.ts';
import { RUN_DIRECTORY } from './volumes.ts';

/** No program of the agent exits with it: 0 to 2, 126 and 127 are of shells and agents, and from 129 on of signals. */
const EXIT_CODE = 88;

/** Hashes of the files that the app starts with. The startup probe waits for it: what changes later is a change for the app. */
export const STARTED_WITH = `${RUN_DIRECTORY}/started-with`;

/**
 * Constant, with all that a pod chooses in arguments: seconds of the longest random delay, the watched files, all files that the agent
 * promises (one a line), and the agent's command. POSIX, for ash, dash and bash.
 *
 * - A pod that was restarted begins as a new one, without files: an agent that logs in again has new leases, and their files would be
 *   the next change. A crash of the agent removes nothing.
 * - Restarts are a second further apart each time, up to five minutes, until the app has run for ten minutes: a template that
 *   never renders the same text cannot restart the app without end.
 * - After SIGTERM the code is the agent's: the kubelet sends it at the end of a Job, at deletion, and when it replaces the agent.
 */
const SCRIPT = `set -f
IFS='
'
delay=$1 watched=$2 promised=$3
shift 3
run=${RUN_DIRECTORY}
for tool in sha256sum od date; do
  command -v "$tool" >/dev/null || { echo "on-change restart needs $tool in the agent image"; exit 1; }
done
agent= stopping=
stop() {
  stopping=1
  [ -z "$agent" ] || kill "$agent" 2>/dev/null
}
trap stop TERM INT
if [ -e $run/restarting ]; then
  rm -f $promised $run/started-with $run/restarting
  echo "on-change: restart $(cat $run/restarts) of this pod, since a secret changed"
fi
"$@" &
agent=$!
[ -z "$stopping" ] || kill "$agent"
hashes() { sha256sum $watched 2>/dev/null; }
changed() { now=$(hashes) && [ "$now" != "$(cat $run/started-with)" ]; }
watch() {
  until [ -e $run/started-with ]; do
    if hashes >$run/hashes; then mv $run/hashes $run/started-with; else sleep 0.2 2>/dev/null || sleep 1; fi
  done
  since=$(date +%s)
  while :; do
    sleep 1
    changed || continue
    ran=$(($(date +%s) - since))
    count=$(cat $run/restarts 2>/dev/null) || count=0
    [ "$ran" -lt 600 ] || count=0
    pause=$((count > 300 ? 300 : count))
    pause=$((pause - (ran > 0 ? ran : 0)))
    random=$(($(od -An -N4 -tu4 /dev/urandom) % (delay + 1)))
    sleep $((pause > random ? pause : random))
    changed || continue
    echo $((count + 1)) >$run/restarts
    : >$run/restarting
    kill "$agent"
    sleep 10
    kill -9 "$agent"
  done
}
watch &
watcher=$!
wait "$agent"
code=$?
while kill -0 "$agent" 2>/dev/null; do
  wait "$agent"
  code=$?
done
kill "$watcher" 2>/dev/null
if [ -z "$stopping" ] && [ -e $run/restarting ]; then exit ${EXIT_CODE}; fi
rm -f $run/restarting
exit "$code"`;

/** What an agent container needs to restart the pod. */
export interface Restart {
  /** Command that runs the agent's own command. */
  readonly command: readonly string[];
  readonly rules: readonly JsonObject[];
}

/** Undefined: no file of the agent restarts the pod. `promised` are the files that the startup probe would wait for. */
export function restartOf(
  draft: Draft,
  agent: AgentContainer,
  document: JsonObject,
  promised: readonly string[],
): Restart | undefined {
  if (agent.kind !== 'native-sidecar') return undefined;
  const watched = watchedFiles(draft, document);
  if (watched.length === 0) return undefined;
  const delay = Math.min(Math.ceil(durationSeconds(draft.parsed.options.onChangeDelay)), MAX_DELAY_SECONDS);
  return {
    command: ['sh', '-c', SCRIPT, 'sh', String(delay), watched.join('\n'), promised.join('\n')].map(literal),
    rules: [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [EXIT_CODE] } }],
  };
}

const MAX_DELAY_SECONDS = 86_400;

/** Rendered files whose action is `restart`. One that no secret declares, such as one of a configuration patch, has the common action. */
const watchedFiles = (draft: Draft, document: JsonObject): readonly string[] => {
  const byDestination = new Map(draft.files.map((file) => [file.destination, file]));
  return objectsOf(document['template'])
    .map((template) => textOf(template, 'destination') ?? '')
    .filter((path) => path.startsWith('/') && !path.includes('\n'))
    .filter((path) => actionOf(draft, byDestination.get(path)) === 'restart');
};

/** Why a pod cannot be restarted by its agent. */
export function restartProblems(draft: Draft, agents: readonly AgentContainer[]): readonly PodProblem[] {
  const { parsed, context } = draft;
  const [annotation] = requestsOf(draft, 'restart');
  if (annotation === undefined) return [];
  const { options } = parsed;
  if (agents.every(({ kind }) => kind !== 'native-sidecar'))
    return [
      {
        code: 'on-change-sidecar',
        annotation,
        because: options.agentPrePopulateOnly ? 'once' : 'no-native-sidecars',
        other: originOf(parsed, 'agentPrePopulateOnly'),
      },
    ];
  if (context.containerRestarts === false) return [{ code: 'on-change-version', annotation, version: context.version }];
  const image = options.agentImage ?? '';
  return imageTools(image) === 'bare' ? [{ code: 'shell-missing', image, need: 'restart', annotation }] : [];
}
