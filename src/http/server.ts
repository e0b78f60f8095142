// The admission server: HTTPS, HTTP/1.1 only, everything bounded, stopping without loss.
import { createServer } from 'node:https';
import { createCompatMetrics } from '../observe/compat-metrics.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Handler } from './answer.ts';
import { bodyMemory } from './body-memory.ts';
import { type CertificateProvider, secureContextOptions, type TlsRules } from './certificate.ts';
import { connectionAge } from './connection-age.ts';
import { closeServer, drainServer } from './drain.ts';
import { inFlight } from './in-flight.ts';
import { DEFAULT_LIMITS, type ServerLimits } from './limits.ts';
import { httpOptions, type ListenAddress, listen } from './listener.ts';
import { metricsPage, statusPage } from './pages.ts';
import { readiness } from './readiness.ts';
import { recorder } from './record.ts';
import { reviewHandler, type ServingReviewer } from './review-handler.ts';
import { createRouter, getOnly } from './router.ts';
import { type SelfDial, selfDial } from './self-dial.ts';

export interface AdmissionServerOptions {
  readonly listen: ListenAddress;
  readonly reviewer: ServingReviewer;
  readonly certificates: CertificateProvider;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Why reviews should go elsewhere for now, besides what the server itself knows. */
  readonly hindrance?: (() => string | undefined) | undefined;
  readonly tls?: TlsRules | undefined;
  readonly limits?: Partial<ServerLimits> | undefined;
  /** Serve as vault-k8s does: its methods, statuses and metrics, its health path and, when named, its telemetry path. */
  readonly compat?: { readonly telemetryPath?: string | undefined } | undefined;
}

export interface AdmissionServer {
  readonly port: number;
  /** Why this replica should get no reviews; empty when it should. */
  readonly reasons: () => readonly string[];
  /** Serves on until connections and newcomers have ebbed away, then closes; `hurry` closes as soon as answers are out. */
  readonly drain: (hurry?: boolean) => Promise<void>;
}

/** Starts to listen. Until there is a certificate, handshakes fail and readiness says why. Rejects when it cannot listen. */
export async function startAdmissionServer(options: AdmissionServerOptions): Promise<AdmissionServer> {
  const limits: ServerLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const { certificates, metrics, log } = options;
  let drained: Promise<void> | undefined;
  let lastRequest = performance.now();
  let dialler: SelfDial | undefined;
  const draining = (): boolean => drained !== undefined;

  const flights = inFlight(limits.maxInFlight, limits.slowRequestMs);
  const compat = options.compat && createCompatMetrics(metrics.registry, flights.count);
  const aged = connectionAge(limits);
  const ready = readiness({
    certificates,
    draining,
    dialProblem: () => dialler?.problem(),
    hindrance: options.hindrance ?? (() => undefined),
  });
  const review = reviewHandler({
    reviewer: options.reviewer,
    inFlight: flights,
    memory: bodyMemory(limits),
    limits,
    metrics,
    log,
    record: recorder(log, metrics, compat),
    compat: options.compat !== undefined,
    lastAnswer(request, now) {
      lastRequest = now;
      return aged(request.socket, now) || draining();
    },
    finished: (milliseconds) => compat?.processed(milliseconds),
  });
  const routes = new Map([['/mutate', review], ...compatRoutes(options, ready.alive, limits.lingerMs)]);
  const router = createRouter(routes, { lingerMs: limits.lingerMs, rejected: metrics.rejected });
  const server = createServer(
    {
      ...secureContextOptions(certificates.current(), options.tls ?? {}),
      ...httpOptions(limits),
      // What API servers speak to webhooks; HTTP/2 would only be more to attack.
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: limits.handshakeMs,
    },
    router,
  );
  // Not those that only hung up: probes that open a port and leave are no problem of TLS.
  server.on('tlsClientError', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ECONNRESET') metrics.tlsHandshakeFailed();
  });
  certificates.onChange((certificate) => {
    server.setSecureContext(secureContextOptions(certificate, options.tls ?? {}));
    log.info({ notAfter: certificate.notAfter.toISOString() }, 'new connections get the new certificate');
    void dialler?.dial();
  });
  const port = await listen(server, options.listen, limits, metrics.rejected);
  dialler = selfDial({ host: dialHost(options.listen.host), port, certificates });

  metrics.watch({
    inFlight: flights.count,
    draining,
    certificateEnd: () => certificates.current()?.notAfter,
    tlsProblem: () => certificates.problem() ?? dialler?.problem(),
  });
  await dialler.dial();
  return {
    port,
    reasons: ready.reasons,
    drain(hurry = false) {
      dialler?.stop();
      drained ??= hurry
        ? closeServer(server, limits.drainSettleMs)
        : drainServer({ server, times: limits, lastRequest: () => lastRequest });
      return drained;
    },
  };
}

/** The paths that vault-k8s has on the same port, for the probes and scrapers of an installed chart. */
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
