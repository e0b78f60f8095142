// Connects the parts of an admission server and holds them together from start to last answer.
import { reviewer } from '../admission/review.ts';
import { cipherSuites } from '../http/tls-options.ts';
import { startOperationsServer } from '../http/operations.ts';
import { startAdmissionServer, type AdmissionServer } from '../http/server.ts';
import { onStopSignals } from '../http/drain.ts';
import { createLog, type Log } from '../observe/log.ts';
import { createMetrics } from '../observe/metrics.ts';
import { readSettings, surroundings, type ReadSettings } from '../settings/read.ts';
import { apiAccess } from './api-access.ts';
import { certificateSource } from './certificates.ts';
import { startClusterCache } from '../cluster/cluster-cache.ts';
import { complaints, type ServerCommand } from './complaints.ts';
import { admissionContext } from '../cluster/admission-context.ts';
import { asksForHelp, type Terminal } from './terminal.ts';
import { COMMIT, VERSION } from './version.ts';

/** The commands that serve, and the exit code of each when it was called wrongly: vault-k8s ends with 1. */
const WRONG_CALL: Readonly<Record<ServerCommand, number>> = { webhook: 2, 'agent-inject': 1 };

const settingsOf = (command: ServerCommand, words: readonly string[], terminal: Terminal): ReadSettings | undefined => {
  const reading = readSettings(command, words, terminal.environment);
  const problems = reading.ok ? complaints(command, reading.value) : reading.problems;
  if (reading.ok && problems.length === 0) return reading.value;
  for (const problem of problems) terminal.stderr(`vault-auth-injector ${command}: ${problem}\n`);
  return undefined;
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Runs until a signal; the answer is the exit code. */
export async function serve(command: ServerCommand, words: readonly string[], terminal: Terminal): Promise<number> {
  if (asksForHelp(words)) {
    const { helpOf } = await import('./help.ts');
    terminal.stdout(helpOf(command));
    return 0;
  }
  const read = settingsOf(command, words, terminal);
  if (!read) return WRONG_CALL[command];
  try {
    return await run(command, read, terminal);
  } catch (error) {
    terminal.stderr(`vault-auth-injector ${command}: ${messageOf(error)}\n`);
    return 1;
  }
}

/** What has to be closed in the end, latest first. */
type Closing = (() => Promise<unknown> | void)[];

const closeAll = async (closing: Closing): Promise<void> => {
  for (const close of closing.splice(0).toReversed()) await close();
};

const run = async (command: ServerCommand, read: ReadSettings, terminal: Terminal): Promise<number> => {
  const { settings } = read;
  const log = createLog({ level: settings.logLevel, format: settings.logFormat === 'json' ? 'json' : 'standard' });
  const closing: Closing = [];
  try {
    const server = await start(command, read, terminal, log, closing);
    const code = await untilStopped(log, async (hurry) => {
      log.info({}, 'stopping: new connections go elsewhere, what is under way is answered');
      await server.drain(hurry);
      await closeAll(closing);
    });
    log.info({ code }, 'stopped');
    return code;
  } finally {
    // What a failed start has opened would keep the process alive.
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
  const compat = command === 'agent-inject';
  const metrics = createMetrics({ version: VERSION, commit: COMMIT });
  const api = apiAccess(settings, surroundings(terminal.environment));
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
  const server = await startAdmissionServer({
    listen,
    reviewer: cache.withLookUps(reviewer(current, { compat })),
    notReady: cache.notReadyReason,
    certificates,
    metrics,
    log,
    tls: { minVersion: settings.tlsMinVersion, ciphers: cipherSuites(settings.tlsCipherSuites.join(',')) },
    limits: { drainMinMs: settings.drainMin, drainIdleMs: settings.drainIdle, drainMaxMs: settings.drainMax },
    compat: compat ? { telemetryPath: settings.telemetryPath } : undefined,
  });
  closing.push(() => server.drain(true));
  let operationsPort: number | undefined;
  if (operationsListen) {
    const operations = await startOperationsServer({ listen: operationsListen, metrics, reasons: server.reasons });
    closing.push(() => operations.close());
    operationsPort = operations.port;
  }
  log.info({ port: server.port, operationsPort, version: VERSION }, `${command} is serving`);
  return server;
};

/**
 * Resolves with the exit code after a first signal has been worked off; a second one ends the process at once. A fault of
 * this program stops it in good order too: it must not go on in a state that nobody knows.
 */
const untilStopped = (log: Log, stop: (hurry: boolean) => Promise<void>): Promise<number> =>
  new Promise((resolve) => {
    let isDone = false;
    const finish = async (hurry: boolean): Promise<void> => {
      await stop(hurry);
      isDone = true;
    };
    process.once('uncaughtException', (fault) => {
      log.error({ fault: fault.message, stack: fault.stack }, 'a fault of this program: it stops');
      void finish(true).finally(() => (isDone ? resolve(1) : process.exit(1)));
    });
    onStopSignals({
      stop: finish,
      end: (code) => (isDone || code <= 1 ? resolve(code) : process.exit(code)),
      hungUp: () => log.info({}, 'SIGHUP is ignored: changed certificate files are noticed without it'),
    });
  });
