// The version of the API server, asked for at start and until there is an answer: what can be given to a pod depends on it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../kube/client.ts';
import type { Log } from '../observe/log.ts';

export interface ServerVersion {
  /** Native sidecars are switched on; undefined: no answer yet. */
  readonly nativeSidecars: () => boolean | undefined;
  /** There was an answer, or a failure: there is nothing to wait for. */
  readonly settled: () => boolean;
  readonly close: () => Promise<void>;
}

/** Since this minor version of Kubernetes 1 they are on unless somebody switches them off (KEP-753). */
const FIRST_MINOR = 29;
const TIMEOUT_MS = 5000;
const PAUSE_MS = 10_000;

/** Starts to ask. Nodes may be older than the API server, by three minor versions: that is for the operator to say. */
export function serverVersion(
  client: Pick<KubeClient, 'request'>,
  log: Pick<Log, 'info' | 'warn'>,
  pauseMs = PAUSE_MS,
): ServerVersion {
  const closing = new AbortController();
  const { signal } = closing;
  let nativeSidecars: boolean | undefined;
  let isTold = false;
  const ask = async (): Promise<void> => {
    while (!signal.aborted && nativeSidecars === undefined)
      try {
        const version = await client.request<Version>({ method: 'GET', path: '/version', timeoutMs: TIMEOUT_MS, signal });
        nativeSidecars = hasNativeSidecars(version);
        if (!nativeSidecars)
          log.info(
            { version: version.gitVersion },
            'this Kubernetes has no native sidecars: pods get an init container and a sidecar',
          );
      } catch (error) {
        if (!isTold && !signal.aborted)
          log.warn(
            { problem: error instanceof Error ? error.message : String(error) },
            'the version of Kubernetes is not known: it is taken for one with native sidecars',
          );
        isTold = true;
        await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
      }
  };
  const asking = ask();
  return {
    nativeSidecars: () => nativeSidecars,
    settled: () => isTold || nativeSidecars !== undefined,
    close: () => {
      closing.abort();
      return asking;
    },
  };
}

export interface Version {
  readonly major: string;
  /** Some providers append a plus. */
  readonly minor: string;
  readonly gitVersion?: string;
}

/** Whether the API server that answers so has them. */
export function hasNativeSidecars({ major, minor }: Version): boolean {
  const [one, other] = [Number.parseInt(major, 10), Number.parseInt(minor, 10)];
  // What cannot be read is no version of old.
  return Number.isNaN(one) || Number.isNaN(other) || one > 1 || other >= FIRST_MINOR;
}
