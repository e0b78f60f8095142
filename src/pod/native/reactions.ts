// on-change `restart` and `signal` in profile native: a shell runs the agent and compares its files. After a change it exits with a code
// for which the kubelet restarts all containers of the pod, or signals a program (docs/decisions/0102-restart-by-exit-code.md).
import { durationSeconds } from '../../annotations/value-kinds.ts';
import { objectsOf, textOf, type JsonObject } from '../../json/json.ts';
import { imageTools } from '../agent-image.ts';
import { literal } from '../agent.ts';
import { originOf, type Draft } from '../draft.ts';
import { actionOf, requestsOf } from '../on-change.ts';
import type { PodProblem } from '../pod-problems.ts';
import { effectiveId, type Reader } from '../readers.ts';
import type { AgentContainer } from './container.ts';
import { isOwnerReadable } from './gate.ts';
import { RUN_DIRECTORY } from './volumes.ts';

/** No program of the agent exits with it: 0 to 2, 126 and 127 are of shells and agents, and from 129 on of signals. */
const EXIT_CODE = 88;

/** Hashes of the files that the app starts with. The startup probe waits for it: what changes later is a change for the app. */
export const STARTED_WITH = `${RUN_DIRECTORY}/started-with`;

/**
 * Constant, with all that a pod chooses in arguments: seconds of the longest random delay, the files that restart the pod, all files that
 * the agent promises, the files that signal a program (each list with one file a line), the signal, the program, and the agent's command.
 * POSIX, for ash, dash and bash.
 *
 * - A pod that was restarted begins as a new one, without files: an agent that logs in again has new leases, and their files would be
 *   the next change. A crash of the agent removes nothing.
 * - Restarts are a second further apart each time, up to five minutes, until the app has run for ten minutes: a template that
 *   never renders the same text cannot restart the app without end.
 * - After SIGTERM the code is the agent's: the kubelet sends it at the end of a Job, at deletion, and when it replaces the agent.
 * - Of a program with workers of the same name, the first process gets the signal. The kernel keeps 15 bytes of a name.
 */
const SCRIPT = `set -f
IFS='
'
delay=$1 watched=$2 promised=$3 signalled=$4 signal=$5 program=$6
shift 6
run=${RUN_DIRECTORY}
for tool in sha256sum od date; do
  command -v "$tool" >/dev/null || { echo "on-change needs $tool in the agent image"; exit 1; }
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
    if hashes >$run/hashes; then mv $run/hashes $run/started-with; else nap; fi
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
nap() { sleep 0.2 2>/dev/null || sleep 1; }
name() { read -r comm 2>/dev/null <"/proc/$1/comm" && [ "$comm" = "$program" ]; }
parent() {
  while IFS=: read -r key value; do
    [ "$key" != PPid ] || echo $((value))
  done 2>/dev/null <"/proc/$1/status"
}
send() {
  found=
  set +f
  for process in /proc/[0-9]*; do
    id=\${process#/proc/}
    if [ "$id" = $$ ] || ! name "$id" || name "$(parent "$id")"; then continue; fi
    found=1
    kill -s "$signal" "$id" && echo "on-change: sent $signal to $program, since a secret changed"
  done
  set -f
  [ -n "$found" ] || echo "on-change: no process $program runs"
}
notify() {
  until old=$(sha256sum $signalled 2>/dev/null); do nap; done
  while :; do
    sleep 1
    new=$(sha256sum $signalled 2>/dev/null) || continue
    [ "$new" != "$old" ] || continue
    old=$new
    send
  done
}
watchers=
[ -z "$watched" ] || { watch & watchers=$!; }
[ -z "$signalled" ] || { notify & watchers="$watchers
$!"; }
wait "$agent"
code=$?
while kill -0 "$agent" 2>/dev/null; do
  wait "$agent"
  code=$?
done
[ -z "$watchers" ] || kill $watchers 2>/dev/null
if [ -z "$stopping" ] && [ -e $run/restarting ]; then exit ${EXIT_CODE}; fi
rm -f $run/restarting
exit "$code"`;

/** What an agent container needs to restart the pod or to signal a program. */
export interface Reaction {
  /** Command that runs the agent's own command. */
  readonly command: readonly string[];
  /** Empty: changes only send a signal. */
  readonly rules: readonly JsonObject[];
}

/** Undefined: no file of the agent restarts or signals anything. `promised` are the files that the startup probe would wait for. */
export function reactionOf(
  draft: Draft,
  agent: AgentContainer,
  document: JsonObject,
  promised: readonly string[],
): Reaction | undefined {
  if (agent.once) return undefined;
  const restarting = agent.kind === 'native-sidecar' ? filesOf(draft, document, 'restart') : [];
  const signalled = filesOf(draft, document, 'signal');
  if (restarting.length + signalled.length === 0) return undefined;
  const { onChangeDelay, onChangeSignal, onChangeProcess } = draft.parsed.options;
  const delay = Math.min(Math.ceil(durationSeconds(onChangeDelay)), MAX_DELAY_SECONDS);
  const lists = [restarting, promised, signalled].map((files) => files.join('\n'));
  const program = Buffer.from(onChangeProcess).subarray(0, MAX_PROCESS_BYTES).toString();
  return {
    command: ['sh', '-c', SCRIPT, 'sh', String(delay), ...lists, onChangeSignal, program].map(literal),
    rules:
      restarting.length === 0 ? [] : [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [EXIT_CODE] } }],
  };
}

const MAX_DELAY_SECONDS = 86_400;
/** Linux's TASK_COMM_LEN without the final NUL. */
const MAX_PROCESS_BYTES = 15;

/** Rendered files of an action. One that no secret declares, such as one of a configuration patch, has the common action. */
const filesOf = (draft: Draft, document: JsonObject, action: 'restart' | 'signal'): readonly string[] => {
  const byDestination = new Map(draft.files.map((file) => [file.destination, file]));
  return objectsOf(document['template'])
    .map((template) => textOf(template, 'destination') ?? '')
    .filter((path) => path.startsWith('/') && !path.includes('\n'))
    .filter((path) => actionOf(draft, byDestination.get(path)) === action);
};

export interface ReactionsInput {
  readonly agents: readonly AgentContainer[];
  readonly readers: readonly Reader[];
  /** Undefined: the image or a patch decides. */
  readonly user: number | undefined;
}

/** Why the agent of a pod cannot restart it, or signal a program; warns about nodes that ignore the rule for the exit code: the scheduler does not use them. */
export function reactionProblems(draft: Draft, { agents, readers, user }: ReactionsInput): readonly PodProblem[] {
  const { parsed, context } = draft;
  const { options } = parsed;
  const [restart] = requestsOf(draft, 'restart');
  const [signal] = requestsOf(draft, 'signal');
  const annotation = restart ?? signal;
  if (annotation === undefined) return [];
  if (agents.every(({ once }) => once))
    return [
      {
        code: 'on-change-sidecar',
        annotation,
        action: restart === undefined ? 'signal' : 'restart',
        because: 'once',
        other: originOf(parsed, 'agentPrePopulateOnly'),
      },
    ];
  const problems: PodProblem[] = [];
  if (restart !== undefined && agents.every(({ kind }) => kind !== 'native-sidecar'))
    problems.push({
      code: 'on-change-sidecar',
      annotation: restart,
      action: 'restart',
      because: 'no-native-sidecars',
      other: '',
    });
  else if (restart !== undefined && context.containerRestarts === false)
    problems.push({ code: 'on-change-version', annotation: restart, version: context.version });
  else if (restart !== undefined && context.oldNodes?.containerRestarts) {
    const { name: node, version, count } = context.oldNodes.containerRestarts;
    draft.warnings.push({ code: 'on-change-old-nodes', annotation: restart, node, version, count });
  }
  const image = options.agentImage ?? '';
  if (imageTools(image) === 'bare') problems.push({ code: 'shell-missing', image, need: 'on-change', annotation });
  for (const file of draft.files) {
    const action = actionOf(draft, file);
    if ((action === 'restart' || action === 'signal') && !isOwnerReadable(file.permissions))
      problems.push({
        code: 'gate-blind',
        annotation: parsed.families.perms.get(file.name)?.annotation ?? '',
        permissions: file.permissions,
        file: file.destination,
        reader: 'on-change',
      });
  }
  return signal === undefined ? problems : [...problems, ...signalProblems(draft, signal, readers, user)];
}

/** A signal needs the shared process namespace, the name of the program, and its user: the agent has no capabilities. */
const signalProblems = (
  { pod: { spec }, pod, parsed: { options } }: Draft,
  annotation: string,
  readers: readonly Reader[],
  user: number | undefined,
): readonly PodProblem[] => {
  const isShared = options.agentShareProcessNamespace ?? spec.shareProcessNamespace ?? false;
  const isSameUser = user === undefined || readers.some(({ container }) => effectiveId(pod, container, 'runAsUser') === user);
  const missing = [
    ...(isShared ? [] : ['process-namespace' as const]),
    ...(options.onChangeProcess === '' ? ['process' as const] : []),
    ...(isSameUser ? [] : ['user' as const]),
  ];
  return missing.map((need) => ({ code: 'on-change-signal', annotation, need, user: user ?? 0 }));
};
