// Ctrl-C, a closed terminal or a polite kill, as an AbortSignal for commands that stay or take long.

/** Aborted at the first of SIGINT, SIGTERM and SIGHUP, or when standard output is closed. A second one ends the process at once; the watchdog then cleans up. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => controller.abort(new Error('interrupted')));
  }
  // The reader of standard output is gone, as after `make run | head`.
  process.stdout.on('error', () => controller.abort(new Error('standard output was closed')));
  return controller.signal;
}

/** Resolves when the signal is aborted, and keeps the process alive until then: started servers alone do not. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const alive = setInterval(() => undefined, 60_000);
    const end = (): void => {
      clearInterval(alive);
      resolve();
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
