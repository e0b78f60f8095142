// Everything that explain says about one pod, as data: what `-o json` prints and the text is made of.
import { ANNOTATION_LAYERS, kebab, type Layer } from '../../annotations/row.ts';
import type { Options, Origin } from '../../annotations/parse.ts';
import { table, type OptionKey } from '../../annotations/table.ts';
import { annotationsOf, parsePod, type AdmissionContext } from '../../admission/admit.ts';
import { checkPod } from '../../pod/check.ts';
import { objectAt, objectsOf, textOf, type Json, type JsonObject } from '../../pod/manifest.ts';
import { secretFiles, type SecretFile } from '../../pod/secrets.ts';
import { injectedToken, SERVICE_ACCOUNT_DIRECTORY, tokenMount, type TokenMount } from '../../pod/token.ts';
import type { SelectionReason } from '../../selection/decide.ts';
import type { ReadSettings } from '../../settings/read.ts';
import { flagOf } from '../../settings/read.ts';
import { settingsTable, type SettingKey, type SettingRow } from '../../settings/table.ts';
import type { Judged, Note } from './judge.ts';
import { sentenceOf } from './reason.ts';

export interface OptionExplanation {
  /** Name without prefix. */
  readonly name: string;
  readonly value: Json;
  readonly layer: Layer;
  /** The annotation or flag that says so. */
  readonly from: string;
}

export interface SecretExplanation {
  readonly name: string;
  /** Path in Vault; empty when only a template declares the secret. */
  readonly path: string;
  readonly file: string;
  readonly template: 'default' | 'inline' | 'file';
  readonly templateFile: string;
  readonly permissions: string;
  readonly command: string;
}

export interface ContainerExplanation {
  readonly name: string;
  readonly list: 'initContainers' | 'containers';
  readonly image: string;
  /** Not in the manifest: injection adds it. */
  readonly added: boolean;
  /** Mounts that injection adds, or all of an added container. */
  readonly mounts: readonly { readonly volume: string; readonly path: string }[];
}

export interface TokenExplanation {
  /** Empty when the API server is still to add it. */
  readonly volume: string;
  readonly path: string;
  readonly from: 'injection' | 'api-server' | 'manifest';
  /** Only of a token that injection adds. */
  readonly audience?: string;
  readonly expirationSeconds?: number;
}

export interface Explanation {
  readonly file: string;
  readonly line: number;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly decision: 'injected' | 'skipped' | 'denied';
  readonly reason: SelectionReason;
  readonly sentence: string;
  readonly injectionType: string;
  readonly serviceAccount: string;
  /** Absent for a pod that is left alone without being asked about, like everything below it. */
  readonly login?: {
    readonly address: string;
    readonly authType: string;
    readonly mount: string;
    readonly role: string;
    readonly namespace: string;
  };
  readonly token?: TokenExplanation;
  readonly options: readonly OptionExplanation[];
  readonly secrets: readonly SecretExplanation[];
  readonly containers: readonly ContainerExplanation[];
  /** Volumes that injection adds. */
  readonly volumes: readonly string[];
  readonly warnings: readonly Omit<Note, 'level'>[];
  readonly problems: readonly Omit<Note, 'level'>[];
}

const LAYERS: readonly Layer[] = ['built-in', 'settings', ...ANNOTATION_LAYERS];
const LISTS = ['initContainers', 'containers'] as const;

/** What is known about a pod that was judged. */
export const explanationOf = (judged: Judged, settings: ReadSettings, context: AdmissionContext): Explanation => {
  const { document, workload, line, outcome, seen, injected, notes } = judged;
  const { kind, namespace, name, pod } = workload;
  const warnings = notes.filter(({ level }) => level === 'warning').map(withoutLevel);
  const isCurrent = outcome.decision === 'injected' && injected === pod;
  const isConcerned = outcome.decision !== 'skipped' || outcome.hindered;
  return {
    file: document.source.file,
    line,
    kind,
    namespace,
    name,
    decision: outcome.decision,
    reason: outcome.reason,
    sentence: sentenceOf(outcome.decision, outcome.reason, isCurrent, outcome.hindered),
    injectionType: outcome.kind ?? '',
    serviceAccount: textOf(objectAt(pod, 'spec'), 'serviceAccountName') ?? 'default',
    ...(isConcerned && checkPod(seen).length === 0 ? wishes(judged, settings, context) : { options: [], secrets: [] }),
    containers: containersOf(pod, injected),
    volumes: objectsOf(objectAt(injected, 'spec')?.['volumes'])
      .map(nameOf)
      .filter((volume) => !hasVolume(pod, volume)),
    warnings,
    problems: notes.filter(({ level }) => level === 'error').map(withoutLevel),
  };
};

const withoutLevel = ({ line, code, sentence, remedy }: Note): Omit<Note, 'level'> => ({ line, code, sentence, remedy });

/** What the annotations of all layers ask for. */
const wishes = (
  { workload, seen }: Judged,
  settings: ReadSettings,
  context: AdmissionContext,
): Pick<Explanation, 'login' | 'token' | 'options' | 'secrets'> => {
  const { options, families, origins } = parsePod(seen, annotationsOf(seen), workload.namespace, context);
  const token = tokenOf(workload.pod, seen, options);
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
    options: [...origins].sort(byLayer).flatMap(([key, { layer, annotation }]) => {
      const value = (options[key] ?? null) as Json;
      if (layer === 'settings' && JSON.stringify(value) === JSON.stringify(builtIn(key))) return [];
      return [{ name: kebab(key), value, layer, from: annotation ?? settingOf(key, settings) }];
    }),
    secrets: secretFiles(families, options).files.map(secretOf),
  };
};

/** The token that the agent, or the app itself, logs in with. */
const tokenOf = (pod: JsonObject, seen: JsonObject, options: Options): TokenExplanation | undefined => {
  const added = injectedToken(options);
  if (added) {
    const { tokenAudience: audience, tokenExpirationSeconds: expirationSeconds } = options;
    return { volume: added.volume, path: pathOf(added), from: 'injection', audience, expirationSeconds };
  }
  const token = tokenMount(seen, options);
  if ('code' in token) return undefined;
  const isThere = hasVolume(pod, token.volume);
  return {
    volume: isThere ? token.volume : '',
    path: pathOf(token),
    from: isThere || token.directory !== SERVICE_ACCOUNT_DIRECTORY ? 'manifest' : 'api-server',
  };
};

const pathOf = ({ directory, file }: TokenMount): string => `${directory.replace(/\/+$/, '')}/${file}`;

/** The earliest layer first, as they win over one another. */
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

const secretOf = ({ name, path, destination, template, source, permissions, command }: SecretFile): SecretExplanation => ({
  name,
  path,
  file: destination,
  template: source === '' ? (template === '' ? 'default' : 'inline') : 'file',
  templateFile: source,
  permissions,
  command,
});

const nameOf = (object: JsonObject): string => textOf(object, 'name') ?? '';

const hasVolume = (pod: JsonObject, name: string): boolean =>
  objectsOf(objectAt(pod, 'spec')?.['volumes']).some((volume) => nameOf(volume) === name);

/** Containers that injection adds to or changes, in the order of the pod. */
const containersOf = (pod: JsonObject, injected: JsonObject): ContainerExplanation[] =>
  LISTS.flatMap((list) => {
    const before = new Map(objectsOf(objectAt(pod, 'spec')?.[list]).map((container) => [nameOf(container), container]));
    return objectsOf(objectAt(injected, 'spec')?.[list]).map((container) => {
      const old = before.get(nameOf(container));
      const had = new Set(mountsOf(old).map(({ path }) => path));
      const mounts = mountsOf(container).filter(({ path }) => !had.has(path));
      return { name: nameOf(container), list, image: textOf(container, 'image') ?? '', added: !old, mounts };
    });
  }).filter(({ added, mounts }) => added || mounts.length > 0);

const mountsOf = (container: JsonObject | undefined): { readonly volume: string; readonly path: string }[] =>
  objectsOf(container?.['volumeMounts']).map((mount) => ({ volume: nameOf(mount), path: textOf(mount, 'mountPath') ?? '' }));
