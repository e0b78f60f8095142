// Whether this replica is ready for reviews, and the reasons why not. One of them is a TLS connection to its own port, made in
// the background as a client would make it, so that a probe only reads the result.
import { connect } from 'node:tls';
import { type CertificateProvider, fingerprintOf } from './tls-options.ts';

export interface ReadinessOptions {
  readonly certificates: CertificateProvider;
  readonly draining: () => boolean;
  readonly dialProblem: () => string | undefined;
  /** A reason outside of the server, such as caches that are not filled yet. */
  readonly notReady: () => string | undefined;
}

export interface Readiness {
  /** Empty when ready. */
  readonly reasons: () => readonly string[];
  /**
   * For a path that is also the liveness probe, as in the chart of vault-k8s: false until ready for the first time,
   * while draining, and when the certificate has expired. Problems that a restart cannot fix do not make it false.
   */
  readonly alive: () => boolean;
}

/** Reads memory only, so that any number of probes is cheap. */
export function readiness({ certificates, draining, dialProblem, notReady }: ReadinessOptions): Readiness {
  let wasReady = false;
  const certificateProblem = (): string | undefined => {
    const end = certificates.current()?.notAfter;
    if (!end) return 'no certificate has been loaded yet';
    return end.getTime() <= Date.now() ? `the certificate expired at ${end.toISOString()}` : undefined;
  };
  const reasons = (): readonly string[] => {
    const all = [
      draining() ? 'the server is draining' : undefined,
      certificateProblem(),
      certificates.problem(),
      dialProblem(),
      notReady(),
    ];
    // A missing configuration is a reason of the certificate and of the registration.
    const present = [...new Set(all.filter((reason) => reason !== undefined))];
    wasReady ||= present.length === 0;
    return present;
  };
  return {
    reasons,
    alive: () => (wasReady || reasons().length === 0) && !draining() && certificateProblem() === undefined,
  };
}

export interface SelfDialOptions {
  readonly host: string;
  readonly port: number;
  readonly certificates: CertificateProvider;
  readonly everyMs?: number;
}

export interface SelfDial {
  /** Why the last connection failed; undefined when it succeeded. */
  problem(): string | undefined;
  /** Connects now; resolves when the result is known. */
  dial(): Promise<void>;
  stop(): void;
}

/** Connects every 10 s, after a failure every second, until stopped. */
export function selfDial({ host, port, certificates, everyMs = EVERY_MS }: SelfDialOptions): SelfDial {
  let problem: string | undefined = 'the TLS port of this replica has not been checked yet';
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const dial = async (): Promise<void> => {
    clearTimeout(timer);
    const expected = certificates.current();
    problem = expected && (await dialOnce(host, port, fingerprintOf(expected)));
    if (!stopped) timer = setTimeout(() => void dial(), problem === undefined ? everyMs : Math.min(everyMs, RETRY_MS)).unref();
  };
  return {
    problem: () => problem,
    dial,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

const EVERY_MS = 10_000;
const RETRY_MS = 1000;
const DIAL_TIMEOUT_MS = 2000;

const dialOnce = (host: string, port: number, fingerprint: string): Promise<string | undefined> =>
  new Promise((resolve) => {
    // Not destroyed: the server would count a handshake that the client broke off.
    const end = (result: string | undefined): void => {
      socket.end();
      clearTimeout(timer);
      resolve(result);
    };
    const timer = setTimeout(() => {
      socket.destroy();
      end(`a TLS connection to the TLS port of this replica did not complete in ${DIAL_TIMEOUT_MS} ms`);
    }, DIAL_TIMEOUT_MS);
    // Nothing is sent: only the served certificate is compared with the current one.
    const socket = connect({ host, port, rejectUnauthorized: false }, () => {
      const served = socket.getPeerX509Certificate()?.fingerprint256;
      end(served === fingerprint ? undefined : 'the TLS port serves another certificate than the current one');
    });
    socket.on('error', (error: NodeJS.ErrnoException) =>
      end(`a TLS connection to the TLS port of this replica failed: ${error.code ?? error.message}`),
    );
  });
