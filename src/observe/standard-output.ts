// Standard output for the log: lines are gathered and written in batches by a thread of the pool, so that a slow or full
// pipe never stops the event loop.
import { destination } from 'pino';
import type { LogSink } from './log.ts';

/** A sink whose lines are out within 200 ms, and at the exit of the process. Lines that nobody takes are dropped in the end. */
export function standardOutput(): LogSink {
  const output = destination({ dest: 1, sync: false, minLength: 0, maxLength: WAITING_BYTES });
  // The destination could gather lines itself, but measures all it has gathered anew at each one.
  let gathered = '';
  const hand = (): void => {
    if (gathered === '') return;
    output.write(gathered);
    gathered = '';
  };
  const sink: LogSink = {
    write(line) {
      gathered += line;
      if (gathered.length >= BATCH_CHARACTERS) hand();
    },
    flushSync() {
      hand();
      output.flushSync();
    },
  };
  setInterval(hand, BATCH_MILLISECONDS).unref();
  process.prependListener('exit', () => sink.flushSync?.());
  return sink;
}

/** Handing a batch to the pool costs as much as forming dozens of lines. */
const BATCH_CHARACTERS = 32 * 1024;
const BATCH_MILLISECONDS = 200;
/** What may wait for a reader that has stopped: memory matters more than a log that nobody reads. */
const WAITING_BYTES = 4 * 1024 * 1024;
