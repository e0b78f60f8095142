// The version of Kubernetes, requested at start until the API server answers: native sidecars, restarts of pods and variables from files
// depend on it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../kube/client.ts';
import type { Log } from '../observe/log.ts';

export interface ServerVersion {
  /** undefined: no answer yet. */
  readonly current: () => Version | undefined;
  /** The first request has been answered or has failed. */
  readonly answeredOrFailed: () => boolean;
  readonly close: () => Promise<void>;
}

/** The first minor version of Kubernetes 1 with the feature gate SidecarContainers enabled by default (KEP-753). */
export const NATIVE_SIDECARS = 29;
/** The same of RestartAllContainersOnContainerExits (KEP-5532). */
export const CONTAINER_RESTARTS = 36;
/** The same of EnvFiles (KEP-3721): environment variables from files. */
export const ENV_FILES = 35;
const REQUEST_TIMEOUT_MS = 5000;
const RETRY_INTERVAL_MS = 10_000;

/** Starts to request the version. Nodes may be three minor versions older: then the operator must set -native-sidecars. */
export function serverVersion(
  client: Pick<KubeClient, 'request'>,
  log: Pick<Log, 'info' | 'warn'>,
  retryIntervalMs = RETRY_INTERVAL_MS,
): ServerVersion {
  const closing = new AbortController();
  const { signal } = closing;
  let version: Version | undefined;
  let hasFailed = false;
  const requestVersion = async (): Promise<void> => {
    while (!signal.aborted && version === undefined)
      try {
        version = await client.request<Version>({ method: 'GET', path: '/version', timeoutMs: REQUEST_TIMEOUT_MS, signal });
        if (!isAtLeast(version, NATIVE_SIDECARS))
          log.info(
            { version: version.gitVersion },
            'Kubernetes version without native sidecars, injecting init container and sidecar',
          );
      } catch (error) {
        if (!hasFailed && !signal.aborted)
          log.warn(
            { problem: error instanceof Error ? error.message : String(error) },
            'Kubernetes version unknown, assuming native sidecars',
          );
        hasFailed = true;
        await sleep(retryIntervalMs, undefined, { signal, ref: false }).catch(() => undefined);
      }
  };
  const requests = requestVersion();
  return {
    current: () => version,
    answeredOrFailed: () => hasFailed || version !== undefined,
    close: () => {
      closing.abort();
      return requests;
    },
  };
}

export interface Version {
  readonly major: string;
  /** Some providers append a plus. */
  readonly minor: string;
  readonly gitVersion?: string;
}

/** Whether a version of Kubernetes 1 has this minor number or a later one. */
export function isAtLeast({ major, minor }: Version, first: number): boolean {
  const [one, other] = [Number.parseInt(major, 10), Number.parseInt(minor, 10)];
  // A version that is not a number counts as a new one.
  return Number.isNaN(one) || Number.isNaN(other) || one > 1 || other >= first;
}
