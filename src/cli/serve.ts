// The commands webhook and agent-inject: an admission server from its start to its last response.
import { createReview, createWorkloadReview } from '../admission/review.ts';
import { admissionContext } from '../cluster/admission-context.ts';
import { startClusterCache } from '../cluster/cluster-cache.ts';
import { onStopSignals } from '../http/drain.ts';
import { startOperationsServer } from '../http/operations.ts';
import { startAdmissionServer, type AdmissionServer } from '../http/server.ts';
import { cipherSuites } from '../http/tls-options.ts';
import { createLog, type Log } from '../observe/log.ts';
import { createMetrics } from '../observe/metrics.ts';
import { excludingNamespace, readSettings, runtimeEnvironment, type ReadSettings, type Settings } from '../settings/read.ts';
import { fileSource } from '../tls/files.ts';
import { openEntries } from '../tls/open-entries.ts';
import { caPolicy } from '../tls/lifetimes.ts';
import { type OwnRegistration, watchOwnRegistration } from '../tls/own-registration.ts';
import { publishedFileSource } from '../tls/publication.ts';
import type { CertificateSource } from '../tls/source.ts';
import { type ApiAccess, apiAccess } from './api-access.ts';
import { checkServerSettings, type ServerCommand } from './check-settings.ts';
import { requestsReports, startPodReports } from './pod-reports.ts';
import { asksForHelp, type Terminal } from './terminal.ts';
import { COMMIT, VERSION } from './version.ts';

/** The command webhook. Serves until SIGTERM; exit codes: 0 stopped, 1 cannot serve, 2 invalid flags. */
export function webhook(words: readonly string[], terminal: Terminal): Promise<number> {
  return serve('webhook', words, terminal);
}

/** The command agent-inject: the same server with the flags, environment and quirks of vault-k8s. Exit codes: 0 stopped, otherwise 1. */
export function agentInject(words: readonly string[], terminal: Terminal): Promise<number> {
  return serve('agent-inject', words, terminal);
}

/** Exit code for invalid flags; vault-k8s exits with 1. */
const USAGE_CODE: Readonly<Record<ServerCommand, number>> = { webhook: 2, 'agent-inject': 1 };

const serve = async (command: ServerCommand, words: readonly string[], terminal: Terminal): Promise<number> => {
  if (asksForHelp(words)) {
    const { helpOf } = await import('./help.ts');
    terminal.stdout(helpOf(command));
    return 0;
  }
  const reading = readSettings(command, words, terminal.environment);
  const problems = reading.ok ? checkServerSettings(command, reading.value) : reading.problems;
  for (const problem of problems) terminal.stderr(`vault-auth-injector ${command}: ${problem}\n`);
  if (!reading.ok || problems.length > 0) return USAGE_CODE[command];
  try {
    // The pods of vault-k8s in its own namespace are excluded by its webhook configuration alone.
    const own = command === 'webhook' ? runtimeEnvironment(terminal.environment).podNamespace : undefined;
    return await run(command, excludingNamespace(reading.value, own), terminal);
  } catch (error) {
    terminal.stderr(`vault-auth-injector ${command}: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
};

/** What to close at the end, in reverse order. */
type Closing = (() => Promise<unknown> | void)[];

const closeAll = async (closing: Closing): Promise<void> => {
  for (const close of closing.splice(0).toReversed()) await close();
};

const run = async (command: ServerCommand, read: ReadSettings, terminal: Terminal): Promise<number> => {
  const { settings } = read;
  const log = createLog({ level: settings.logLevel, format: settings.logFormat });
  for (const warning of read.warnings) log.warn({}, warning);
  log.info({ ...read.effective, excludedNamespaces: settings.excludedNamespaces }, 'settings in effect');
  const closing: Closing = [];
  try {
    const server = await start(command, read, terminal, log, closing);
    const code = await untilStopped(log, async (hurry) => {
      log.info({}, 'draining: serving until no more reviews arrive');
      await server.drain(hurry);
      await closeAll(closing);
    });
    log.info({ code }, 'stopped');
    return code;
  } finally {
    // Connections that a failed start has opened would keep the process alive.
    await closeAll(closing);
    log.flush();
  }
};

const start = async (
  command: ServerCommand,
  read: ReadSettings,
  terminal: Terminal,
  log: Log,
  closing: Closing,
): Promise<AdmissionServer> => {
  const { settings } = read;
  const isCompat = command === 'agent-inject';
  const metrics = createMetrics({ version: VERSION, commit: COMMIT });
  const api = apiAccess(settings, runtimeEnvironment(terminal.environment));
  closing.push(() => api.close());
  const certificates = await certificateSource(settings, api, log);
  closing.push(() => certificates.close());
  const cache = await startClusterCache({ command, settings, api, log, metrics });
  closing.push(() => cache.close());
  // Imported here and not at the top, so that commands and wrong calls do not load the YAML library (9 ms).
  const { readUntrustedYaml } = await import('../yaml/untrusted.ts');
  let cluster = cache.current();
  let context = admissionContext(command, read, cluster, readUntrustedYaml);
  const current = (): typeof context => {
    const latest = cache.current();
    if (latest !== cluster) context = admissionContext(command, read, (cluster = latest), readUntrustedYaml);
    return context;
  };
  const { listen = { host: '', port: 0 }, operationsListen } = settings;
  let registration: Pick<OwnRegistration, 'problem'> | undefined;
  const { podName } = runtimeEnvironment(terminal.environment);
  const reports = requestsReports(settings) ? await startPodReports({ settings, api, podName, metrics, log }) : undefined;
  if (reports) closing.push(() => reports.close());
  const review = cache.withLookUps(createReview(current, { compat: isCompat }));
  const server = await startAdmissionServer({
    listen,
    review: reports?.withEvents(review) ?? review,
    reviewWorkload: isCompat ? undefined : cache.withLookUps(createWorkloadReview(current)),
    notReady: () => cache.notReadyReason() ?? registration?.problem(),
    certificates,
    metrics,
    log,
    tls: { minVersion: settings.tlsMinVersion, ciphers: cipherSuites(settings.tlsCipherSuites.join(',')) },
    limits: { drainMinMs: settings.drainMin, drainIdleMs: settings.drainIdle, drainMaxMs: settings.drainMax },
    compat: isCompat ? { telemetryPath: settings.telemetryPath } : undefined,
  });
  closing.push(() => server.drain(true));
  reports?.search(current, () => server.reasons().length === 0);
  let operationsPort: number | undefined;
  if (operationsListen) {
    const operations = await startOperationsServer({ listen: operationsListen, metrics, reasons: server.reasons });
    closing.push(() => operations.close());
    operationsPort = operations.port;
  }
  if (command === 'webhook' && settings.tlsAuto !== '') {
    const { client, namespace } = await api.get();
    const { tlsAuto: configuration, registerAfter: afterMs } = settings;
    const { podName } = runtimeEnvironment(terminal.environment);
    const certificate = (): string | undefined => certificates.current()?.certificate;
    const watch = watchOwnRegistration({ client, configuration, namespace, podName, port: server.port, certificate, log });
    registration = watch;
    closing.push(() => watch.close());
    const opening = openEntries({ client, configuration, isReady: () => server.reasons().length === 0, afterMs, log });
    closing.push(() => opening.close());
  }
  log.info({ port: server.port, operationsPort, version: VERSION }, `${command} is serving`);
  return server;
};

/** Files if they are set, otherwise the self-managed CA. Throws a message for the operator when neither is possible. */
const certificateSource = async (settings: Settings, api: ApiAccess, log: Log): Promise<CertificateSource> => {
  const { tlsCertFile, tlsKeyFile, tlsCaCertFile, tlsAuto, tlsAutoHosts, tlsSecretName } = settings;
  const access = () =>
    api.get().catch((error: unknown) => {
      throw new Error(`-tls-auto: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    });
  if (tlsCertFile !== '') {
    const files = await fileSource({ certificateFile: tlsCertFile, keyFile: tlsKeyFile, log });
    if (tlsCaCertFile === '' || tlsAuto === '') return files;
    const { client } = await access();
    return publishedFileSource({ files, caFile: tlsCaCertFile, client, configuration: tlsAuto, log });
  }
  const { client, namespace } = await access();
  // Imported here and not at the top, so that servers with a certificate file do not load node-forge (20 ms).
  const { selfManagedSource } = await import('../tls/keeper.ts');
  return selfManagedSource({
    client,
    configuration: tlsAuto,
    namespace,
    secretName: tlsSecretName,
    hosts: tlsAutoHosts,
    policy: caPolicy(settings.tlsCaLife, settings.tlsLeafLife),
    log,
  });
};

/**
 * Resolves with the exit code after the first signal, once the server has stopped; a second signal ends the process at once.
 * An uncaught exception stops the server as well, since the state of the process is unknown then.
 */
const untilStopped = (log: Log, stop: (hurry: boolean) => Promise<void>): Promise<number> =>
  new Promise((resolve) => {
    let isDone = false;
    const finish = async (hurry: boolean): Promise<void> => {
      await stop(hurry);
      isDone = true;
    };
    process.once('uncaughtException', (fault) => {
      log.error({ error: fault.message, stack: fault.stack }, 'uncaught exception, shutting down');
      void finish(true).finally(() => (isDone ? resolve(1) : process.exit(1)));
    });
    onStopSignals({
      stop: finish,
      end: (code) => (isDone || code <= 1 ? resolve(code) : process.exit(code)),
      hungUp: () => log.info({}, 'SIGHUP ignored: changed certificate files are reloaded without it'),
    });
  });
