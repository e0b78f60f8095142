// Outages for pods: a gate before a server of the bed, which a test shuts and opens while the server keeps its data.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryDirectory } from '../environment.ts';
import { freePorts } from '../ports.ts';
import { type Server, untilReady } from '../server.ts';
import type { BedWithNode } from './node.ts';

export interface Gate {
  /** Address for pods that leads to the server while the gate is open. */
  readonly address: string;
  /** Breaks all connections and refuses new ones. */
  readonly shut: () => Promise<void>;
  readonly open: () => Promise<void>;
}

/** Opens a gate before a server of the bed, given by its address out here, for example `bed.openbao.address`. */
export async function openGate(bed: Pick<BedWithNode, 'start' | 'hostAddress'>, target: string): Promise<Gate> {
  const [port = 0] = await freePorts(1);
  const script = join(repositoryDirectory(), 'test', 'bed', 'node', 'gate.mjs');
  let server: Server | undefined;
  let count = 0;
  const open = async (): Promise<void> => {
    count += 1;
    const started = bed.start({
      name: `gate-${port}-${count}`,
      command: process.execPath,
      arguments: [script, String(port), new URL(target).port],
    });
    await untilReady(started, 90, () => Promise.resolve(readFileSync(started.logFile, 'utf8').includes('open')));
    server = started;
  };
  await open();
  return { address: `http://${bed.hostAddress}:${port}`, open, shut: async () => server?.stop('SIGKILL') };
}
