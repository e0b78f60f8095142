// Counts of objects for the metrics, taken at each scrape.
import type { Condition } from '../../resources/condition.ts';
import { kinds } from '../../resources/kinds.ts';
import type { FailingCondition } from '../../observe/controller-metrics.ts';
import { roleResyncSeconds } from '../role/resync.ts';
import type { Informers } from './informers.ts';

interface Counted {
  readonly kind: string;
  readonly reason: string;
  readonly count: number;
}

/** Objects by kind and reason of Ready. */
export function objectCounts({ objects }: Pick<Informers, 'objects'>): readonly Counted[] {
  return Object.values(kinds).flatMap(({ kind }) => {
    const counts = new Map<string, number>();
    for (const object of objects[kind].list()) {
      const reason = readyReason(object);
      counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
    return [...counts].map(([reason, count]) => ({ kind, reason, count }));
  });
}

/** Ready summarises the others; Deletable is False while an object is in use. */
const NO_FAILURE: ReadonlySet<string> = new Set(['Ready', 'Deletable']);

/** Conditions that are False, except for the summary Ready, of the kinds that only the platform team writes. */
export function failingConditions({ objects }: Pick<Informers, 'objects'>): readonly FailingCondition[] {
  return [...objects.VaultEndpoint.list(), ...objects.VaultAuthBackend.list()].flatMap(({ kind, metadata, status }) =>
    (status?.conditions ?? [])
      .filter(({ type, status: value }) => value === 'False' && !NO_FAILURE.has(type))
      .map(({ type, reason }) => ({ kind, name: metadata.name, type, reason })),
  );
}

/** Pending deletions by backend. */
export function pendingDeletionCounts({
  objects,
}: Pick<Informers, 'objects'>): readonly { readonly backend: string; readonly count: number }[] {
  return objects.VaultAuthBackend.list().map(({ metadata, status }) => ({
    backend: metadata.name,
    count: status?.pendingDeletions?.length ?? 0,
  }));
}

/** Seconds between two resyncs of a role, by backend. */
export function roleResyncs(
  { objects }: Pick<Informers, 'objects'>,
  resyncFactor: number,
): readonly { readonly backend: string; readonly seconds: number }[] {
  const listers = { endpoints: objects.VaultEndpoint, backends: objects.VaultAuthBackend };
  return listers.backends
    .list()
    .map((backend) => ({ backend: backend.metadata.name, seconds: roleResyncSeconds(listers, backend) * resyncFactor }));
}

interface WithConditions {
  readonly status?: { readonly conditions?: readonly Condition[] | undefined } | undefined;
}

/** The reason of the condition Ready; `Ready` if it is True, `Unknown` if the object has not been reconciled yet. */
export function readyReason({ status }: WithConditions): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  if (!ready) return 'Unknown';
  return ready.status === 'True' ? 'Ready' : ready.reason;
}
