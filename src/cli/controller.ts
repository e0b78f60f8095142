// The command controller: the config controller, from its first watch to the Lease given back.
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { nameWithin } from '../annotations/names.ts';
import { reconcileAutoRole } from '../controller/auto-roles.ts';
import { backendReconciler } from '../controller/backend/reconcile.ts';
import { reconcileEndpoint } from '../controller/endpoint/reconcile.ts';
import { reconcilePendingDeletions } from '../controller/pending-deletions.ts';
import { reconcilePolicy } from '../controller/policy/reconcile.ts';
import { reconcileRole } from '../controller/role/reconcile.ts';
import { type Controller, startController } from '../controller/runtime/run.ts';
import { startOperationsServer } from '../http/operations.ts';
import { onStopSignals } from '../http/drain.ts';
import { createControllerMetrics } from '../observe/controller-metrics.ts';
import { createLog, type FlushableLog } from '../observe/log.ts';
import { readSettings, type ReadSettings, runtimeEnvironment } from '../settings/read.ts';
import { apiAccess } from './api-access.ts';
import { asksForHelp, type Terminal } from './terminal.ts';
import { COMMIT, VERSION } from './version.ts';

/** Leads until SIGTERM. Exit codes: 0 stopped, 1 cannot work, 2 called wrongly, 3 the Lease was lost. */
export async function controller(words: readonly string[], terminal: Terminal): Promise<number> {
  if (asksForHelp(words)) {
    const { helpOf } = await import('./help.ts');
    terminal.stdout(helpOf('controller'));
    return 0;
  }
  const reading = readSettings('controller', words, terminal.environment);
  const problems = reading.ok ? complaints(reading.value) : reading.problems;
  for (const problem of problems) terminal.stderr(`vault-auth-injector controller: ${problem}\n`);
  if (!reading.ok || problems.length > 0) return 2;
  try {
    return await run(reading.value, terminal);
  } catch (error) {
    terminal.stderr(`vault-auth-injector controller: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

/** What only the whole of the settings shows. */
const complaints = ({ settings, positionals }: ReadSettings): readonly string[] => [
  ...(positionals.length > 0 ? [`${JSON.stringify(positionals[0])} is not a flag`] : []),
  ...(settings.workers < 1 ? ['-workers: 0 would never do anything, expected 1 or more'] : []),
  ...(settings.resyncFactor > 0 ? [] : [`-resync-factor: ${settings.resyncFactor} is no factor, expected a number above 0`]),
  ...(settings.leaseName === '' ? ['-lease-name must not be empty'] : []),
  ...(settings.serviceAccount === '' ? ['-service-account must not be empty'] : []),
  ...(settings.logFormat === 'json' || settings.logFormat === 'standard'
    ? []
    : [`-log-format: invalid value ${JSON.stringify(settings.logFormat)}, expected json or standard`]),
];

/** Another process leads in our place, or may: a word of its own, so that a restart is no riddle. */
const LOST_CODE = 3;
/** What is under way has been told to stop; nobody waits for it longer than this. */
const LOST_PATIENCE_MS = 2000;

const run = async ({ settings }: ReadSettings, terminal: Terminal): Promise<number> => {
  const around = runtimeEnvironment(terminal.environment);
  const log = createLog({ level: settings.logLevel, format: settings.logFormat === 'json' ? 'json' : 'standard' });
  const metrics = createControllerMetrics({ version: VERSION, commit: COMMIT });
  const api = apiAccess(settings, around);
  let running: Controller | undefined;
  try {
    const { client, namespace, ca } = await api.get();
    const ending = untilEnded(log);
    running = startController({
      client,
      namespace,
      serviceAccount: settings.serviceAccount,
      leaseName: settings.leaseName,
      identity: `${around.podName || hostname()}_${randomBytes(4).toString('hex')}`,
      observeOnly: settings.observeOnly,
      workers: settings.workers,
      times: { resyncFactor: settings.resyncFactor, deletionTimeoutMs: settings.deletionTimeout },
      reconcilers: {
        VaultEndpoint: reconcileEndpoint,
        VaultAuthBackend: backendReconciler({ clusterCA: ca }),
        VaultACLPolicy: reconcilePolicy,
        VaultAuthRole: reconcileRole,
        ServiceAccount: reconcileAutoRole,
        PendingDeletions: reconcilePendingDeletions,
      },
      cachesAnnotation: (name) => nameWithin(name) !== undefined,
      log,
      metrics,
      onLost: ending.lost,
    });
    const { reasons } = running;
    const operations =
      settings.operationsListen && (await startOperationsServer({ listen: settings.operationsListen, metrics, reasons }));
    log.info(
      {
        namespace,
        lease: settings.leaseName,
        operationsPort: operations?.port,
        observeOnly: settings.observeOnly,
        version: VERSION,
      },
      'controller is running',
    );
    const code = await ending.code;
    await running.close();
    await operations?.close();
    log.info({ code }, 'stopped');
    return code;
  } finally {
    await running?.close();
    await api.close();
    log.flush();
  }
};

interface Ending {
  readonly code: Promise<number>;
  readonly lost: (reason: string) => void;
}

/** Resolves with the exit code after a signal, a fault of this program, or the loss of the Lease; what hangs then is cut off. */
const untilEnded = (log: FlushableLog): Ending => {
  let end: (code: number) => void;
  const code = new Promise<number>((resolve) => {
    end = resolve;
  });
  const endSoon = (exitCode: number): void => {
    end(exitCode);
    setTimeout(() => {
      log.flush();
      process.exit(exitCode);
    }, LOST_PATIENCE_MS).unref();
  };
  process.once('uncaughtException', (fault) => {
    log.error({ fault: fault.message, stack: fault.stack }, 'a fault of this program: it stops');
    endSoon(1);
  });
  onStopSignals({
    stop: () => {
      log.info({}, 'stopping: what is under way is finished, and the Lease is given back');
      end(0);
      return code.then(() => undefined);
    },
    end: (exitCode) => {
      // The first signal is worked off by whoever waits for the code; a second one means now.
      if (exitCode > 1) process.exit(exitCode);
    },
    hungUp: () => log.info({}, 'SIGHUP is ignored: nothing is read from files that could have changed'),
  });
  return {
    code,
    lost: (reason) => {
      log.error({ reason }, 'the Lease is lost: this process writes nothing any more, and ends');
      endSoon(LOST_CODE);
    },
  };
};
