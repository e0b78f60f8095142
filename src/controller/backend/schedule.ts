// When a backend is looked at next: whatever is due first.
import { resyncAfterMs } from '../context.ts';
import { isSynced } from './keys.ts';
import { nextProbe } from './probing.ts';
import { rotateAt } from './reviewer.ts';
import type { Work } from './work.ts';

/** Keys of the cluster are read this often: a new one should be in Vault before tokens are signed with it. */
const KEY_SYNC_SECONDS = 60;
/** What comes soon, such as the token in a Secret that was just made. */
const WAITING_SECONDS = 2;
/** No sooner than this, whatever is due (milliseconds). */
const SOONEST_MS = 1000;

/** Milliseconds until the next look; `before` is the status as it was just found. */
export function nextLook(work: Pick<Work, 'context' | 'backend' | 'before' | 'memory'>, isWaiting: boolean): number {
  const { context, backend, before } = work;
  const now = context.clock.now();
  const resync = resyncAfterMs(context.clock, backend.spec.resyncSeconds);
  const keys = isSynced(backend.spec) ? resyncAfterMs(context.clock, KEY_SYNC_SECONDS) : Infinity;
  const rotation =
    before.reviewer?.mode === 'Rotated' && before.reviewer.tokenHash !== undefined
      ? rotateAt(before.reviewer, work.memory.signingKey) - now
      : Infinity;
  const probe = backend.spec.probe.enabled && before.lastProbe !== undefined ? nextProbe(work) - now : Infinity;
  const soon = isWaiting ? resyncAfterMs(context.clock, Math.max(WAITING_SECONDS, waitedSeconds(work) / 2)) : Infinity;
  return Math.max(SOONEST_MS, Math.min(resync, keys, rotation, probe, soon));
}

/** How long it has been waiting: who waits long looks seldom. */
const waitedSeconds = ({ context, backend }: Pick<Work, 'context' | 'backend'>): number => {
  const since = backend.status?.conditions?.find(({ type, status }) => type === 'ReviewerHealthy' && status === 'False');
  return since ? (context.clock.now() - Date.parse(since.lastTransitionTime)) / 1000 : 0;
};
