// Where the servers of a bed run if not directly on this machine: the seam between the bed and the namespaces of a node.
import type { ServerOptions } from './server.ts';
import type { Watchdog } from './watchdog.ts';

export interface Surroundings {
  /** Address at which pods reach the servers. */
  readonly hostAddress: string;
  /** The command line that runs a program there, with 127.0.0.1 of its own. */
  readonly command: (program: string, args: readonly string[]) => Pick<ServerOptions, 'command' | 'arguments'>;
  /** Makes a port of 127.0.0.1 there answer at the same port of 127.0.0.1 here. */
  readonly reach: (port: number) => Promise<void>;
  /** Ends everything that still runs there; a failed bed keeps what its containers have written to their logs. */
  readonly close: (outcome: 'passed' | 'failed') => Promise<void>;
}

/** Makes the surroundings of one bed with this private directory, before its first server. */
export type SurroundingsOf = (bed: { readonly directory: string; readonly watchdog: Watchdog }) => Promise<Surroundings>;
