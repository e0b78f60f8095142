// An admission server in the test's own process: certificates, a certificate provider that can change, a stub review.
import type { Reply, Review } from '../../src/admission/review.ts';
import type { ServedCertificate } from '../../src/http/tls-options.ts';
import type { ServerLimits } from '../../src/http/limits.ts';
import { type AdmissionServer, type AdmissionServerOptions, startAdmissionServer } from '../../src/http/server.ts';
import { createLog, type LogLevel } from '../../src/observe/log.ts';
import { createMetrics, type Metrics } from '../../src/observe/metrics.ts';
import { issueCa, issueLeaf } from '../../src/tls/issue.ts';

const HOUR = 3_600_000;
const notBefore = new Date(Date.now() - HOUR);
const ca = issueCa({ commonName: 'test CA', notBefore, notAfter: new Date(Date.now() + 24 * HOUR) });

/** A PEM certificate that clients of these servers trust. */
export const trusted = ca.certificate;

/** A certificate for localhost and 127.0.0.1. */
export function issue(notAfter = new Date(Date.now() + HOUR)): ServedCertificate {
  const names = { commonName: 'test', dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] };
  return { ...issueLeaf({ ...names, ca, notBefore, notAfter, usages: ['server'] }), notAfter };
}

export interface ChangingCertificates {
  current(): ServedCertificate | undefined;
  onChange(listener: (certificate: ServedCertificate) => void): void;
  problem(): string | undefined;
  replace(certificate: ServedCertificate): void;
  setProblem(problem: string | undefined): void;
}

export function changingCertificates(first?: ServedCertificate): ChangingCertificates {
  let current = first;
  let problem: string | undefined;
  const listeners: ((certificate: ServedCertificate) => void)[] = [];
  return {
    current: () => current,
    onChange: (listener) => void listeners.push(listener),
    problem: () => problem,
    replace(certificate) {
      current = certificate;
      for (const listener of listeners) listener(certificate);
    },
    setProblem: (text) => void (problem = text),
  };
}

/** Answers with the uid it was sent; a body without one is refused. */
const echo: Review = (body): Reply => {
  const uid = /"uid":"([^"]*)"/.exec(body.toString('utf8'))?.[1];
  if (uid === undefined) return { status: 400, body: 'not a review', record: undefined };
  const record = {
    uid,
    namespace: 'shop',
    name: 'web-*',
    owner: 'ReplicaSet/web',
    reason: 'annotation',
    codes: [],
    dryRun: false,
  } as const;
  return { status: 200, body: JSON.stringify({ response: { uid, allowed: true } }), record: { ...record, decision: 'injected' } };
};

export interface TestServer extends AdmissionServer {
  readonly metrics: Metrics;
  readonly certificates: ChangingCertificates;
  readonly lines: readonly string[];
}

export interface TestServerOptions {
  readonly review?: AdmissionServerOptions['review'];
  readonly notReady?: () => string | undefined;
  readonly limits?: Partial<ServerLimits>;
  readonly compat?: AdmissionServerOptions['compat'];
  readonly tls?: AdmissionServerOptions['tls'];
  readonly certificates?: ChangingCertificates;
  readonly logLevel?: LogLevel;
}

const running = new Set<AdmissionServer>();

/** Starts a server on a free port of the loopback; `stopServers` ends it whatever the test did. */
export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const lines: string[] = [];
  const metrics = createMetrics({ version: '0.0.0', commit: 'test' });
  const certificates = options.certificates ?? changingCertificates(issue());
  const server = await startAdmissionServer({
    listen: { host: '127.0.0.1', port: 0 },
    review: options.review ?? echo,
    notReady: options.notReady,
    certificates,
    metrics,
    log: createLog({ level: options.logLevel ?? 'trace', format: 'json', sink: { write: (line) => void lines.push(line) } }),
    limits: { ...FAST, ...options.limits },
    compat: options.compat,
    tls: options.tls,
  });
  running.add(server);
  return { ...server, metrics, certificates, lines };
}

/** Limits that let a test end soon; each test sets the ones that it is about. */
const FAST: Partial<ServerLimits> = {
  checkIntervalMs: 100,
  lingerMs: 200,
  drainMinMs: 0,
  drainIdleMs: 50,
  drainSettleMs: 200,
};

export async function stopServers(): Promise<void> {
  await Promise.all([...running].map((server) => server.drain(true)));
  running.clear();
}

/** The value of a metric by its name and labels as they are printed, or undefined. */
export async function metric(metrics: Metrics, name: string): Promise<number | undefined> {
  const line = (await metrics.registry.metrics()).split('\n').find((text) => text.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}
