// What is told about each answered review: one line in the log, counts in the metrics. Only the fields of the record go
// there; nothing of the request does.
import type { Reply } from '../admission/review.ts';
import type { CompatMetrics } from '../observe/compat-metrics.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';

/** Called once per answered review with its answer, the time it took in milliseconds, and its size. */
export type Recorder = (reply: Reply, milliseconds: number, bytes: number) => void;

/** A recorder for this process. */
export function recorder(log: Log, metrics: Metrics, compat: CompatMetrics | undefined): Recorder {
  return ({ status, record }, milliseconds, bytes) => {
    if (!record) {
      metrics.rejected(status);
      log.warn({ status, bytes }, 'request refused');
      return;
    }
    metrics.reviewed(record.decision, record.reason, milliseconds / 1000, bytes);
    if (record.decision === 'injected') compat?.injected(record.namespace, record.injectionType ?? 'init_and_sidecar');
    if (record.decision === 'denied') compat?.denied(record.namespace);
    for (const { code, effect } of record.roleProblems ?? NONE) metrics.judged(code, effect);
    const fields = {
      uid: bounded(record.uid),
      namespace: bounded(record.namespace),
      name: bounded(record.name),
      owner: bounded(record.owner) || undefined,
      decision: record.decision,
      reason: record.reason,
      codes: record.codes.length > 0 ? record.codes.join(',') : undefined,
      dryRun: record.dryRun || undefined,
      durationMs: Math.round(milliseconds * 1000) / 1000,
    };
    if (record.decision === 'error') log.error(fields, 'review failed');
    else log.info(fields, 'review answered');
  };
}

const NONE: readonly never[] = [];

/** No name in Kubernetes is longer than 253; what is longer did not come from an API server. */
const bounded = (text: string): string => (text.length <= 300 ? text : `${text.slice(0, 300)}…`);

/** The frames of a stack without the message, which may quote what was sent. */
export function framesOf(error: unknown): string {
  return error instanceof Error ? `${error.name} ${(error.stack ?? '').split('\n').filter(isFrame).join('')}` : typeof error;
}

const isFrame = (line: string): boolean => /^\s+at /.test(line);
