// Waiting for a person to end a command: Ctrl-C, a closed terminal, or a polite kill.

/** Resolves at the first of SIGINT, SIGTERM and SIGHUP. A second one ends the process at once; the watchdog then cleans up. */
export function untilInterrupted(): Promise<void> {
  return new Promise((resolve) => {
    // Started servers do not keep this process alive, so something has to.
    const alive = setInterval(() => undefined, 60_000);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        clearInterval(alive);
        resolve();
      });
    }
  });
}
