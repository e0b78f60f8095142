// The command lines of inject and explain: settings that both share with the webhook, and flags of their own.
import { flag, INVALID } from '../../annotations/value-kinds.ts';
import { readSettings, type ReadSettings } from '../../settings/read.ts';
import { helpOf, type OwnFlag } from '../help.ts';
import { asksForHelp, type Terminal } from '../terminal.ts';

/** A command line whose flags could be read. */
export interface CommandLine {
  readonly command: 'inject' | 'explain';
  readonly settings: ReadSettings;
  /** As given, with long flags in place of short ones. */
  readonly words: readonly string[];
  /** Flags that are not settings of the webhook. */
  readonly ownFlags: ReadonlyMap<string, { readonly isSwitch: boolean }>;
  /** Prints usage errors and returns the exit code. */
  readonly fail: (problems: readonly string[]) => number;
}

/** The values are read by template-paths.ts. */
export const TEMPLATE_PATH = {
  name: 'template-path',
  value: '[KIND=]PATH',
  sentence: 'Path of a pod template in objects of other kinds, such as spec.tasks[].template. Can be repeated.',
};

const COMMON: readonly OwnFlag[] = [
  {
    name: 'f',
    value: 'FILE',
    sentence: 'File or directory with manifests; - is standard input. Can be repeated; further arguments are files too.',
  },
  TEMPLATE_PATH,
  { name: 'n', value: 'NAMESPACE', sentence: 'Short for -namespace.' },
];

/** The command line, or the exit code if it asked for help or cannot be read. */
export function parseCommandLine(
  command: CommandLine['command'],
  flags: readonly OwnFlag[],
  words: readonly string[],
  terminal: Terminal,
): CommandLine | number {
  const own = [...COMMON, ...flags];
  if (asksForHelp(words)) {
    terminal.stdout(helpOf(command, own));
    return 0;
  }
  const fail = (problems: readonly string[]): number => {
    for (const problem of problems) terminal.stderr(`vault-auth-injector ${command}: ${problem}\n`);
    return 2;
  };
  const specs = new Map(own.map(({ name, value }) => [name, { isSwitch: value === undefined }]));
  const long = words.map(longFlag);
  const reading = readSettings(command, long, terminal.environment, specs);
  if (!reading.ok) return fail(reading.problems);
  for (const warning of reading.value.warnings) terminal.stderr(`vault-auth-injector ${command}: warning: ${warning}\n`);
  const ownFlags = new Map([...specs, ['namespace', { isSwitch: false }] as const]);
  return { command, settings: reading.value, words: long, ownFlags, fail };
}

/** Short flags as kubectl takes them: -n for -namespace, so that there is one setting, and -f- or -ojson without a blank. */
const longFlag = (word: string): string =>
  word
    .replace(/^--?n(?==|$)/, '-namespace')
    .replace(/^-f-$/, '-f=-')
    .replace(/^-o(?=json$|text$)/, '-o=');

/** The value of a switch that is not a setting; undefined when it cannot be read. */
export function switchOf({ extra }: ReadSettings, name: string): boolean | undefined {
  const value = flag.read(extra.get(name) ?? 'false');
  return value === INVALID ? undefined : value;
}
