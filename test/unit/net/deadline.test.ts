// The deadline of a request: by timeout, by its caller, and without a listener left on a signal that lives as long as the process.
import { getEventListeners } from 'node:events';
import { deadline } from '../../../src/net/deadline.ts';
import { eventually } from '../../support/eventually.ts';

describe('the deadline of a request', () => {
  it('passes after the timeout', async () => {
    const { signal, isOver, end } = deadline(5, undefined);
    await eventually(() => signal.aborted);
    expect(isOver()).toBe(true);
    end();
  });

  it('aborts with the reason of the caller, also when the caller aborted before', () => {
    const caller = new AbortController();
    const { signal, isOver, end } = deadline(60_000, caller.signal);
    caller.abort('cancelled');
    expect([signal.aborted, signal.reason, isOver()]).toEqual([true, 'cancelled', false]);
    end();
    const late = deadline(60_000, caller.signal);
    expect([late.signal.aborted, late.signal.reason]).toEqual([true, 'cancelled']);
    late.end();
  });

  it('leaves no listener on the signal of the caller', () => {
    const caller = new AbortController();
    for (let count = 0; count < 5; count += 1) deadline(60_000, caller.signal).end();
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
  });
});
