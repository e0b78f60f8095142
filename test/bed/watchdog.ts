// Ends what a bed started when the bed's own process is gone, however it went: Ctrl-C, an exception or kill -9.
// A small shell process outlives us, reads a pipe that only we hold open, and acts when that pipe ends.
import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

export interface Watchdog {
  /** Puts a process under watch. */
  add(pid: number): void;
  /** Takes a process that has ended out again, since its id may be given to another. */
  remove(pid: number): void;
  /** A cgroup to remove, with those below it, once the processes are gone; the kernel does not do that by itself. */
  addCgroup(folder: string): void;
  /** Ends the watchdog after an orderly stop. Without this, the end of the pipe means that we died. */
  dismiss(): void;
}

// Plain POSIX shell: it starts at once, needs nothing but kill, find, rm and sleep, and runs on every system that the bed does.
// Logs stay for the analysis of a failure; keys and data are deleted.
const SCRIPT = `
trap '' INT TERM HUP
pids=''
groups=''
while read -r sign pid; do
  case $sign in
    +) pids="$pids $pid" ;;
    -) rest=''; for other in $pids; do [ "$other" = "$pid" ] || rest="$rest $other"; done; pids=$rest ;;
    g) groups="$groups $pid" ;;
    .) exit 0 ;;
  esac
done
[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  left=''
  for group in $groups; do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
    [ ! -d "$group" ] || left=yes
  done
  [ -n "$left" ] || break
  sleep 0.5 2>/dev/null || sleep 1
done
find "$1" -mindepth 1 -maxdepth 1 ! -name log -exec rm -rf {} +
find "$1" -type f -empty -exec rm -f {} +
rmdir "$1/log" "$1" 2>/dev/null
`;

/** A watchdog for the processes of one bed, whose state directory it empties (logs apart) when we die. */
export function startWatchdog(directory: string): Watchdog {
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'bed-watchdog', directory], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  const pipe = child.stdin;
  unreference(pipe);
  pipe.on('error', () => undefined);
  return {
    add: (pid) => void pipe.write(`+ ${pid}\n`),
    remove: (pid) => void pipe.write(`- ${pid}\n`),
    addCgroup: (folder) => void pipe.write(`g ${folder}\n`),
    dismiss: () => void pipe.end('.\n'),
  };
}

/** The pipe must not keep our process alive: its end is the signal. */
function unreference(pipe: Writable & { unref?: () => void }): void {
  pipe.unref?.();
}
