// SIGTERM and SIGINT: the first asks the program to stop in good order, a second one ends it at once. SIGHUP, with which people
// ask servers to read their certificates again, must not end it.

export interface StopSignals {
  /** Stops in good order; `hurry` when a person pressed Ctrl-C and waits. */
  readonly stop: (hurry: boolean) => Promise<void>;
  /** Ends the process. */
  readonly end: (code: number) => void;
  /** SIGHUP came; nothing has to be done. */
  readonly hungUp: () => void;
}

/** Listens for these signals; the returned function stops listening. */
export function onStopSignals({ stop, end, hungUp }: StopSignals): () => void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) return end(SECOND_SIGNAL_CODE);
    stopping = true;
    stop(signal === 'SIGINT').then(
      () => end(0),
      () => end(1),
    );
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal).on('SIGHUP', hungUp);
  return () => void process.off('SIGTERM', onSignal).off('SIGINT', onSignal).off('SIGHUP', hungUp);
}

/** 128 and the number of SIGTERM, as shells report it. */
const SECOND_SIGNAL_CODE = 143;
