// What the webhook reports about pods beyond its answers: Events on their owners, and the pods that it was not asked about.
import { hostname } from 'node:os';
import type { AdmissionContext } from '../admission/admit.ts';
import type { AsyncReview } from '../http/review-handler.ts';
import { startMissedPods } from '../cluster/missed-pods.ts';
import { withPodEvents } from '../cluster/pod-events.ts';
import { eventRecorder } from '../kube/events.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { GROUP } from '../resources/kinds.ts';
import type { Settings } from '../settings/read.ts';
import type { ApiAccess } from './api-access.ts';

interface PodReportsOptions {
  readonly settings: Pick<Settings, 'events' | 'missedPods' | 'missedPodsInterval'>;
  readonly api: ApiAccess;
  /** The name of this pod, or empty. */
  readonly podName: string;
  readonly metrics: Metrics;
  readonly log: Log;
}

export interface PodReports {
  /** The review, with Events if they are enabled. */
  readonly withEvents: (review: AsyncReview) => AsyncReview;
  /** Starts the search for missed pods, if it is enabled. */
  readonly search: (context: () => AdmissionContext, isReady: () => boolean) => void;
  readonly close: () => Promise<void>;
}

/** Whether settings request any report. */
export function requestsReports({ events, missedPods }: PodReportsOptions['settings']): boolean {
  return events || missedPods !== 'off';
}

/** Throws a message for the operator when no API server is configured. */
export async function startPodReports(options: PodReportsOptions): Promise<PodReports> {
  const { settings, api, podName, metrics, log } = options;
  const { client } = await api.get();
  let hasFailed = false;
  const recorder = eventRecorder({
    client,
    controller: `${GROUP}/webhook`,
    instance: podName || hostname(),
    onProblem: (problem) => {
      metrics.eventUnwritten();
      // Once: without the right, each Event fails.
      if (!hasFailed) log.warn({ problem }, 'Event not written; later ones are only counted');
      hasFailed = true;
    },
  });
  const closing: (() => Promise<void>)[] = [recorder.close];
  return {
    withEvents: (review) => (settings.events ? withPodEvents(review, recorder) : review),
    search: (context, isReady) => {
      if (settings.missedPods === 'off') return;
      const { missedPods, missedPodsInterval: intervalMs } = settings;
      const search = startMissedPods({
        client,
        context,
        isReady,
        recorder,
        evict: missedPods === 'evict',
        intervalMs,
        metrics,
        log,
      });
      closing.unshift(search.close);
    },
    close: async () => {
      for (const close of closing) await close();
    },
  };
}
