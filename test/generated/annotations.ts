// docs/annotations.md from the table of annotations and the families.
import { families } from '../../src/annotations/families.ts';
import type { ValueKind } from '../../src/annotations/value-kinds.ts';
import { annotationName, FAMILIAR_PREFIX, OWN_PREFIX, PREFIXES, kebab } from '../../src/annotations/names.ts';
import { LISTED_FIELDS, type ListedField } from '../../src/annotations/secret-list.ts';
import { ANNOTATION_LAYERS, type AnnotationLayer, type Row } from '../../src/annotations/row.ts';
import { table, type OptionKey } from '../../src/annotations/table.ts';
import { formats } from '../../src/pod/formats.ts';
import { flagOf } from '../../src/settings/read.ts';
import { settingsTable, type SettingKey, type SettingRow } from '../../src/settings/table.ts';
import { code, documentOf, groupsOf, tableOf, type Document } from './markdown.ts';

const FIRSTS: readonly (readonly [OptionKey, string])[] = [
  ['agentInject', 'Switches and placement'],
  ['secretVolumePath', 'Secrets and templates'],
  ['service', 'Vault connection and login'],
  ['agentConfigmap', 'The agent process'],
];

const LAYER_WORDS: Readonly<Record<AnnotationLayer, string>> = {
  namespace: 'namespace',
  serviceaccount: 'service account',
  pod: 'pod',
};

const NONE = '–';

const INTRODUCTION = [
  `Every name below has one of three prefixes, which mean the same: ${PREFIXES.map(code).join(', ')}. The names and meanings are those of
vault-k8s 1.7.6. Different values of one name under two prefixes of one object are a [problem](problems.md#annotation-conflict). An
unknown name under one of these prefixes has no effect and causes a [warning](problems.md#annotation-unknown) that suggests the nearest
name. Examples use the prefix ${code(FAMILIAR_PREFIX)}.`,
  `**Where.** An annotation is read from the pod template of a workload (not from the Deployment's own metadata), the pod's service account, and
its namespace; if the table says *pod*, only from the pod template. Later layers override earlier ones:

    built-in default < settings < ${ANNOTATION_LAYERS.map((layer) => LAYER_WORDS[layer]).join(' < ')}

The webhook watches namespaces, service accounts and LimitRanges, or reads them from \`-cluster-state\`.`,
  `**Guarded** annotations can redirect the token or change what runs. \`agent-inject\` allows them, as vault-k8s does. \`webhook\` denies a
pod that uses one, unless the setting [\`-allow\`](settings.md) or the annotation ${code(annotationName('allow'))} of its namespace lists it.
If ${code(kebab('agentConfigPatch' satisfies OptionKey))} changes Vault's address or the verification of its certificate, ${code('service')} or ${code(kebab('tlsSkipVerify' satisfies OptionKey))} must be
allowed too. Patches of containers can change everything, including the command.`,
  `**Profile.** An annotation that only one profile uses has no effect in the other one. If the pod cannot be as its author expects, that is
a [problem](problems.md#profile-unsupported), otherwise a [warning](problems.md#profile-ignored).`,
  `**Values.** White space around a value does not count, except in templates and commands. The table [Kinds of values](#kinds-of-values)
has what is valid; anything else is a [problem](problems.md#annotation-value). A text that can only mean something else is read as that, with a
[warning](problems.md#annotation-corrected): the mount path \`/v1/kubernetes/login\` as \`auth/kubernetes\`, the mode \`0o640\` as \`0640\`.`,
];

/** The setting with which an operator changes a default, by annotation. */
const SETTING_OF: ReadonlyMap<string, SettingKey> = new Map(
  (Object.keys(settingsTable) as SettingKey[]).flatMap((key) => {
    const { option }: SettingRow<unknown> = settingsTable[key];
    return option === undefined ? [] : [[option, key] as const];
  }),
);

const settingLink = (key: OptionKey): string => {
  const setting = SETTING_OF.get(key);
  return setting === undefined ? '' : ` Setting: [${code(`-${flagOf(setting)}`)}](settings.md).`;
};

const defaultText = (value: unknown): string => {
  if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) return NONE;
  return code(typeof value === 'string' ? value : JSON.stringify(value));
};

const where = (row: Row<unknown>): string => {
  if (row.podOnly) return LAYER_WORDS.pod;
  return row.namespaceOnly ? LAYER_WORDS.namespace : ANNOTATION_LAYERS.map((layer) => LAYER_WORDS[layer]).join(', ');
};

/** The only profile that uses the annotation, and what happens to it in the other one. */
const profileText = ({ profile }: Row<unknown>): string =>
  profile === undefined ? '' : `${profile.only}; ${profile.elsewhere === 'denied' ? 'else a problem' : 'else a warning'}`;

const remarks = (row: Row<unknown>): string =>
  [
    row.deprecated === undefined ? '' : ` *Deprecated: ${row.deprecated}.*`,
    row.empty === undefined ? '' : ' An empty value counts as absent.',
    row.anyText === undefined ? '' : ` Any text: ${row.anyText}.`,
  ].join('');

const HEAD = ['Name', 'Kind', 'Default', 'Where', 'Guarded', 'Profile', 'Meaning', 'Example'];

const plainRow = (key: OptionKey): readonly string[] => {
  const row: Row<unknown> = table[key];
  const meaning = `${row.sentence}${remarks(row)}${settingLink(key)}`;
  return [
    code(kebab(key)),
    row.kind.name,
    defaultText(row.default),
    where(row),
    row.guarded ? 'yes' : '',
    profileText(row),
    meaning,
    code(row.example),
  ];
};

const KINDS: readonly ValueKind<unknown>[] = [
  ...new Map([...Object.values(table), ...Object.values(families)].map(({ kind }) => [kind.name, kind])).values(),
];

/** Whether the name exists only under our own prefix. */
const isOwn = (row: object): boolean => 'own' in row && row.own === true;

const KEYS = Object.keys(table) as OptionKey[];
const OWN_KEYS = KEYS.filter((key) => isOwn(table[key]));

const ownSection = (): readonly string[] =>
  OWN_KEYS.length === 0 ? [] : [`## Only under ${code(OWN_PREFIX)}`, tableOf(HEAD, OWN_KEYS.map(plainRow))];

/** The reference of all annotations. */
export function annotationsDocument(): Document {
  return documentOf('docs/annotations.md', 'Annotations', [
    ...INTRODUCTION,
    ...groupsOf(
      KEYS.filter((key) => !isOwn(table[key])),
      FIRSTS,
    ).flatMap(({ title, keys }) => [`## ${title}`, tableOf(HEAD, keys.map(plainRow))]),
    ...ownSection(),
    '## Families',
    `One annotation for each secret (or parameter): NAME follows the name and a dash, as in
${code(`${FAMILIAR_PREFIX}${families.secret.name}-database`)}. A secret exists if ${code(families.secret.name)}, ${code(families.template.name)} or
${code(families.templateFile.name)} declares it. NAME is case-sensitive.`,
    tableOf(
      ['Name', 'Kind', 'Meaning', 'Example'],
      Object.values(families).map((row) => [
        code(`${row.name}-NAME`),
        row.kind.name,
        `${row.sentence}${isOwn(row) ? ` Only under ${code(OWN_PREFIX)}.` : ''}${remarks(row)}`,
        code(row.example),
      ]),
    ),
    `## The list ${code(kebab('secrets' satisfies OptionKey))}`,
    `${code(annotationName('secrets'))} declares secrets as one list in YAML (or JSON) instead. Each field corresponds to an annotation of the table below. Every value
is text, quoted or not. Unknown fields, invalid values, anchors, aliases and tags are problems. So is a name that the same object also
declares by other annotations. All problems are reported at once. A later layer overrides an earlier one per secret and field, in
either form.

    ${annotationName('secrets')}: |
      - name: database
        path: kv/data/shop/database
        format: dotenv
        perms: 0440
      - name: signing.key
        path: kv/data/shop/signing
        volumePath: /etc/signing
        containers: [signer]

A directory is one volume, so a secret with ${code('containers')} needs its own ${code('volumePath')}. All secrets of that directory must name the same
containers. The named containers get the directory regardless of other annotations, unless ${code(annotationName('skipContainers'))}
names them.`,
    tableOf(
      ['Field', 'Annotation', 'Value'],
      [
        ['`name`', 'NAME in all of them', 'text'],
        ...(Object.keys(LISTED_FIELDS) as ListedField[]).map((field) => {
          const family = families[LISTED_FIELDS[field]];
          return [code(field), code(`${family.name}-NAME`), field === 'containers' ? 'list of names' : family.kind.name];
        }),
      ],
    ),
    '## Formats',
    `A secret without a template is rendered in its format. Readers get every key and value back unchanged: text as it is, any other value
(numbers, ${code('null')}, objects) as JSON, or as YAML in ${code('yaml')}. All formats except ${code('map')} and ${code('json')} render the values
of either version of the KV engine, and of other engines.

A key or value that a reader would change is refused: the agent renders no file, and its log (and ${code('kubectl describe pod')}, while the pod
starts) has the line ${code('format dotenv cannot hold "db-password" (…). Use format yaml, or shell for such values.')} It names the keys, never
a value. A running agent keeps the old file and tries again. Nothing in a secret is executed: ${code('$(…)')}, backticks and quotes are text to all
of these readers. The tests render each format with OpenBao's and Vault's agents and read it with these programs.`,
    tableOf(
      ['Format', 'Readers', 'Looks like', 'Refuses'],
      Object.entries(formats).map(([name, { readers, example, refuses }]) => [code(name), readers, code(example), refuses]),
    ),
    `Examples: ${code('set -a; . /vault/secrets/env; set +a')} in a shell exports all variables of ${code('dotenv')} or ${code('shell')}. npm's ${code('dotenv')} and
python-dotenv take backslashes in values of ${code('dotenv')} for escapes: choose ${code('yaml')} or ${code('json')} for them.`,
    '## Kinds of values',
    tableOf(
      ['Kind', 'Valid values'],
      KINDS.map(({ name, expected }) => [name, expected]),
    ),
  ]);
}
