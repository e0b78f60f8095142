// A connection to the own TLS port, as a client would make one, in the background: a probe then only reads its outcome.
import { connect } from 'node:tls';
import { type CertificateProvider, fingerprintOf } from './certificate.ts';

export interface SelfDialOptions {
  readonly host: string;
  readonly port: number;
  readonly certificates: CertificateProvider;
  readonly everyMs?: number;
}

export interface SelfDial {
  /** Why the last dial failed, in words; undefined when it succeeded. */
  problem(): string | undefined;
  /** Dials now and resolves when the outcome is known. */
  dial(): Promise<void>;
  stop(): void;
}

/** Dials every 10 s, after a failure every second, until stopped. */
export function selfDial({ host, port, certificates, everyMs = EVERY_MS }: SelfDialOptions): SelfDial {
  let outcome: string | undefined = 'the own TLS port has not been dialled yet';
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const dial = async (): Promise<void> => {
    clearTimeout(timer);
    const expected = certificates.current();
    outcome = expected && (await dialOnce(host, port, fingerprintOf(expected)));
    if (!stopped) timer = setTimeout(() => void dial(), outcome === undefined ? everyMs : Math.min(everyMs, RETRY_MS)).unref();
  };
  return {
    problem: () => outcome,
    dial,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

const EVERY_MS = 10_000;
const RETRY_MS = 1000;
const TIMEOUT_MS = 2000;

const dialOnce = (host: string, port: number, fingerprint: string): Promise<string | undefined> =>
  new Promise((resolve) => {
    // Not cut at once: the server should see a whole handshake, and no client that broke one off.
    const end = (problem: string | undefined): void => {
      socket.end();
      clearTimeout(timer);
      resolve(problem);
    };
    const timer = setTimeout(() => {
      socket.destroy();
      end(`a TLS connection to the own port did not complete in ${TIMEOUT_MS} ms`);
    }, TIMEOUT_MS);
    // Nothing is sent. Whether the certificate is the one that should be served is all that is asked of it.
    const socket = connect({ host, port, rejectUnauthorized: false }, () => {
      const served = socket.getPeerX509Certificate()?.fingerprint256;
      end(served === fingerprint ? undefined : 'the TLS port shows another certificate than the current one');
    });
    socket.on('error', (error: NodeJS.ErrnoException) =>
      end(`a TLS connection to the own port failed: ${error.code ?? error.message}`),
    );
  });
