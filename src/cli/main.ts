#!/usr/bin/env node
// Selects the command. Each is imported on demand, so that a server does not load the code of the other commands.
import { nearestWord } from '../annotations/suggest.ts';
import { processEnvironment, runtimeEnvironment } from '../settings/read.ts';
import { processTerminal, type Run, type Terminal } from './terminal.ts';

interface Command {
  readonly sentence: string;
  readonly load: () => Promise<Run>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  webhook: { sentence: 'serve admission reviews', load: async () => (await import('./serve.ts')).webhook },
  'agent-inject': {
    sentence: 'serve admission reviews with the flags and environment of vault-k8s',
    load: async () => (await import('./serve.ts')).agentInject,
  },
  controller: {
    sentence: 'reconcile auth backends, roles and policies in Vault',
    load: async () => (await import('./controller.ts')).controller,
  },
  inject: { sentence: 'inject manifests offline', load: async () => (await import('./inject.ts')).inject },
  explain: {
    sentence: 'explain why a pod is injected or not, and with what',
    load: async () => (await import('./explain.ts')).explain,
  },
  check: {
    sentence: 'check an installation, Vault, or the login of a service account',
    load: async () => (await import('./check.ts')).checkCommand,
  },
  export: {
    sentence: 'print an auth mount of Vault as manifests with managementPolicy Observe',
    load: async () => (await import('./export.ts')).exportCommand,
  },
  policy: {
    sentence: 'print the Vault policy that the controller needs',
    load: async () => (await import('./policy.ts')).policy,
  },
  cleanup: {
    sentence: 'after an uninstall, remove finalizers and list what stays in Vault',
    load: async () => (await import('./cleanup.ts')).cleanup,
  },
  certs: { sentence: 'create a CA and a serving certificate', load: async () => (await import('./certs.ts')).certs },
  version: { sentence: 'print the version', load: async () => (await import('./version.ts')).version },
};

const usage = (): string => {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const lines = Object.entries(COMMANDS).map(([name, { sentence }]) => `  ${name.padEnd(width)}  ${sentence}`);
  return `vault-auth-injector COMMAND [-flag=value …]\n\n${lines.join('\n')}\n\nvault-auth-injector COMMAND -help lists the flags of a command.\n`;
};

const HELP = new Set(['help', '-h', '-help', '--help']);

/** Runs one command; returns the exit code. */
const main = async (words: readonly string[], terminal: Terminal): Promise<number> => {
  const [name, ...rest] = words;
  if (name === undefined || HELP.has(name)) {
    (name === undefined ? terminal.stderr : terminal.stdout)(usage());
    return name === undefined ? 2 : 0;
  }
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!entry) {
    const nearest = nearestWord(name, Object.keys(COMMANDS));
    terminal.stderr(
      `vault-auth-injector: unknown command ${JSON.stringify(name)}${nearest === undefined ? '' : `; did you mean ${nearest}?`}\n\n${usage()}`,
    );
    return 2;
  }
  const run = await entry.load();
  return run(rest, terminal);
};

const environment = processEnvironment();
process.exitCode = await main(process.argv.slice(2), processTerminal(environment, runtimeEnvironment(environment).noColor));
