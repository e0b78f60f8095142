// docs/settings.md from the table of settings.
import { annotationName } from '../../src/annotations/names.ts';
import { variableOf, variablePrefix } from '../../src/settings/variable-names.ts';
import { defaultOf, flagOf } from '../../src/settings/read.ts';
import { settingsTable, type Command, type SettingKey, type SettingRow } from '../../src/settings/table.ts';
import { code, documentOf, groupsOf, tableOf, type Document } from './markdown.ts';

const FIRSTS: readonly (readonly [SettingKey, string])[] = [
  ['listen', 'Serving'],
  ['tlsCertFile', 'Certificates'],
  ['systemNamespaces', 'Selecting pods'],
  ['vaultAddress', 'Defaults for all pods'],
  ['observeOnly', 'The config controller'],
  ['namespace', 'Offline commands'],
];

const INTRODUCTION = [
  `A setting is a flag (\`-name=value\`, \`-name value\`, also with two dashes; a flag of kind *flag* needs no value) or an environment variable.
The variables of \`agent-inject\` begin with ${code(variablePrefix('agent-inject'))} as in vault-k8s, those of the other commands with
${code(variablePrefix('webhook'))}. For \`agent-inject\` the variable overrides the flag, as in vault-k8s; elsewhere the flag overrides the variable. An empty variable
counts as absent.`,
  `If a flag is unknown or a value is invalid, the command prints one line for each to standard error and exits with code 2 (\`agent-inject\`: 1).
A variable with one of the two prefixes that is not a setting of the command is a warning with the nearest name. At its start a server logs
one line \`settings in effect\`: each setting with its value and whether it comes from a flag, a variable or the default.
Secrets are never settings. Other environment variables: \`NAMESPACE\` and \`POD_NAME\` name the pod of the process, \`KUBERNETES_SERVICE_HOST\`
and \`KUBERNETES_SERVICE_PORT\` locate the API server, and \`NO_COLOR\` disables colour.`,
];

const word = (text: string | undefined): string => (text === undefined ? '–' : text === '' ? 'empty' : code(text));

const defaults = (key: SettingKey, commands: readonly Command[]): string => {
  const texts = commands.map((command) => defaultOf(key, command));
  const [first] = texts;
  if (texts.every((text) => text === first)) return word(first);
  return commands.map((command, index) => `${command}: ${word(texts[index])}`).join('<br>');
};

const variables = (key: SettingKey, commands: readonly Command[]): string =>
  [...new Set(commands.map((command) => variableOf(key, command)))].map(code).join('<br>');

const settingRow = (key: SettingKey): readonly string[] => {
  const row: SettingRow<unknown> = settingsTable[key];
  const annotation = row.option === undefined ? '' : code(annotationName(row.option));
  return [
    code(`-${flagOf(key)}`),
    variables(key, row.commands),
    row.kind.name,
    defaults(key, row.commands),
    row.commands.join(', '),
    row.sentence,
    annotation,
  ];
};

/** The reference of all settings. */
export function settingsDocument(): Document {
  return documentOf('docs/settings.md', 'Settings', [
    ...INTRODUCTION,
    ...groupsOf(Object.keys(settingsTable) as SettingKey[], FIRSTS).flatMap(({ title, keys }) => [
      `## ${title}`,
      tableOf(['Flag', 'Variable', 'Kind', 'Default', 'Commands', 'Meaning', 'Default of annotation'], keys.map(settingRow)),
    ]),
  ]);
}
