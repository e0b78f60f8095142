// The namespaces of one bed with a node: network, mounts, processes, IPC and host name. All of it hangs on one process, whose
// end takes every process, mount, link and route with it. Nothing leads out of the network, so addresses need not differ
// between beds.
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Server, startServer, untilReady } from '../server.ts';
import type { Surroundings } from '../host.ts';
import type { Watchdog } from '../watchdog.ts';
import { systemProgram } from './packages.ts';
import { startRelay } from './relay.ts';
import { eventually } from '../../support/eventually.ts';

/** Where the servers of the bed answer to pods. */
export const HOST_ADDRESS = '10.88.0.1';
/** Where the kubelet answers, and the address of the node. */
export const NODE_ADDRESS = '10.88.0.2';
/** Addresses of pods. */
export const POD_RANGE = '10.89.0.0/16';

export interface Namespaces extends Surroundings {
  /** The command line that runs a program with the mounts and processes of the node too, not only its network. */
  readonly inside: Surroundings['command'];
}

// What a kubelet sets for the whole machine. It writes only what differs, so it is shown a machine that has these already.
const KERNEL_SETTINGS: Readonly<Record<string, string>> = {
  'kernel/panic': '10',
  'kernel/panic_on_oops': '1',
  'kernel/keys/root_maxkeys': '1000000',
  'kernel/keys/root_maxbytes': '25000000',
  'vm/overcommit_memory': '1',
  'vm/panic_on_oom': '0',
};

// The first process in there. The folders of the system are seen as they are, but what is written to them stays in memory.
const FIRST_PROCESS = `
set -e
hostname node
mount --make-rshared /
mount -t tmpfs tmpfs /run
for folder in lib log; do
  mkdir -p /run/bed/$folder/upper /run/bed/$folder/work
  mount -t overlay -o lowerdir=/var/$folder,upperdir=/run/bed/$folder/upper,workdir=/run/bed/$folder/work overlay /var/$folder
done
mkdir -p /run/bed/settings /var/lib/kubelet /var/log/pods /var/log/containers
${Object.entries(KERNEL_SETTINGS)
  .map(([name, value]) => {
    const file = `/run/bed/settings/${name.replaceAll('/', '.')}`;
    return `echo ${value} > ${file}; [ ! -e /proc/sys/${name} ] || mount --bind ${file} /proc/sys/${name}`;
  })
  .join('\n')}
ip link set lo up
ip address add ${HOST_ADDRESS}/32 dev lo
ip address add ${NODE_ADDRESS}/32 dev lo
echo 1 > /proc/sys/net/ipv4/ip_forward
: > /run/bed/ready
while :; do sleep 3600 & wait $!; done
`;

/** Makes the namespaces for a bed and waits until they can be entered. */
export async function createNamespaces(directory: string, watchdog: Watchdog): Promise<Namespaces> {
  const holder = startServer({
    name: 'namespaces',
    command: systemProgram('unshare'),
    arguments: [
      '--net',
      '--mount',
      '--pid',
      '--ipc',
      '--uts',
      '--propagation=private',
      '--mount-proc',
      '--fork',
      '--kill-child=KILL',
      '--',
      '/bin/sh',
      '-c',
      FIRST_PROCESS,
    ],
    home: directory,
    logFile: join(directory, 'log', 'namespaces.log'),
    watchdog,
  });
  const first = (): number => childOf(holder.pid);
  try {
    await untilReady(holder, 90, () => Promise.resolve(existsSync(`/proc/${first()}/root/run/bed/ready`)));
  } catch (error) {
    await holder.stop('SIGKILL');
    throw error;
  }
  const pid = first();
  const enter =
    (...namespaces: readonly string[]): Surroundings['command'] =>
    (program, args) => ({
      command: systemProgram('nsenter'),
      arguments: [`--target=${pid}`, ...namespaces, '--', program, ...args],
    });
  // Entering the process namespace would put an nsenter between us and each server, so these only get the network.
  const command = enter('--net');
  const relay = startRelay({ command, directory, watchdog });
  return {
    hostAddress: HOST_ADDRESS,
    command,
    inside: enter('--net', '--mount', '--pid', '--ipc', '--uts'),
    reach: relay.reach,
    close: async (outcome) => {
      relay.close();
      if (outcome === 'failed') keepPodLogs(pid, directory);
      await end(holder, pid);
    },
  };
}

/** The first process in there ends only after all others, and its parent after it: then nothing is left in use. */
async function end(holder: Server, first: number): Promise<void> {
  if (holder.running()) process.kill(first, 'SIGKILL');
  await eventually(() => !holder.running()).catch(() => undefined);
  await holder.stop('SIGKILL');
}

function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0]);
}

/** `/proc/<pid>/root` shows the files as that process sees them. */
function keepPodLogs(first: number, directory: string): void {
  const pods = `/proc/${first}/root/var/log/pods`;
  if (existsSync(pods)) cpSync(pods, join(directory, 'log', 'pods'), { recursive: true });
}
