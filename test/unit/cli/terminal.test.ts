// What a command does where nobody takes its words, and with words that it does not take.
import { jest } from '@jest/globals';
import { processTerminal } from '../../../src/cli/terminal.ts';
import { version } from '../../../src/cli/version.ts';
import { ask } from './person.ts';

describe('standard output that cannot be written', () => {
  const before = { out: process.stdout.listeners('error'), err: process.stderr.listeners('error') };
  afterEach(() => {
    jest.restoreAllMocks();
    for (const stream of [process.stdout, process.stderr])
      for (const listener of stream.listeners('error') as (() => void)[])
        if (![...before.out, ...before.err].includes(listener)) stream.off('error', listener);
  });

  test.each([
    ['ENOSPC', 1, ['vault-auth-injector: standard output cannot be written: ENOSPC: no space left on device, write\n']],
    ['EPIPE', 0, []],
  ])('%s ends with %d', (code, exitCode, lines) => {
    const said: unknown[] = [];
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(text) > 0);
    jest.spyOn(process, 'exit').mockImplementation((ended) => {
      throw new Error(`ended with ${ended}`);
    });
    processTerminal({}, true);
    const failure = Object.assign(new Error(`${code}: no space left on device, write`), { code });
    expect(() => process.stdout.emit('error', failure)).toThrow(`ended with ${exitCode}`);
    expect(said).toEqual(lines);
  });
});

test('version takes no flags', async () => {
  expect(await ask(version, ['--x'])).toEqual({
    code: 2,
    out: '',
    errors: ['vault-auth-injector version: "--x": this command takes no flags and no words'],
  });
  expect((await ask(version, [])).code).toBe(0);
  expect((await ask(version, ['--help'])).code).toBe(0);
});
