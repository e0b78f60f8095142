// The end of a request: by time, by its caller, and with nothing left on a signal that lives as long as the process.
import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { deadline as kubeDeadline } from '../../../src/kube/deadline.ts';
import { deadline as vaultDeadline } from '../../../src/vault/deadline.ts';

describe.each([
  ['the API server', kubeDeadline],
  ['Vault', vaultDeadline],
])('of a request to %s', (_, deadline) => {
  it('comes after the time', async () => {
    const { signal, isOver, end } = deadline(5, undefined);
    while (!signal.aborted) await sleep(5);
    expect(isOver()).toBe(true);
    end();
  });

  it('comes when the caller gives up, for its reason, also before the beginning', () => {
    const caller = new AbortController();
    const { signal, isOver, end } = deadline(60_000, caller.signal);
    caller.abort('tired');
    expect([signal.aborted, signal.reason, isOver()]).toEqual([true, 'tired', false]);
    end();
    const late = deadline(60_000, caller.signal);
    expect([late.signal.aborted, late.signal.reason]).toEqual([true, 'tired']);
    late.end();
  });

  it('leaves nothing behind', () => {
    const caller = new AbortController();
    for (let count = 0; count < 5; count += 1) deadline(60_000, caller.signal).end();
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
  });
});
