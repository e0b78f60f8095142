// Opens the webhook configuration once this replica serves: adds rules to entries that have none. Manifests come without rules, so
// that no pod is rejected between the creation of the configuration and the first ready replica.
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../kube/client.ts';
import { isKubeError } from '../kube/errors.ts';
import { addRules, readWebhookConfiguration, untilChanged } from '../kube/webhook-configuration.ts';
import { jittered } from '../net/backoff.ts';
import type { TlsLog } from './files.ts';
import { repeat, type Repetition, type RoundOutcome } from './repeat.ts';

/** Owner of the rules in `metadata.managedFields`. */
const FIELD_MANAGER = 'vault-auth-injector-rules';

export interface OpenEntriesOptions {
  readonly client: KubeClient;
  /** Name of the MutatingWebhookConfiguration. */
  readonly configuration: string;
  readonly isReady: () => boolean;
  /** How long this replica must have been ready: until then its Service may not have it as an endpoint. */
  readonly afterMs: number;
  readonly log: TlsLog;
  /** Resync interval, besides the watch. */
  readonly everyMs?: number;
}

/** Runs until closed. Entries that are added later, by an upgrade for example, are opened as well. Rules that exist stay. */
export function openEntries({
  client,
  configuration: name,
  isReady,
  afterMs,
  log,
  everyMs = 30_000,
}: OpenEntriesOptions): Repetition {
  let readySince: number | undefined;
  let resourceVersion: string | undefined;
  let reported: string | undefined;
  const hasBeenReady = (): boolean => {
    if (!isReady()) {
      readySince = undefined;
      return false;
    }
    readySince ??= performance.now();
    return performance.now() - readySince >= afterMs;
  };

  const open = async (signal: AbortSignal): Promise<RoundOutcome> => {
    const live = await readWebhookConfiguration(client, name, signal);
    resourceVersion = live?.resourceVersion;
    const closed = live?.entries.filter(({ hasRules }) => !hasRules).map((entry) => entry.name) ?? [];
    if (!live || closed.length === 0) return 'unchanged';
    await addRules(client, live, { fieldManager: FIELD_MANAGER, signal });
    log.info({ configuration: name, entries: closed }, 'added rules: pods are sent to the webhook from now on');
    return 'changed';
  };

  const round = async (signal: AbortSignal): Promise<RoundOutcome> => {
    if (!hasBeenReady()) return 'unchanged';
    try {
      const outcome = await open(signal);
      reported = undefined;
      return outcome;
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      // Another replica was faster; `Invalid` is also the answer to a stale resourceVersion.
      const isRace = isKubeError(error, 'Invalid', 'Conflict', 'NotFound');
      if (!signal.aborted && !isRace && problem !== reported)
        log.warn({ configuration: name, problem }, 'cannot add rules to the webhook configuration, retrying');
      reported = problem;
      return 'failed';
    }
  };

  const idle = async (signal: AbortSignal): Promise<void> => {
    if (!hasBeenReady()) await sleep(READY_POLL_MS, undefined, { signal });
    else await untilChanged(client, { name, resourceVersion }, jittered(everyMs) / 1000, signal);
  };
  return repeat({ round, idle });
}

const READY_POLL_MS = 250;
