// Connects the parts of an admission server and holds them together from start to last answer.
import { reviewer } from '../admission/review.ts';
import { cipherSuites } from '../http/cipher-suites.ts';
import { startOperationsServer, type OperationsServer } from '../http/operations.ts';
import { startAdmissionServer } from '../http/server.ts';
import { onStopSignals } from '../http/stop-signals.ts';
import { createLog } from '../observe/log.ts';
import { createMetrics } from '../observe/metrics.ts';
import { readSettings, surroundings, type ReadSettings } from '../settings/read.ts';
import { apiAccess } from './api-access.ts';
import { certificateSource } from './certificates.ts';
import { knownCluster } from './cluster.ts';
import { admissionContext } from './context.ts';
import { asksForHelp, type Terminal } from './terminal.ts';
import { COMMIT, VERSION } from './version.ts';

/** The commands that serve, and the exit code of each when it was called wrongly: vault-k8s ends with 1. */
const WRONG_CALL = { webhook: 2, 'agent-inject': 1 } as const;
export type ServerCommand = keyof typeof WRONG_CALL;

const settingsOf = (command: ServerCommand, words: readonly string[], terminal: Terminal): ReadSettings | undefined => {
  const reading = readSettings(command, words, terminal.environment);
  const problems = reading.ok ? complaints(command, reading.value) : reading.problems;
  if (reading.ok && problems.length === 0) return reading.value;
  for (const problem of problems) terminal.stderr(`vault-auth-injector ${command}: ${problem}\n`);
  return undefined;
};

/** What only the whole of the settings shows. */
const complaints = (command: ServerCommand, { settings, positionals }: ReadSettings): string[] => {
  const found: string[] = [];
  if (!settings.listen) found.push('-listen must not be empty');
  if (command === 'agent-inject' && !settings.vaultAddress)
    found.push('no Vault address: set -vault-address or AGENT_INJECT_VAULT_ADDR');
  if (command === 'webhook' && positionals.length > 0) found.push(`${JSON.stringify(positionals[0])} is no flag`);
  try {
    cipherSuites(settings.tlsCipherSuites.join(','));
  } catch (error) {
    found.push(`-tls-cipher-suites: ${messageOf(error)}`);
  }
  return found;
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Runs until a signal; the answer is the exit code. */
export const serve = async (command: ServerCommand, words: readonly string[], terminal: Terminal): Promise<number> => {
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
};

const run = async (command: ServerCommand, read: ReadSettings, terminal: Terminal): Promise<number> => {
  const { settings } = read;
  const compat = command === 'agent-inject';
  const log = createLog({ level: settings.logLevel, format: settings.logFormat === 'json' ? 'json' : 'standard' });
  const metrics = createMetrics({ version: VERSION, commit: COMMIT });
  const api = apiAccess(settings, surroundings(terminal.environment));
  const certificates = await certificateSource(settings, api, log);
  const known = await knownCluster({ command, settings, api, log, metrics });
  let cluster = known.cluster();
  let context = admissionContext(command, read, cluster);
  const current = (): typeof context => {
    const latest = known.cluster();
    if (latest !== cluster) context = admissionContext(command, read, (cluster = latest));
    return context;
  };
  const { listen = { host: '', port: 0 }, operationsListen } = settings;
  const server = await startAdmissionServer({
    listen,
    reviewer: known.reviewer(reviewer(current, { compat })),
    hindrance: known.hindrance,
    certificates,
    metrics,
    log,
    tls: { minVersion: settings.tlsMinVersion, ciphers: cipherSuites(settings.tlsCipherSuites.join(',')) },
    limits: { drainMinimumMs: settings.drainLeast, drainQuietMs: settings.drainQuiet, drainMaximumMs: settings.drainMost },
    compat: compat ? { telemetryPath: settings.telemetryPath } : undefined,
  });
  let operations: OperationsServer | undefined;
  if (operationsListen) operations = await startOperationsServer({ listen: operationsListen, metrics, reasons: server.reasons });
  log.info({ port: server.port, operationsPort: operations?.port, version: VERSION }, `${command} is serving`);

  const code = await untilStopped(async (hurry) => {
    log.info({}, 'stopping: new connections go elsewhere, what is under way is answered');
    await server.drain(hurry);
    await Promise.all([operations?.close(), certificates.close(), known.close()]);
    await api.close();
  });
  log.info({ code }, 'stopped');
  log.flush();
  return code;
};

/** Resolves with the exit code after a first signal has been worked off; a second one ends the process at once. */
const untilStopped = (stop: (hurry: boolean) => Promise<void>): Promise<number> =>
  new Promise((resolve) => {
    let isDone = false;
    onStopSignals({
      stop: async (hurry) => {
        await stop(hurry);
        isDone = true;
      },
      end: (code) => (isDone || code <= 1 ? resolve(code) : process.exit(code)),
    });
  });
