#!/usr/bin/env node
// Chooses the command. Each is loaded only when it is asked for: what a webhook never uses costs it neither time nor memory.
import { nearestWord } from '../annotations/suggest.ts';
import { processEnvironment, surroundings } from '../settings/read.ts';
import { processTerminal, type Run, type Terminal } from './terminal.ts';

interface Entry {
  readonly sentence: string;
  readonly load: () => Promise<Run>;
}

const COMMANDS: Readonly<Record<string, Entry>> = {
  webhook: { sentence: 'serve admission reviews', load: async () => (await import('./webhook.ts')).webhook },
  'agent-inject': {
    sentence: 'serve as vault-k8s does, with its flags and environment',
    load: async () => (await import('./agent-inject.ts')).agentInject,
  },
  controller: {
    sentence: 'keep auth backends, roles and policies in Vault true',
    load: async () => (await import('./controller.ts')).controller,
  },
  inject: { sentence: 'inject manifests offline', load: async () => (await import('./inject.ts')).inject },
  explain: {
    sentence: 'say why a pod is injected or not, and with what',
    load: async () => (await import('./explain.ts')).explain,
  },
  export: {
    sentence: 'print an auth mount of Vault as manifests that only observe',
    load: async () => (await import('./export.ts')).exportCommand,
  },
  policy: {
    sentence: 'print the rights in Vault that the controller needs',
    load: async () => (await import('./policy.ts')).policy,
  },
  certs: { sentence: 'make a CA and a serving certificate', load: async () => (await import('./certs.ts')).certs },
  version: { sentence: 'print the version', load: async () => (await import('./version.ts')).version },
};

const usage = (): string => {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const lines = Object.entries(COMMANDS).map(([name, { sentence }]) => `  ${name.padEnd(width)}  ${sentence}`);
  return `vault-auth-injector COMMAND [-flag=value …]\n\n${lines.join('\n')}\n\nvault-auth-injector COMMAND -help lists the flags of a command.\n`;
};

const HELP = new Set(['help', '-h', '-help', '--help']);

/** Runs one command; the answer is the exit code. */
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
      `vault-auth-injector: no command ${JSON.stringify(name)}${nearest === undefined ? '' : `; did you mean ${nearest}?`}\n\n${usage()}`,
    );
    return 2;
  }
  const run = await entry.load();
  return run(rest, terminal);
};

const environment = processEnvironment();
process.exitCode = await main(process.argv.slice(2), processTerminal(environment, surroundings(environment).noColor));
