// When a login is tried, how patiently, and what is remembered of it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { VaultAuthBackendStatus } from '../../resources/backend.ts';
import { probe, type ProbeOutcome } from './probe.ts';
import type { Work } from './work.ts';

/** Vault takes over a new authority every 30 s, and keeps connections until then: what a login proves before is not all. */
const AGAIN_SECONDS = 45;
/** After a failure: this, doubled with each further one, up to the interval. */
const FIRST_RETRY_SECONDS = 15;
/** Right after a change the API server may not know new rights yet; these are waits in milliseconds. */
const PATIENCE_MS = [200, 400, 800, 1600];

export interface Probed {
  readonly lastProbe: VaultAuthBackendStatus['lastProbe'];
  /** Undefined: it was not due. */
  readonly outcome: ProbeOutcome | undefined;
}

/** Tries a login if one is due, or if something was changed. Throws ProbeUntried when its role cannot be kept. */
export async function probeWhenDue(work: Work, hasChanged: boolean): Promise<Probed> {
  const { context, before, memory } = work;
  if (!hasChanged && nextProbe(work) > context.clock.now()) return { lastProbe: before.lastProbe, outcome: undefined };
  let outcome = await probe(work);
  for (const wait of hasChanged ? PATIENCE_MS : []) {
    if (outcome.result !== 'Denied') break;
    await sleep(wait, undefined, { signal: work.signal });
    outcome = await probe(work);
  }
  const now = context.clock.now();
  const wasAgain = memory.probeAgainAt !== undefined && memory.probeAgainAt <= now;
  if (hasChanged) memory.probeAgainAt = now + AGAIN_SECONDS * 1000 * context.clock.resyncFactor;
  else if (wasAgain) memory.probeAgainAt = undefined;
  memory.probedAt = now;
  memory.probeFailures = outcome.result === 'Succeeded' ? 0 : memory.probeFailures + 1;
  memory.signingKey = outcome.signedBy ?? memory.signingKey;
  context.report.metrics.probe(work.backend.metadata.name, METRIC[outcome.result]);
  return { lastProbe: { time: new Date(now).toISOString(), result: outcome.result, message: outcome.message }, outcome };
}

/** When the next login is due, in milliseconds since 1970. */
export function nextProbe({ context, backend, before, memory }: Pick<Work, 'context' | 'backend' | 'before' | 'memory'>): number {
  const factor = 1000 * context.clock.resyncFactor;
  const interval = backend.spec.probe.intervalSeconds * factor;
  const last = memory.probedAt ?? Date.parse(before.lastProbe?.time ?? '');
  if (Number.isNaN(last)) return 0;
  const retry = Math.min(interval, FIRST_RETRY_SECONDS * factor * 2 ** Math.min(10, memory.probeFailures - 1));
  const failed = memory.probeFailures > 0 || (memory.probedAt === undefined && before.lastProbe?.result !== 'Succeeded');
  return Math.min(last + (failed ? retry : interval), memory.probeAgainAt ?? Infinity);
}

const METRIC = { Succeeded: 'succeeded', Denied: 'denied', Failed: 'failed' } as const;
