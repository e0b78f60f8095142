// The command controller: runs the config controller until a stop signal or the loss of the leader lease.
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { nameWithin } from '../annotations/names.ts';
import { reconcileAutoRole } from '../controller/auto-roles.ts';
import { backendReconciler } from '../controller/backend/reconcile.ts';
import { reconcileEndpoint } from '../controller/endpoint/reconcile.ts';
import { reconcilePendingDeletions } from '../controller/pending-deletions.ts';
import { reconcilePolicy } from '../controller/policy/reconcile.ts';
import { reconcileRole } from '../controller/role/reconcile.ts';
import { reconcileRollout } from '../controller/rollout/reconcile.ts';
import { reconcileSecretVersion } from '../controller/rollout/versions.ts';
import { type Controller, startController } from '../controller/runtime/run.ts';
import { startOperationsServer } from '../http/operations.ts';
import { onStopSignals } from '../http/drain.ts';
import { createControllerMetrics } from '../observe/controller-metrics.ts';
import { createLog, type FlushableLog } from '../observe/log.ts';
import { readSettings, type ReadSettings, runtimeEnvironment } from '../settings/read.ts';
import { apiAccess } from './api-access.ts';
import { asksForHelp, type Terminal } from './terminal.ts';
import { COMMIT, VERSION } from './version.ts';

/** Runs until SIGTERM. Exit codes: 0 stopped, 1 failed, 2 invalid flags, 3 lost the leader lease. */
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

/** Problems that the table of settings does not find. */
const complaints = ({ settings, positionals }: ReadSettings): readonly string[] => [
  ...(positionals.length > 0 ? [`${JSON.stringify(positionals[0])} is not a flag`] : []),
  ...(settings.rollouts && settings.observeOnly ? ['-rollouts and -observe-only exclude each other'] : []),
  ...(settings.rolloutInterval < 1000 ? ['-rollout-interval: expected 1s or more'] : []),
];

/** An exit code of its own: the restart of a pod that lost its lease is not an error of the pod. */
const LOST_LEASE_CODE = 3;
/** Running reconciles are interrupted after this when the process has to exit. */
const EXIT_TIMEOUT_MS = 2000;

const run = async ({ settings, warnings, effective }: ReadSettings, terminal: Terminal): Promise<number> => {
  const environment = runtimeEnvironment(terminal.environment);
  const log = createLog({ level: settings.logLevel, format: settings.logFormat });
  for (const warning of warnings) log.warn({}, warning);
  log.info({ ...effective }, 'settings in effect');
  const metrics = createControllerMetrics({ version: VERSION, commit: COMMIT });
  const api = apiAccess(settings, environment);
  let running: Controller | undefined;
  try {
    const { client, namespace, ca } = await api.get();
    const ending = untilEnded(log);
    running = startController({
      client,
      namespace,
      serviceAccount: settings.serviceAccount,
      leaseName: settings.leaseName,
      identity: `${environment.podName || hostname()}_${randomBytes(4).toString('hex')}`,
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
        SecretVersion: reconcileSecretVersion,
        Rollout: reconcileRollout,
      },
      rollouts: settings.rollouts
        ? { perMinute: settings.rolloutRate, intervalMs: settings.rolloutInterval, timeoutMs: settings.rolloutTimeout }
        : undefined,
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
      'controller started',
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

/** Resolves with the exit code after a signal, an uncaught exception, or the loss of the lease; exits after a timeout then. */
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
    }, EXIT_TIMEOUT_MS).unref();
  };
  process.once('uncaughtException', (error) => {
    log.error({ error: error.message, stack: error.stack }, 'uncaught exception, shutting down');
    endSoon(1);
  });
  onStopSignals({
    stop: () => {
      log.info({}, 'stopping: finishing running reconciles, releasing the leader lease');
      end(0);
      return code.then(() => undefined);
    },
    end: (exitCode) => {
      // The first signal resolves the code and stops in order; a second one exits at once.
      if (exitCode > 1) process.exit(exitCode);
    },
    hungUp: () => log.info({}, 'SIGHUP ignored: the controller reads no files'),
  });
  return {
    code,
    lost: (reason) => {
      log.error({ reason }, 'lost leader lease, exiting');
      endSoon(LOST_LEASE_CODE);
    },
  };
};
