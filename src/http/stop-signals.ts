// SIGTERM and SIGINT: the first asks the program to stop in good order, a second one ends it at once.

export interface StopSignals {
  /** Stops in good order; `hurry` when a person pressed Ctrl-C and waits. */
  readonly stop: (hurry: boolean) => Promise<void>;
  /** Ends the process. */
  readonly end: (code: number) => void;
}

/** Listens for both signals; the returned function stops listening. */
export const onStopSignals = ({ stop, end }: StopSignals): (() => void) => {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) return end(SECOND_SIGNAL_CODE);
    stopping = true;
    stop(signal === 'SIGINT').then(
      () => end(0),
      () => end(1),
    );
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  return () => void process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
};

/** 128 and the number of SIGTERM, as shells report it. */
const SECOND_SIGNAL_CODE = 143;
