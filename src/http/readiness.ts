// Whether this replica should get reviews, and in words why not.
import type { CertificateProvider } from './certificate.ts';

export interface ReadinessOptions {
  readonly certificates: CertificateProvider;
  readonly draining: () => boolean;
  readonly dialProblem: () => string | undefined;
  /** A reason of another part. */
  readonly hindrance: () => string | undefined;
}

export interface Readiness {
  /** All reasons against it; empty when ready. */
  readonly reasons: () => readonly string[];
  /**
   * For a path that serves as liveness probe too, as in the chart of vault-k8s: false until ready for the first time,
   * while draining, and when the certificate has ended. Not for problems that a restart of the container cannot mend.
   */
  readonly alive: () => boolean;
}

/** Reads memory only, so it may be asked as often as one likes. */
export function readiness({ certificates, draining, dialProblem, hindrance }: ReadinessOptions): Readiness {
  let wasReady = false;
  const certificateProblem = (): string | undefined => {
    const end = certificates.current()?.notAfter;
    if (!end) return 'no certificate has been loaded yet';
    return end.getTime() <= Date.now() ? `the certificate ended at ${end.toISOString()}` : undefined;
  };
  const reasons = (): readonly string[] => {
    const all = [
      draining() ? 'the server is draining' : undefined,
      certificateProblem(),
      certificates.problem(),
      dialProblem(),
      hindrance(),
    ];
    const present = all.filter((reason) => reason !== undefined);
    wasReady ||= present.length === 0;
    return present;
  };
  return {
    reasons,
    alive: () => (wasReady || reasons().length === 0) && !draining() && certificateProblem() === undefined,
  };
}
