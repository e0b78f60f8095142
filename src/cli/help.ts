// The text of -help: every flag of a command with its environment variable and default, printed from the settings table.
import { variableOf } from '../settings/variable-names.ts';
import { defaultOf, flagOf, keysOf } from '../settings/read.ts';
import { settingsTable, type Command, type SettingKey, type SettingRow } from '../settings/table.ts';

/** A flag of one command that is not a setting. */
export interface OwnFlag {
  readonly name: string;
  /** Word for the value; absent for a switch. */
  readonly value?: string;
  readonly sentence: string;
}

interface HelpEntry {
  readonly head: string;
  readonly lines: readonly string[];
}

const WIDTH = 100;
/** The text of a flag longer than this starts on the next line. */
const WIDEST_HEAD = 30;

/** Usage and summary of each command: the first lines of its help. */
const USAGE: Readonly<Record<Command, readonly [string, string]>> = {
  webhook: ['webhook [flags]', 'Serves admission reviews over HTTPS.'],
  'agent-inject': [
    'agent-inject [flags]',
    'Serves admission reviews as vault-k8s does. Environment variables override flags, as there.',
  ],
  controller: [
    'controller [flags]',
    'Reconciles auth backends, roles and policies of Vault and OpenBao with vaultauth.dev objects.',
  ],
  inject: ['inject -f FILE… [flags]', 'Injects manifests without a cluster and prints them. Without -f it reads standard input.'],
  explain: [
    'explain -f FILE… [flags], or explain pod NAMESPACE/NAME [flags]',
    'Explains for each pod of a manifest, or one of a cluster, whether and why it is injected.',
  ],
};

/** The help of a command, at most 100 columns wide where its words allow it. */
export function helpOf(command: Command, own: readonly OwnFlag[] = []): string {
  const [usage, sentence] = USAGE[command];
  const entries = [...own.map(ownEntry), ...keysOf(command).map((key) => settingEntry(key, command))];
  const column = 2 + Math.min(WIDEST_HEAD, Math.max(...entries.map(({ head }) => head.length))) + 2;
  const body = entries.map((entry) => entryText(entry, column)).join('');
  return `vault-auth-injector ${usage}\n\n${sentence}\n\nFlags, each with its environment variable and default:\n\n${body}`;
}

const ownEntry = ({ name, value, sentence }: OwnFlag): HelpEntry => ({
  head: `-${name}${value === undefined ? '' : ` ${value}`}`,
  lines: [sentence],
});

const settingEntry = (key: SettingKey, command: Command): HelpEntry => {
  const row: SettingRow<unknown> = settingsTable[key];
  const standard = defaultOf(key, command) ?? '';
  // A switch has no value; a list of words is too long for the head and gets a line of its own.
  const isWords = row.kind.name.includes('|');
  const value = row.kind.name === 'flag' ? '' : ` ${isWords ? 'WORD' : row.kind.name.toUpperCase().replaceAll(' ', '-')}`;
  const notes = [
    variableOf(key, command),
    ...(isWords ? [row.kind.expected] : []),
    ...(standard === '' ? [] : [`default ${standard}`]),
  ];
  return { head: `-${flagOf(key)}${value}`, lines: [row.sentence, notes.join(', ')] };
};

const entryText = ({ head, lines }: HelpEntry, column: number): string => {
  const margin = ' '.repeat(column);
  const wrapped = lines.flatMap((line) => wrap(line, WIDTH - column));
  const first = `  ${head}`;
  const [start, ...rest] =
    first.length + 2 <= column ? [first.padEnd(column) + (wrapped[0] ?? ''), ...wrapped.slice(1)] : [first, ...wrapped];
  return [start, ...rest.map((line) => margin + line)].map((line) => `${line}\n`).join('');
};

/** Splits a text at blanks; a word that is too long for a line has one of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
