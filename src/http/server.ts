// The admission server: HTTPS, HTTP/1.1 only, every resource bounded, stopped without losing a review.
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import { createCompatMetrics } from '../observe/compat-metrics.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Handler } from './answer.ts';
import { bodyMemory } from './body.ts';
import { closeServer, drainServer } from './drain.ts';
import { inFlight } from './in-flight.ts';
import { DEFAULT_LIMITS, type ServerLimits } from './limits.ts';
import { connectionAge, httpOptions, type ListenAddress, listen } from './listener.ts';
import { metricsPage, statusPage } from './operations.ts';
import { readiness, type SelfDial, selfDial } from './readiness.ts';
import { reviewHandler, type AsyncReview } from './review-handler.ts';
import { createRouter, getOnly } from './router.ts';
import { type CertificateProvider, secureContextOptions, type TlsRules } from './tls-options.ts';

export interface AdmissionServerOptions {
  readonly listen: ListenAddress;
  readonly review: AsyncReview;
  /** Judges workloads; absent: their path is not served. */
  readonly reviewWorkload?: AsyncReview | undefined;
  readonly certificates: CertificateProvider;
  readonly metrics: Metrics;
  readonly log: Log;
  /** A reason outside of the server why this replica is not ready, such as caches that are not filled yet. */
  readonly notReady?: (() => string | undefined) | undefined;
  readonly tls?: TlsRules | undefined;
  readonly limits?: Partial<ServerLimits> | undefined;
  /** Serve as vault-k8s does: its methods, statuses and metrics, its health path and, when named, its telemetry path. */
  readonly compat?: { readonly telemetryPath?: string | undefined } | undefined;
}

export interface AdmissionServer {
  readonly port: number;
  /** Why this replica is not ready; empty when it is. */
  readonly reasons: () => readonly string[];
  /** Keeps serving until no more reviews arrive, then closes; `hurry` closes as soon as the responses in progress are written. */
  readonly drain: (hurry?: boolean) => Promise<void>;
}

/** Starts to listen. Until there is a certificate, handshakes fail and readiness reports it. Rejects when it cannot listen. */
export async function startAdmissionServer(options: AdmissionServerOptions): Promise<AdmissionServer> {
  const limits: ServerLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const { certificates, metrics, log } = options;
  let drained: Promise<void> | undefined;
  let lastRequest = performance.now();
  let dialer: SelfDial | undefined;
  const draining = (): boolean => drained !== undefined;

  const slots = inFlight(limits.maxInFlight, limits.slowRequestMs);
  const compat = options.compat && createCompatMetrics(metrics.registry, slots.count);
  const countResponse = connectionAge(limits);
  const ready = readiness({
    certificates,
    draining,
    dialProblem: () => dialer?.problem(),
    notReady: options.notReady ?? (() => undefined),
  });
  const reviewing = {
    inFlight: slots,
    memory: bodyMemory(limits),
    limits,
    metrics,
    log,
    compat,
    noteRequest(now: number) {
      lastRequest = now;
    },
    countResponse: ({ socket }: IncomingMessage, now: number) => countResponse(socket, now) || draining(),
  };
  const { review, reviewWorkload } = options;
  const routes = new Map([
    ['/mutate', reviewHandler({ ...reviewing, review })],
    ...(reviewWorkload ? [['/validate', reviewHandler({ ...reviewing, review: reviewWorkload })] as const] : []),
    ...compatRoutes(options, ready.alive, limits.lingerMs),
  ]);
  const router = createRouter(routes, { lingerMs: limits.lingerMs, rejected: metrics.rejected });
  const server = createServer(
    {
      ...secureContextOptions(certificates.current(), options.tls ?? {}),
      ...httpOptions(limits),
      // API servers call webhooks with HTTP/1.1; HTTP/2 would only add attack surface.
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: limits.handshakeMs,
    },
    router,
  );
  // A probe that opens the port and closes it is not a TLS error.
  server.on('tlsClientError', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ECONNRESET') metrics.tlsHandshakeFailed();
  });
  certificates.onChange((certificate) => {
    server.setSecureContext(secureContextOptions(certificate, options.tls ?? {}));
    log.info({ notAfter: certificate.notAfter.toISOString() }, 'serving certificate replaced');
    void dialer?.dial();
  });
  const port = await listen(server, options.listen, limits, metrics.rejected);
  dialer = selfDial({ host: dialHost(options.listen.host), port, certificates });

  metrics.watch({
    ready: () => ready.reasons().length === 0,
    inFlight: slots.count,
    draining,
    certificateEnd: () => certificates.current()?.notAfter,
    tlsProblem: () => certificates.problem() ?? dialer?.problem(),
  });
  await dialer.dial();
  return {
    port,
    reasons: ready.reasons,
    drain(hurry = false) {
      dialer?.stop();
      drained ??= hurry
        ? closeServer(server, limits.drainSettleMs)
        : drainServer({ server, times: limits, lastRequest: () => lastRequest });
      return drained;
    },
  };
}

/** The paths that vault-k8s serves on the same port, for the probes and scrapers of an installed chart. */
const compatRoutes = (
  { compat, metrics }: AdmissionServerOptions,
  alive: () => boolean,
  lingerMs: number,
): readonly [string, Handler][] => {
  if (!compat) return [];
  const routes: [string, Handler][] = [['/health/ready', statusPage(alive)]];
  if (compat.telemetryPath) routes.push([compat.telemetryPath, getOnly(metricsPage(metrics.registry), lingerMs)]);
  return routes;
};

/** An address at which a server that listens on `host` can be reached from the same machine. */
const dialHost = (host: string | undefined): string =>
  host === undefined || host === '' || host === '0.0.0.0' || host === '::' ? 'localhost' : host;
