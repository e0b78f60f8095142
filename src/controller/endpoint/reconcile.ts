// Reconciles one VaultEndpoint: connects to the server, logs in, and registers for the other reconcilers whether it is ready.
import { type ConditionUpdate, readyCondition } from '../../resources/condition.ts';
import type { EndpointConditionUpdate, VaultEndpoint, VaultEndpointStatus } from '../../resources/endpoint.ts';
import { vaultClient } from '../../vault/client.ts';
import { vaultSession } from '../../vault/session.ts';
import { type ControllerContext, type ReconcileResult, resyncAfterMs } from '../runtime/context.ts';
import { emitReadyEvent, type ObjectResult, reportStatus, retryAfter } from '../runtime/report-status.ts';
import type { VaultConnection } from '../runtime/vault-registry.ts';
import { deletable } from './conditions.ts';
import { type Credentials, readCredentials } from './credentials.ts';
import { observeRights, observeServer, type ServerObservation } from './check-server.ts';

type EndpointResult = ObjectResult<EndpointConditionUpdate, VaultEndpointStatus>;

/** Resync of a server that is ready; a failed request of another reconciler shows an outage sooner. */
const RESYNC_SECONDS = 30;
const MIN_RETRY_MS = 1000;
const USER_AGENT = 'vault-auth-injector-controller';

/** Conditions that do not make the endpoint unusable. */
const NOT_PART_OF_READY = ['Authorized', 'Deletable'];

/** The reconciler. A server that is not ready is retried with back-off. */
export async function reconcileEndpoint(
  context: ControllerContext,
  name: string,
  endpoint: VaultEndpoint | undefined,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  if (!endpoint) return forget(context, name);
  const referrers = referrersOf(context, name);
  const isDeleting = endpoint.metadata.deletionTimestamp !== undefined;
  if (referrers.length === 0) {
    await context.kube.removeFinalizer('VaultEndpoint', endpoint);
    if (isDeleting) return forget(context, name);
  } else if (!isDeleting) await context.kube.addFinalizer('VaultEndpoint', endpoint);

  const gathered = await gather(context, name, endpoint, signal);
  const result = planStatus(context, endpoint, gathered, isDeleting ? referrers : []);
  const ready = readyCondition(result.conditions, NOT_PART_OF_READY);
  // Not reported yet: the queue retries, and the last status stays.
  if (isTransient(context.vault.registry.get(name).state, gathered)) throw new Error(ready.message);
  register(context, name, endpoint, gathered, ready);
  report(context, name, endpoint, gathered, ready);
  return reportStatus(context, 'VaultEndpoint', endpoint, result, NOT_PART_OF_READY);
}

interface Gathered {
  readonly credentials: Credentials;
  readonly connection: VaultConnection;
  readonly server: ServerObservation;
  readonly rights: EndpointConditionUpdate;
}

/** Reads the credentials in the cluster, and asks the server with them. */
const gather = async (
  context: ControllerContext,
  name: string,
  endpoint: VaultEndpoint,
  signal: AbortSignal,
): Promise<Gathered> => {
  const credentials = await readCredentials(context.kube, endpoint.spec, signal);
  const connection = connect(context, name, endpoint, credentials);
  const server = await observeServer(endpoint.spec, credentials, connection, context.clock.now(), signal);
  const rights = await observeRights(context, endpoint, server.token ? connection.session : undefined, signal);
  return { credentials, connection, server, rights };
};

const connect = (
  { vault, report: { metrics }, clock }: ControllerContext,
  name: string,
  { spec }: VaultEndpoint,
  credentials: Credentials,
): VaultConnection =>
  vault.registry.connect(name, credentials.identity, () => {
    const { requestsPerSecond, burst, maxInFlight, timeoutSeconds } = spec.limits;
    const client = vaultClient({
      address: spec.address,
      namespace: spec.namespace,
      tls: credentials.tls,
      limits: { requestsPerSecond, burst, maxInFlight, timeoutMs: timeoutSeconds * 1000 },
      userAgent: USER_AGENT,
      // A request can wait long for its turn: the fence of the caller may be outdated by then.
      fence: vault.fence,
      observe: (operation, status, milliseconds) => metrics.vaultRequest(name, operation, status, milliseconds),
    });
    return { client, session: vaultSession({ client, login: credentials.login, now: clock.now }) };
  });

/** Conditions, status and requeue for what was observed. What is unknown at present keeps its last value. */
const planStatus = (
  { clock, rollouts }: ControllerContext,
  { status: previous }: VaultEndpoint,
  { credentials, server, rights }: Gathered,
  blockers: readonly string[],
): EndpointResult => {
  const { health, capabilities, token } = server;
  const conditions: readonly EndpointConditionUpdate[] = [
    ...server.conditions,
    rights,
    ...(blockers.length > 0 ? [deletable('InUse', `In use by ${shortList(blockers)}: delete those first.`)] : []),
  ];
  const isReady = readyCondition(conditions, NOT_PART_OF_READY).status === 'True';
  const { retryAfterMs } = server;
  return {
    conditions,
    status: withoutUndefined({
      product: health?.product ?? previous?.product,
      version: health?.version ?? previous?.version,
      clusterID: health?.clusterID ?? previous?.clusterID,
      sealed: health?.sealed ?? previous?.sealed,
      capabilities: capabilities ?? previous?.capabilities,
      rollouts: rollouts !== undefined,
      workloadCA: credentials.workloadCA,
      lastContactTime: health ? new Date(clock.now()).toISOString() : previous?.lastContactTime,
      tokenExpiresAt: token?.expiresAt === undefined ? undefined : new Date(token.expiresAt).toISOString(),
    }),
    next: isReady
      ? { afterMs: resyncAfterMs(clock, RESYNC_SECONDS) }
      : retryAfter(retryAfterMs === undefined ? undefined : Math.max(MIN_RETRY_MS, retryAfterMs)),
  };
};

const withoutUndefined = <T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is left has just been filtered
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

/** Failed attempts in a row to reach a server that was ready. */
const failedAttempts = new WeakMap<VaultConnection, number>();
const MAX_FAILED_ATTEMPTS = 3;
const TRANSIENT: ReadonlySet<string> = new Set(['ConnectionFailed', 'Timeout', 'ServerError', 'RateLimited']);

/**
 * Whether a failure may be over in a moment, as in a restart of the server. It is reported only after several attempts: otherwise
 * each object of the endpoint would be reconciled, only to be reconciled again.
 */
const isTransient = (state: 'ready' | 'notReady', { connection, server }: Gathered): boolean => {
  const hasFailed = server.conditions.some(({ type, reason }) => type === 'Reachable' && TRANSIENT.has(reason));
  const attempts = hasFailed ? (failedAttempts.get(connection) ?? 0) + 1 : 0;
  failedAttempts.set(connection, attempts);
  return state === 'ready' && hasFailed && attempts < MAX_FAILED_ATTEMPTS;
};

const register = (
  { vault }: ControllerContext,
  name: string,
  endpoint: VaultEndpoint,
  { connection: { client, session }, server: { health, capabilities } }: Gathered,
  { status, reason, message }: ConditionUpdate,
): void =>
  vault.registry.set(
    name,
    status === 'True' && health
      ? {
          state: 'ready',
          client,
          session,
          product: health.product,
          clusterID: health.clusterID ?? endpoint.status?.clusterID ?? '',
          capabilities: capabilities ?? [],
        }
      : { state: 'notReady', reason, message },
  );

const report = (
  context: ControllerContext,
  name: string,
  endpoint: VaultEndpoint,
  { credentials, server }: Gathered,
  ready: ConditionUpdate,
): void => {
  const { metrics, emitEvent } = context.report;
  metrics.expires('token', name, server.token?.expiresAt);
  metrics.expires('client_certificate', name, credentials.certificateExpiresAt);
  emitReadyEvent(context, endpoint, ready);
  const [before, now] = [endpoint.status?.clusterID, server.health?.clusterID];
  if (before !== undefined && now !== undefined && before !== now)
    emitEvent(
      endpoint,
      'Warning',
      'ClusterChanged',
      `Another cluster answers at ${endpoint.spec.address}: ${now} instead of ${before}. The controller deletes nothing here that it created in the previous cluster.`,
    );
};

/** Backends and policies that refer to an endpoint. */
const referrersOf = ({ listers: { backends, policies } }: ControllerContext, endpoint: string): readonly string[] => [
  ...backends
    .list()
    .filter(({ spec }) => spec.endpointRef.name === endpoint)
    .map(({ metadata }) => `VaultAuthBackend ${metadata.name}`),
  ...policies
    .list()
    .filter(({ spec }) => spec.endpointRef.name === endpoint)
    .map(({ metadata }) => `VaultACLPolicy ${metadata.name}`),
];

const MAX_LISTED = 10;
const shortList = (referrers: readonly string[]): string =>
  referrers.length > MAX_LISTED
    ? `${referrers.slice(0, MAX_LISTED).join(', ')} and ${referrers.length - MAX_LISTED} more`
    : referrers.join(', ');

const forget = ({ vault, report: { metrics } }: ControllerContext, name: string): ReconcileResult => {
  vault.registry.remove(name);
  metrics.expires('token', name, undefined);
  metrics.expires('client_certificate', name, undefined);
  return {};
};
