// What annotations, objects and settings request for a pod, and which layer each value comes from.
import {
  type FamilyOptions,
  type Options,
  type Origin,
  type Parsed,
  OBJECT_LAYERS,
  type Layer,
} from '../../annotations/parse.ts';
import { kebab } from '../../annotations/names.ts';
import { ANNOTATION_LAYERS } from '../../annotations/row.ts';
import { table, type OptionKey } from '../../annotations/table.ts';
import { annotationsOf, podOptions, type AdmissionContext } from '../../admission/admit.ts';
import { ALLOW_ALL, guardProblemsOf } from '../../admission/guard.ts';
import { objectAt, objectsOf, textOf, type Json, type JsonObject } from '../../json/json.ts';
import { CONTAINER_LISTS, readPod, serviceAccountOf, type Pod } from '../../pod/pod.ts';
import { envVariables, type EnvVariable } from '../../pod/env-variables.ts';
import { VARIABLES_VOLUME } from '../../pod/native/variables.ts';
import { secretFiles, type SecretFile } from '../../pod/secrets.ts';
import { injectedToken, SERVICE_ACCOUNT_DIRECTORY, tokenMount, type TokenMount } from '../../pod/token.ts';
import { flagOf, type ReadSettings } from '../../settings/read.ts';
import { settingsTable, type SettingKey, type SettingRow } from '../../settings/table.ts';
import type {
  Explanation,
  GuardedExplanation,
  OptionExplanation,
  SecretExplanation,
  TokenExplanation,
  VariableExplanation,
} from './explanation.ts';
import type { EvaluatedPod } from './evaluate.ts';

const LAYERS: readonly Layer[] = ['built-in', 'settings', ...OBJECT_LAYERS, ...ANNOTATION_LAYERS];

/** Login, token, options and secrets of a pod, with their layers. */
export function requestedBy(
  { workload, received, injected }: EvaluatedPod,
  settings: ReadSettings,
  context: AdmissionContext,
): Pick<Explanation, 'login' | 'token' | 'options' | 'guarded' | 'secrets' | 'variables'> {
  const reading = readPod(received);
  if (!reading.ok) return { options: [], guarded: [], secrets: [], variables: [] };
  const { own, linked } = podOptions(reading.pod, workload.namespace, context);
  const parsed = linked?.parsed ?? own;
  const { options, families } = parsed;
  const layerOf = layersOf(workload, reading.pod, context);
  const token = tokenOf(workload.pod, reading.pod, options);
  const role = options.role === '' ? (families.authConfig.get('role')?.value ?? '') : options.role;
  return {
    login: {
      address: options.service ?? '',
      authType: options.authType,
      mount: options.authPath,
      role,
      namespace: options.namespace,
    },
    ...(token ? { token } : {}),
    options: optionsOf(parsed, settings),
    guarded: guardedOf(parsed, context, layerOf),
    secrets: secretFiles(families, options).files.map((file) => secretOf(file, families, layerOf)),
    variables: envVariables(families).variables.map((variable) => variableOf(variable, injected, layerOf)),
  };
}

/** The token that the agent, or the app itself, logs in with. */
const tokenOf = (pod: JsonObject, received: Pod, options: Options): TokenExplanation | undefined => {
  const added = injectedToken(options);
  if (added) {
    const { tokenAudience: audience, tokenExpirationSeconds: expirationSeconds } = options;
    return { volume: added.volume, path: pathOf(added), from: 'injection', audience, expirationSeconds };
  }
  const token = tokenMount(received, options);
  if ('code' in token) return undefined;
  const isThere = hasVolume(pod, token.volume);
  return {
    volume: isThere ? token.volume : '',
    path: pathOf(token),
    from: isThere || token.directory !== SERVICE_ACCOUNT_DIRECTORY ? 'manifest' : 'api-server',
  };
};

const pathOf = ({ directory, file }: TokenMount): string => `${directory.replace(/\/+$/, '')}/${file}`;

/** Options that injection writes and that are not requested. */
const WRITTEN: ReadonlySet<OptionKey> = new Set(['agentInjectStatus', 'agentConfig']);

/** Options that have a value, the weakest layer first. */
const optionsOf = ({ options, origins }: Parsed, settings: ReadSettings): OptionExplanation[] => {
  const all = (Object.keys(table) as OptionKey[]).filter((key) => options[key] !== undefined && !WRITTEN.has(key));
  const found = all.map((key) => [key, origins.get(key) ?? { layer: 'built-in' }] as const);
  return found.toSorted(byLayer).map(([key, { layer, annotation, object }]): OptionExplanation => {
    const value = options[key] as Json;
    const isDefault = layer === 'built-in' || (layer === 'settings' && JSON.stringify(value) === JSON.stringify(builtIn(key)));
    return {
      name: kebab(key),
      value,
      layer,
      from: annotation ?? object ?? (layer === 'settings' ? settingOf(key, settings) : ''),
      default: isDefault,
    };
  });
};

const byLayer = ([, one]: readonly [OptionKey, Origin], [, other]: readonly [OptionKey, Origin]): number =>
  LAYERS.indexOf(one.layer) - LAYERS.indexOf(other.layer);

const builtIn = (key: OptionKey): unknown => ('default' in table[key] ? table[key].default : undefined);

/** The flag of the setting that gives an option its value. */
const settingOf = (option: OptionKey, { settings }: ReadSettings): string => {
  const key = (Object.keys(settings) as SettingKey[]).find(
    (candidate) => (settingsTable[candidate] as SettingRow<unknown>).option === option,
  );
  return key === undefined ? '' : `-${flagOf(key)}`;
};

/** The layer of an annotation: the strongest that has it. `secrets[0].name` is on the layer of `secrets`. */
const layersOf = (
  { namespace }: EvaluatedPod['workload'],
  pod: Pod,
  context: AdmissionContext,
): ((annotation: string) => Layer) => {
  const account = serviceAccountOf(pod);
  const own = annotationsOf(pod);
  const ofAccount = context.serviceAccount(namespace, account)?.annotations;
  return (name) => {
    const annotation = name.replace(/\[[0-9]+\].*$/, '');
    if (own.has(annotation)) return 'pod';
    return ofAccount?.has(annotation) === true ? 'serviceaccount' : 'namespace';
  };
};

const isIn = (names: readonly string[], name: string): boolean => names.includes(name) || names.includes(ALLOW_ALL);

const guardedOf = (parsed: Parsed, context: AdmissionContext, layerOf: (annotation: string) => Layer): GuardedExplanation[] => {
  const own = parsed.options.allow ?? [];
  return guardProblemsOf(parsed, context.baseline.options, new Set()).map(({ annotation, name }) => ({
    name,
    annotation,
    layer: layerOf(annotation),
    allowedBy: isIn(context.allow, name) ? 'settings' : isIn(own, name) ? 'namespace' : 'none',
  }));
};

const secretOf = (
  { name, path, destination, template, source, format, permissions, command }: SecretFile,
  families: FamilyOptions,
  layerOf: (annotation: string) => Layer,
): SecretExplanation => {
  const from =
    [families.secret, families.template, families.templateFile].map((family) => family.get(name)?.annotation).find(Boolean) ?? '';
  return {
    name,
    path,
    file: destination,
    from,
    layer: layerOf(from),
    template: source === '' ? (template === '' ? 'default' : 'inline') : 'file',
    format: source === '' && template === '' ? format : '',
    templateFile: source,
    permissions,
    command,
  };
};

const variableOf = (
  { name, path, key, fallback, annotation }: EnvVariable,
  injected: JsonObject,
  layerOf: (annotation: string) => Layer,
): VariableExplanation => ({
  name,
  source: path === '' ? '' : `${path}#${key}`,
  ...(fallback === undefined ? {} : { default: fallback }),
  from: annotation,
  layer: layerOf(annotation),
  containers: CONTAINER_LISTS.toReversed()
    .flatMap((list) => objectsOf(objectAt(injected, 'spec')?.[list]))
    .filter((container) => objectsOf(container['env']).some((entry) => nameOf(entry) === name && isFromSecret(entry)))
    .map(nameOf),
});

const isFromSecret = (entry: JsonObject): boolean =>
  textOf(objectAt(objectAt(entry, 'valueFrom'), 'fileKeyRef'), 'volumeName') === VARIABLES_VOLUME;

export function nameOf(object: JsonObject): string {
  return textOf(object, 'name') ?? '';
}

export function hasVolume(pod: JsonObject, name: string): boolean {
  return objectsOf(objectAt(pod, 'spec')?.['volumes']).some((volume) => nameOf(volume) === name);
}
