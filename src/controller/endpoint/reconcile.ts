// Keeps the connection of one VaultEndpoint, and says in its status and to the other reconcilers whether it can be worked with.
import { mergeConditions, readyCondition } from '../../resources/condition.ts';
import type { EndpointConditionUpdate, VaultEndpoint, VaultEndpointStatus } from '../../resources/endpoint.ts';
import { vaultClient } from '../../vault/client.ts';
import { vaultSession } from '../../vault/session.ts';
import { type ControllerContext, type Reconcile, resyncAfterMs } from '../runtime/context.ts';
import type { VaultConnection } from '../runtime/vault-registry.ts';
import { deletable } from './conditions.ts';
import { gatherMaterial, type Material } from './credentials.ts';
import { lookAt, type View } from './observe.ts';
import { rightsFinding } from './rights.ts';

/** A server that works is looked at this often; whoever works with it notices sooner when it does not. */
const RESYNC_SECONDS = 30;
const USER_AGENT = 'vault-auth-injector-controller';

/** Conditions that are told and do not make the endpoint unusable. */
const APART = ['Authorized', 'Deletable'];

/** The reconciler. A server that cannot be worked with is in the status, and is tried again with growing waits. */
export const reconcileEndpoint: Reconcile<VaultEndpoint> = async (context, name, endpoint, signal) => {
  if (!endpoint) return forget(context, name);
  const users = usersOf(context, name);
  const isDeleting = endpoint.metadata.deletionTimestamp !== undefined;
  if (users.length === 0) {
    await context.kube.removeFinalizer('VaultEndpoint', endpoint);
    if (isDeleting) return forget(context, name);
  } else if (!isDeleting) await context.kube.addFinalizer('VaultEndpoint', endpoint);

  const material = await gatherMaterial(context.kube, endpoint.spec, signal);
  const connection = connect(context, name, endpoint, material);
  const view = await lookAt(endpoint.spec, material, connection, context.clock.now(), signal);
  const findings: readonly EndpointConditionUpdate[] = [
    ...view.findings,
    await rightsFinding(context, endpoint, view.token ? connection.session : undefined, signal),
    ...(isDeleting ? [deletable('InUse', `In use by ${listed(users)}: delete those first.`)] : []),
  ];
  const ready = readyCondition(findings, APART);
  if (isBlip(context.vault.registry.get(name).state, connection, view)) throw new Error(ready.message);
  register(context, name, endpoint, connection, view, ready);
  tellChanges(context, endpoint, view, ready);
  context.report.metrics.expires('token', name, view.token?.expiresAt);
  context.report.metrics.expires('client_certificate', name, material.certificateEndsAt);
  await context.kube.writeStatus(
    'VaultEndpoint',
    endpoint,
    statusOf(context, endpoint, view, material.workloadCA, [...findings, ready]),
  );

  if (ready.status === 'True') return { requeueAfterMs: resyncAfterMs(context.clock, RESYNC_SECONDS) };
  if (view.retryAfterMs !== undefined) return { requeueAfterMs: Math.max(1000, view.retryAfterMs) };
  throw new Error(ready.message);
};

/** How often in a row a working server was not reached. */
const misses = new WeakMap<VaultConnection, number>();
const MISSES = 3;
const FLEETING: ReadonlySet<string> = new Set(['ConnectionFailed', 'Timeout', 'ServerError', 'RateLimited']);

/**
 * Whether this may be over in a moment, as when a server is restarted. It is not told before it has lasted for some looks: each
 * object that depends on the endpoint would have to be told, and told again when it is over.
 */
const isBlip = (state: 'ready' | 'notReady', connection: VaultConnection, { findings }: View): boolean => {
  const isFleeting = findings.some(({ type, reason }) => type === 'Reachable' && FLEETING.has(reason));
  const count = isFleeting ? (misses.get(connection) ?? 0) + 1 : 0;
  misses.set(connection, count);
  return state === 'ready' && isFleeting && count < MISSES;
};

/** Backends and policies that refer to an endpoint, in words. */
const usersOf = ({ listers: { backends, policies } }: ControllerContext, endpoint: string): readonly string[] => [
  ...backends
    .list()
    .filter(({ spec }) => spec.endpointRef.name === endpoint)
    .map(({ metadata }) => `VaultAuthBackend ${metadata.name}`),
  ...policies
    .list()
    .filter(({ spec }) => spec.endpointRef.name === endpoint)
    .map(({ metadata }) => `VaultACLPolicy ${metadata.name}`),
];

const listed = (users: readonly string[]): string =>
  users.length > MOST_LISTED
    ? `${users.slice(0, MOST_LISTED).join(', ')} and ${users.length - MOST_LISTED} more`
    : users.join(', ');
const MOST_LISTED = 10;

const forget = (context: ControllerContext, name: string): Record<string, never> => {
  context.vault.registry.remove(name);
  context.report.metrics.expires('token', name, undefined);
  context.report.metrics.expires('client_certificate', name, undefined);
  return {};
};

const connect = (context: ControllerContext, name: string, { spec }: VaultEndpoint, material: Material): VaultConnection =>
  context.vault.registry.connect(name, material.identity, () => {
    const { requestsPerSecond, burst, maxInFlight, timeoutSeconds } = spec.limits;
    const client = vaultClient({
      address: spec.address,
      namespace: spec.namespace,
      tls: material.tls,
      limits: { requestsPerSecond, burst, maxInFlight, timeoutMs: timeoutSeconds * 1000 },
      userAgent: USER_AGENT,
      // Who asks has looked too, but many may be before him.
      fence: context.vault.fence,
      observe: (operation, status, milliseconds) => context.report.metrics.vaultRequest(name, operation, status, milliseconds),
    });
    return { client, session: vaultSession({ client, login: material.login, now: context.clock.now }) };
  });

const register = (
  context: ControllerContext,
  name: string,
  endpoint: VaultEndpoint,
  { client, session }: VaultConnection,
  { health, capabilities }: View,
  { status, reason, message }: Pick<EndpointConditionUpdate, 'status' | 'message'> & { readonly reason: string },
): void =>
  context.vault.registry.set(
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

/** Events where something turned: people look at events, and a status shows only the last of it. */
const tellChanges = (
  context: ControllerContext,
  endpoint: VaultEndpoint,
  { health }: View,
  ready: { readonly status: string; readonly reason: string; readonly message: string },
): void => {
  const before = endpoint.status?.conditions?.find(({ type }) => type === 'Ready');
  if (before?.status !== ready.status)
    context.report.emitEvent(endpoint, ready.status === 'True' ? 'Normal' : 'Warning', ready.reason, ready.message);
  const [old, now] = [endpoint.status?.clusterID, health?.clusterID];
  if (old !== undefined && now !== undefined && old !== now)
    context.report.emitEvent(
      endpoint,
      'Warning',
      'ClusterChanged',
      `Another cluster answers at ${endpoint.spec.address}: ${now} where there was ${old}. What was made in the old one is not deleted in this one.`,
    );
};

/** What is not known at present stays as it was last known. */
const statusOf = (
  { clock: { now } }: ControllerContext,
  { status: before, metadata: { generation } }: VaultEndpoint,
  { health, capabilities, token }: View,
  workloadCA: string | undefined,
  findings: Parameters<typeof mergeConditions>[1],
): VaultEndpointStatus => {
  const time = new Date(now()).toISOString();
  const known = {
    product: health?.product ?? before?.product,
    version: health?.version ?? before?.version,
    clusterID: health?.clusterID ?? before?.clusterID,
    sealed: health?.sealed ?? before?.sealed,
    capabilities: capabilities ?? before?.capabilities,
    workloadCA,
    lastContactTime: health ? time : before?.lastContactTime,
    tokenExpiresAt: token?.expiresAt === undefined ? undefined : new Date(token.expiresAt).toISOString(),
  };
  return {
    observedGeneration: generation,
    conditions: mergeConditions(before?.conditions ?? [], findings, generation, time),
    ...withoutUndefined(known),
  };
};

const withoutUndefined = <T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is left has just been filtered
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
