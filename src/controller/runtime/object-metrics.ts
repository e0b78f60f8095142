// Objects counted for the metrics, when somebody asks.
import type { Condition } from '../../resources/condition.ts';
import { kinds } from '../../resources/kinds.ts';
import { roleResyncSeconds } from '../role/resync.ts';
import type { Stores } from './informers.ts';

interface Counted {
  readonly kind: string;
  readonly reason: string;
  readonly count: number;
}

/** Objects by kind and reason of Ready. */
export function objectCounts({ ours }: Stores): readonly Counted[] {
  return Object.values(kinds).flatMap(({ kind }) => {
    const counts = new Map<string, number>();
    for (const object of ours[kind].list()) {
      const reason = readyReason(object);
      counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
    return [...counts].map(([reason, count]) => ({ kind, reason, count }));
  });
}

/** Roles in Vault whose objects are gone, of each backend. */
export function tombstoneCounts({ ours }: Stores): readonly { readonly backend: string; readonly count: number }[] {
  return ours.VaultAuthBackend.list().map(({ metadata, status }) => ({
    backend: metadata.name,
    count: status?.pendingDeletions?.length ?? 0,
  }));
}

/** Seconds between two looks at a role of each backend. */
export function roleResyncs(
  { ours }: Stores,
  resyncFactor: number,
): readonly { readonly backend: string; readonly seconds: number }[] {
  const known = { endpoints: ours.VaultEndpoint, backends: ours.VaultAuthBackend };
  return known.backends
    .list()
    .map((backend) => ({ backend: backend.metadata.name, seconds: roleResyncSeconds(known, backend) * resyncFactor }));
}

interface Judged {
  readonly status?: { readonly conditions?: readonly Condition[] | undefined } | undefined;
}

/** The reason of the condition Ready: `Ready` where all is well, `Unknown` where nobody has looked yet. */
export function readyReason({ status }: Judged): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  if (!ready) return 'Unknown';
  return ready.status === 'True' ? 'Ready' : ready.reason;
}
