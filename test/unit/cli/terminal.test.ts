// Standard output that cannot be written, and arguments that version does not accept.
import { processTerminal } from '../../../src/cli/terminal.ts';
import { version } from '../../../src/cli/version.ts';
import { runCommand } from './run-command.ts';

describe('standard output that cannot be written', () => {
  const streams = [process.stdout, process.stderr];
  const listeners = streams.map((stream) => stream.listeners('error'));
  const exit = process.exit.bind(process);
  const write = process.stderr.write.bind(process.stderr);
  const said: string[] = [];
  beforeEach(() => {
    said.length = 0;
    process.exit = (code) => {
      throw new Error(`ended with ${code}`);
    };
    process.stderr.write = (text: string | Uint8Array) => said.push(String(text)) > 0;
  });
  afterEach(() => {
    Object.assign(process, { exit });
    Object.assign(process.stderr, { write });
    for (const [index, stream] of streams.entries())
      for (const listener of stream.listeners('error'))
        if (!listeners[index]?.includes(listener)) stream.off('error', listener as () => void);
  });

  test.each([
    ['ENOSPC', 1, ['vault-auth-injector: standard output cannot be written: ENOSPC: no space left on device, write\n']],
    ['EPIPE', 0, []],
  ])('%s ends with %d', (code, exitCode, lines) => {
    processTerminal({}, true);
    const failure = Object.assign(new Error(`${code}: no space left on device, write`), { code });
    expect(() => process.stdout.emit('error', failure)).toThrow(`ended with ${exitCode}`);
    expect(said).toEqual(lines);
  });
});

test('version rejects arguments', async () => {
  expect(await runCommand(version, ['--x'])).toEqual({
    code: 2,
    out: '',
    errors: ['vault-auth-injector version: "--x": this command takes no flags or arguments'],
  });
  expect((await runCommand(version, [])).code).toBe(0);
  expect((await runCommand(version, ['--help'])).code).toBe(0);
});
