// docs/resources.md: every field, condition and reason of the four kinds, from their schemas.
import { isObject, objectsOf, textOf, type Json, type JsonObject } from '../../src/json/json.ts';
import { aclPolicyReasons } from '../../src/resources/acl-policy.ts';
import { backendReasons } from '../../src/resources/backend.ts';
import { definitions, structural } from '../../src/resources/crd.ts';
import { endpointReasons } from '../../src/resources/endpoint.ts';
import { API_VERSION, CATEGORY, type KindName, kinds } from '../../src/resources/kinds.ts';
import { roleReasons } from '../../src/resources/role.ts';
import { code, documentOf, tableOf, type Document } from './markdown.ts';

const REASONS: Readonly<Record<KindName, Readonly<Record<string, readonly string[]>>>> = {
  VaultEndpoint: endpointReasons,
  VaultAuthBackend: backendReasons,
  VaultACLPolicy: aclPolicyReasons,
  VaultAuthRole: roleReasons,
};

const INTRODUCTION = [
  `The kinds of ${code(API_VERSION)}. ${code('deploy/crds')} installs them, ${code('deploy/examples/resources')} has one example of each, and
${code(`kubectl get ${CATEGORY} -A`)} lists all objects.`,
  `References to Secrets and ConfigMaps name objects in the controller's namespace; there is no field for another namespace. Durations
are hours, minutes and seconds in this order, such as ${code('1h30m')}.`,
  `Every object has the condition ${code('Ready')}, which summarises the others: its reason is that of the first condition that is not
True.`,
];

const shown = (value: Json | undefined): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** The limits of a field. */
const bounds = (schema: JsonObject): string => {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems } = schema;
  const words = Array.isArray(schema['enum']) ? schema['enum'].map((word) => code(shown(word))).join(', ') : undefined;
  if (words !== undefined) return words;
  if (minimum !== undefined) return `${shown(minimum)} to ${maximum === Number.MAX_SAFE_INTEGER ? '…' : shown(maximum)}`;
  if (maxLength !== undefined) return `${minLength === undefined ? '' : `${shown(minLength)} to `}${shown(maxLength)} characters`;
  if (maxItems !== undefined) return `${minItems === undefined ? '' : `${shown(minItems)} to `}${shown(maxItems)} items`;
  return '';
};

const typeOf = (schema: JsonObject): string =>
  schema['type'] === 'array' && isObject(schema['items']) ? `list of ${typeOf(schema['items'])}` : (textOf(schema, 'type') ?? '');

/** The default of a plain value; that of an object follows from its fields. */
const defaultOf = (value: Json | undefined, required: boolean): string =>
  value === undefined || isObject(value) ? (required ? 'required' : '–') : code(JSON.stringify(value));

const rulesOf = (schema: JsonObject): string =>
  objectsOf(schema['x-kubernetes-validations'])
    .map((rule) => `${textOf(rule, 'fieldPath')?.slice(1) ?? ''} ${textOf(rule, 'message') ?? ''}`.trim())
    .map((rule) => ` *${rule}*.`)
    .join('');

const rowsOf = (schema: JsonObject, path: string): readonly (readonly string[])[] => {
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  return Object.entries(properties).flatMap(([key, member]) => {
    if (!isObject(member)) return [];
    const here = path === '' ? key : `${path}.${key}`;
    const of = isObject(member['items']) ? member['items'] : member;
    const row = [
      code(here),
      typeOf(member),
      defaultOf(member['default'], required.includes(key)),
      [bounds(member), of === member ? '' : bounds(of)].filter((text) => text !== '').join('; '),
      `${textOf(member, 'description') ?? ''}${rulesOf(member)}${of === member ? '' : rulesOf(of)}`,
    ];
    return [row, ...rowsOf(of, of === member ? here : `${here}[]`)];
  });
};

const fields = (schema: JsonObject): string => tableOf(['Field', 'Type', 'Default', 'Limits', 'Meaning'], rowsOf(schema, ''));

const sectionOf = (name: KindName): readonly string[] => {
  const { words, spec, status, rules } = definitions[name];
  const { shortNames, scope } = kinds[name];
  const [specSchema, statusSchema] = [structural(spec), structural(status)];
  const whole = [...objectsOf(specSchema['x-kubernetes-validations']), ...rules.map((rule) => ({ ...rule }))];
  return [
    `## ${name}`,
    `${words} ${scope === 'Cluster' ? 'Cluster-scoped' : 'Namespaced'}, short name ${code(shortNames[0] ?? '')}.`,
    '### spec',
    fields(specSchema),
    ...(whole.length === 0
      ? []
      : [
          whole
            .map(
              (rule) =>
                `- ${'fieldPath' in rule ? `${code(textOf(rule, 'fieldPath')?.slice(1) ?? '')} ` : ''}${textOf(rule, 'message') ?? ''}`,
            )
            .join('\n'),
        ]),
    '### status',
    fields(statusSchema),
    '### Conditions',
    tableOf(
      ['Condition', 'Reasons'],
      Object.entries(REASONS[name]).map(([type, reasons]) => [code(type), reasons.map(code).join(', ')]),
    ),
  ];
};

/** The reference of the four kinds. */
export function resourcesDocument(): Document {
  return documentOf('docs/resources.md', 'Resources', [
    ...INTRODUCTION,
    ...(Object.keys(kinds) as KindName[]).flatMap((name) => sectionOf(name)),
  ]);
}
