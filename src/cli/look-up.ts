// The one case in which a review waits: its pod is to be injected, and its service account or namespace is so new that the watch
// has not told of it. Then the API server is asked for it once, within bounds, and the pod is reviewed again.
import type { Reply, Reviewer } from '../admission/review.ts';
import type { ServingReviewer } from '../http/review-handler.ts';
import type { MetadataInformer } from '../kube/metadata-informer.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Cluster } from './context.ts';

export interface LookingUp {
  /** Reads memory alone, and remembers what it was asked for in vain. */
  readonly cluster: Cluster;
  readonly reviewer: (reviewer: Reviewer) => ServingReviewer;
}

/** A look-up takes a few milliseconds; what takes longer is an API server in trouble, and the pod should not wait for that. */
const LONGEST_MS = 1000;
/** With less time than this there is no point in asking. */
const LEAST_MS = 50;
/** Of the time that the caller still waits, the rest is for the second review and the way back. */
const SHARE = 0.5;
/** A rollout into a new namespace asks for the same few; more at once is somebody who makes names up. */
const MOST = 20;
/** After a failure nothing is asked for so long: reviews go on with what is known. */
const PAUSE_MS = 5000;

/** Over the metadata of a cluster. Reviews that miss nothing are answered in the same turn of the event loop. */
export function lookingUp(
  metadata: Pick<MetadataInformer, 'namespace' | 'serviceAccount' | 'lookUp'>,
  metrics: Pick<Metrics, 'lookedUp'>,
): LookingUp {
  let missed: Missed = {};
  const underWay = new Map<string, Promise<void>>();
  let failedAt = -Infinity;

  /** Resolves when the answer is in memory, or it is clear that there will be none. */
  const ask = (namespace: string, account: string | undefined, timeoutMs: number): Promise<void> => {
    const key = `${namespace} ${account ?? ''}`;
    const same = underWay.get(key);
    if (same) return same;
    if (underWay.size >= MOST || performance.now() - failedAt < PAUSE_MS || timeoutMs < LEAST_MS) {
      metrics.lookedUp('unasked');
      return Promise.resolve();
    }
    const asked = metadata
      .lookUp(namespace, account, timeoutMs)
      .then(
        () => metrics.lookedUp('answered'),
        () => {
          failedAt = performance.now();
          metrics.lookedUp('failed');
        },
      )
      .finally(() => underWay.delete(key));
    underWay.set(key, asked);
    return asked;
  };

  return {
    cluster: {
      namespace: (name) => {
        const found = metadata.namespace(name);
        if (!found) missed = { ...missed, namespace: name };
        return found;
      },
      serviceAccount: (namespace, name) => {
        const found = metadata.serviceAccount(namespace, name);
        if (!found) missed = { ...missed, account: { namespace, name } };
        return found;
      },
    },
    reviewer: (reviewer) => (body, patienceMs) => {
      missed = {};
      const reply = reviewer(body);
      const { namespace, account } = missed;
      if (!isWorthAsking(reply, missed)) return reply;
      const timeoutMs = Math.min(LONGEST_MS, (patienceMs ?? Infinity) * SHARE);
      return Promise.all([
        account && ask(account.namespace, account.name, timeoutMs),
        namespace === undefined ? undefined : ask(namespace, undefined, timeoutMs),
      ]).then(() => reviewer(body));
    },
  };
}

/** What the last review asked for in vain. The service account is only asked for when the pod is to be injected. */
interface Missed {
  readonly namespace?: string;
  readonly account?: { readonly namespace: string; readonly name: string };
}

/**
 * Whether an answer could change the review: the pod is to be injected, or nobody asked for it as far as is known and its new
 * namespace may say otherwise.
 */
const isWorthAsking = ({ record }: Reply, { namespace, account }: Missed): boolean =>
  (account !== undefined && isName(account.namespace) && isName(account.name)) ||
  (isName(namespace) && (record?.reason === 'not-requested' || record?.decision !== 'skipped'));

/** Reviews come from the API server, but nothing proves it: what is no name of Kubernetes is not sent anywhere. */
const isName = (text: string | undefined): boolean => text !== undefined && /^[a-z0-9][-.a-z0-9]{0,252}$/.test(text);
