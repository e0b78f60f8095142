// The help of every command is its part of the settings table.
import { explain } from '../../../src/cli/explain.ts';
import { helpOf } from '../../../src/cli/help.ts';
import { inject } from '../../../src/cli/inject.ts';
import { variableOf } from '../../../src/settings/variable-names.ts';
import { flagOf, keysOf } from '../../../src/settings/read.ts';
import type { Command } from '../../../src/settings/table.ts';
import { runCommand } from './run-command.ts';

test.each<Command>(['webhook', 'agent-inject', 'controller', 'inject', 'explain'])(
  '%s: every flag and its variable, in 100 columns',
  (command) => {
    const text = helpOf(command);
    for (const key of keysOf(command)) {
      expect(text).toMatch(new RegExp(`^ {2}-${flagOf(key)}(?: |$)`, 'm'));
      expect(text).toContain(variableOf(key, command));
    }
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  },
);

test('prints the defaults of the command', () => {
  expect(helpOf('webhook')).toMatch(/VAULT_AUTH_INJECTOR_OPERATIONS_LISTEN, default :8081\n/);
  expect(helpOf('agent-inject')).toMatch(/AGENT_INJECT_OPERATIONS_LISTEN\n/);
});

test('is printed for -h, -help and --help', async () => {
  expect(await runCommand(inject, ['-h'])).toMatchObject({ code: 0, out: expect.stringContaining('-diff'), errors: [] });
  expect(await runCommand(explain, ['--help'])).toMatchObject({
    code: 0,
    out: expect.stringContaining('-o text|json'),
    errors: [],
  });
});
