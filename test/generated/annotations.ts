// docs/annotations.md from the table of annotations and the families.
import { families } from '../../src/annotations/families.ts';
import type { Kind } from '../../src/annotations/kinds.ts';
import { annotationName, FAMILIAR_PREFIX, OWN_PREFIX, PREFIXES, kebab } from '../../src/annotations/names.ts';
import { LISTED_FIELDS, type ListedField } from '../../src/annotations/secret-list.ts';
import { ANNOTATION_LAYERS, type AnnotationLayer } from '../../src/annotations/parse.ts';
import { type Row, table, type OptionKey } from '../../src/annotations/table.ts';
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
  `Every name below stands after one of three prefixes, which mean the same: ${PREFIXES.map(code).join(', ')}. The names and meanings are those of
vault-k8s 1.7.6. One name with two different values under two prefixes of one object is a [problem](problems.md#annotation-conflict). A name
under one of these prefixes that is not listed here has no effect and earns a [warning](problems.md#annotation-unknown) with the nearest
name. Examples are written with ${code(FAMILIAR_PREFIX)}.`,
  `**Where.** An annotation counts on the pod template of a workload (not on the Deployment's own metadata), on the pod's service account, and
on its namespace; where the table says *pod*, only there. Later layers win:

    built-in default < setting of the operator < ${ANNOTATION_LAYERS.map((layer) => LAYER_WORDS[layer]).join(' < ')}

The webhook follows namespaces, service accounts and limit ranges on the API server, or reads them from \`-cluster-state\`.`,
  `**Guarded** annotations can redirect the token or change what runs. \`agent-inject\` allows them, as vault-k8s does. \`webhook\` refuses a
pod that uses one, unless the operator (setting [\`-allow\`](settings.md)) or its namespace (annotation ${code(annotationName('allow'))}) lists it.
A patch that ${code(kebab('agentConfigPatch' satisfies OptionKey))} makes of the configuration needs ${code('service')} and ${code(kebab('tlsSkipVerify' satisfies OptionKey))} as well, where it changes where Vault is or whether
it is verified; the patches of containers can change all of them, what runs in them included.`,
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

const remarks = (row: Row<unknown>): string =>
  [
    row.deprecated === undefined ? '' : ` *Outdated: ${row.deprecated}.*`,
    row.empty === undefined ? '' : ' An empty value counts as absent.',
  ].join('');

const HEAD = ['Name', 'Kind', 'Default', 'Where', 'Guarded', 'Meaning', 'Example'];

const plainRow = (key: OptionKey): readonly string[] => {
  const row: Row<unknown> = table[key];
  const meaning = `${row.sentence}${remarks(row)}${settingLink(key)}`;
  return [
    code(kebab(key)),
    row.kind.name,
    defaultText(row.default),
    where(row),
    row.guarded ? 'yes' : '',
    meaning,
    code(row.example),
  ];
};

const KINDS: readonly Kind<unknown>[] = [
  ...new Map([...Object.values(table), ...Object.values(families)].map(({ kind }) => [kind.name, kind])).values(),
];

/** Whether no predecessor has the name, so that only our own prefix will do. */
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
    '## Once per NAME',
    `These are written once for each secret (or parameter): what follows the name and a dash is NAME, as in
${code(`${FAMILIAR_PREFIX}${families.secret.name}-database`)}. A secret exists when ${code(families.secret.name)}, ${code(families.template.name)} or
${code(families.templateFile.name)} names it; NAMEs are compared letter by letter.`,
    tableOf(
      ['Name', 'Kind', 'Meaning', 'Example'],
      Object.values(families).map((row) => [
        code(`${row.name}-NAME`),
        row.kind.name,
        isOwn(row) ? `${row.sentence} Only under ${code(OWN_PREFIX)}.` : row.sentence,
        code(row.example),
      ]),
    ),
    `## The list ${code(kebab('secrets' satisfies OptionKey))}`,
    `${code(annotationName('secrets'))} declares secrets as one list in YAML (or JSON) instead. Every field stands for the annotation beside it, and means what it means;
every value is text, quoted or not. The list is read strictly: an unknown field, a wrong value, an anchor, alias or tag, or a name that the same object
declares by other annotations too is a problem, and all of them are told at once. A later layer wins over an earlier one secret by secret and field by
field, however each of them writes it.

    ${annotationName('secrets')}: |
      - name: database
        path: kv/data/shop/database
        format: dotenv
        perms: 0440
      - name: signing.key
        path: kv/data/shop/signing
        volumePath: /etc/signing
        containers: [signer]

A directory is one volume, so that ${code('containers')} needs a ${code('volumePath')} of its own: without one, or with other containers for another secret of that directory,
it is a problem. The containers that are named get the directory whatever the other annotations choose, unless ${code(annotationName('skipContainers'))}
names them.`,
    tableOf(
      ['Field', 'As the annotation', 'Value'],
      [
        ['`name`', 'NAME in all of them', 'text'],
        ...(Object.keys(LISTED_FIELDS) as ListedField[]).map((field) => {
          const family = families[LISTED_FIELDS[field]];
          return [code(field), code(`${family.name}-NAME`), field === 'containers' ? 'list of names' : family.kind.name];
        }),
      ],
    ),
    '## Kinds of values',
    tableOf(
      ['Kind', 'What can be written'],
      KINDS.map(({ name, expected }) => [name, expected]),
    ),
  ]);
}
