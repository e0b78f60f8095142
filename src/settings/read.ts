// Flags and environment → one frozen object, or every problem they have. The only reader of the environment.
import { INVALID, readText, type ValueKind, type ValueOf } from '../annotations/value-kinds.ts';
import { kebab } from '../annotations/names.ts';
import type { SettingOptions } from '../annotations/parse.ts';
import { nearestWord } from '../annotations/suggest.ts';
import { unknownVariables, variableOf } from './variable-names.ts';
import { parseFlags } from './flags.ts';
import { settingsTable, type Command, type SettingKey, type SettingRow, type SettingsTable } from './table.ts';

type Value<K extends SettingKey> = ValueOf<SettingsTable[K]['kind']>;
export type Settings = {
  readonly [K in SettingKey]: SettingsTable[K] extends { default: string } ? Value<K> : Value<K> | undefined;
};

/** Where the process runs, read from its environment here and nowhere else. */
export interface RuntimeEnvironment {
  /** Namespace of this pod, if its manifest sets NAMESPACE. */
  readonly podNamespace: string | undefined;
  readonly podName: string;
  /** Address of the API server, set by the kubelet. */
  readonly kubernetesHost: string | undefined;
  readonly kubernetesPort: string | undefined;
  /** The files of KUBECONFIG, or kubectl's default file. */
  readonly kubeconfigs: string;
  /** No colour, by the convention of no-color.org. */
  readonly noColor: boolean;
}

/** Texts by the name of the flag, or of the variable. */
export interface EffectiveSettings {
  readonly flags: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
  readonly defaults: Readonly<Record<string, string>>;
}

export interface ReadSettings {
  readonly settings: Settings;
  /** Settings that are defaults of annotations, by the name of the option. */
  readonly options: SettingOptions;
  /** Each setting that has a value, as text without secrets, under the place that it comes from. */
  readonly effective: EffectiveSettings;
  /** One line per value that was read as another one, and per environment variable without effect. */
  readonly warnings: readonly string[];
  readonly positionals: readonly string[];
  /** Flags of the command that are not in the table, as given. */
  readonly extra: ReadonlyMap<string, string>;
  /** The same with every value of a repeated flag. */
  readonly repeated: ReadonlyMap<string, readonly string[]>;
}

export type SettingsResult =
  | { readonly ok: true; readonly value: ReadSettings }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Name of the flag, without the dash. */
export function flagOf(key: SettingKey): string {
  return kebab(key);
}
/** The default of a row for a command, as text. */
export function defaultOf(key: SettingKey, command: Command): string | undefined {
  const row: SettingRow<unknown> = settingsTable[key];
  return row.defaults?.[command] ?? row.default;
}

/** Rows of a command, in the order of the table. */
export function keysOf(command: Command): readonly SettingKey[] {
  return (Object.keys(settingsTable) as SettingKey[]).filter((key) =>
    (settingsTable[key] as SettingRow<unknown>).commands.includes(command),
  );
}

const isSwitch = (kind: ValueKind<unknown>): boolean => kind.name === 'flag';

/**
 * Reads the settings of a command. For `agent-inject` a variable that is not empty overrides the flag, as in vault-k8s; for
 * the other commands the flag overrides the variable.
 */
export function readSettings(
  command: Command,
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  extraFlags: ReadonlyMap<string, { readonly isSwitch: boolean }> = new Map(),
): SettingsResult {
  const isCompat = command === 'agent-inject';
  const keys = keysOf(command);
  const specs = new Map([
    ...extraFlags,
    ...keys.map((key) => [flagOf(key), { isSwitch: isSwitch(settingsTable[key].kind) }] as const),
  ]);
  const flags = parseFlags(words, specs, { stopAtPositional: isCompat });
  const problems = flags.problems.map((problem) => {
    const unknown = /^-([^:]+): unknown flag$/.exec(problem)?.[1];
    const nearest = unknown === undefined ? undefined : nearestWord(unknown, [...specs.keys()]);
    return nearest === undefined ? problem : `${problem}; did you mean -${nearest}?`;
  });
  const warnings: string[] = [...unknownVariables(command, environment)];
  const effective = { flags: {}, environment: {}, defaults: {} } satisfies Record<
    keyof EffectiveSettings,
    Record<string, string>
  >;
  const settings: Record<string, unknown> = {};
  const options: Record<string, unknown> = {};
  for (const key of Object.keys(settingsTable) as SettingKey[]) {
    const row: SettingRow<unknown> = settingsTable[key];
    const isOwn = row.commands.includes(command);
    const variable = variableOf(key, command);
    const fromFlag = isOwn ? flags.values.get(flagOf(key)) : undefined;
    const fromEnvironment = isOwn && environment[variable] !== '' ? environment[variable] : undefined;
    const source = isCompat
      ? fromEnvironment === undefined
        ? 'flag'
        : 'variable'
      : fromFlag === undefined
        ? 'variable'
        : 'flag';
    const given = source === 'flag' ? (fromFlag ?? fromEnvironment) : (fromEnvironment ?? fromFlag);
    const raw = given ?? defaultOf(key, command);
    if (raw === undefined) continue;
    const { value, meant } = readText(row.kind, raw);
    const name = source === 'flag' ? `-${flagOf(key)}` : variable;
    if (value === INVALID) {
      problems.push(`${name}: invalid value ${JSON.stringify(raw)}, expected ${row.kind.expected}`);
      continue;
    }
    if (meant !== undefined) warnings.push(`${name}: ${JSON.stringify(raw)} is read as ${JSON.stringify(meant)}`);
    settings[key] = value;
    if (isOwn) {
      const origin = given === undefined ? 'defaults' : source === 'flag' ? 'flags' : 'environment';
      Object.assign(effective[origin], { [origin === 'environment' ? variable : flagOf(key)]: printable(raw) });
    }
    if (row.option !== undefined) options[row.option] = value;
  }
  if (problems.length > 0) return { ok: false, problems };
  const extra = new Map([...flags.values].filter(([name]) => extraFlags.has(name)));
  const repeated = new Map([...flags.all].filter(([name]) => extraFlags.has(name)));
  return {
    ok: true,
    value: {
      settings: Object.freeze(settings) as Settings,
      options: Object.freeze(options) as SettingOptions,
      effective,
      warnings,
      positionals: flags.positionals,
      extra,
      repeated,
    },
  };
}

/** The settings with one more excluded namespace: that of the webhook, which must not depend on itself. Undefined: unchanged. */
export function excludingNamespace(read: ReadSettings, namespace: string | undefined): ReadSettings {
  if (namespace === undefined || read.settings.excludedNamespaces.includes(namespace)) return read;
  const excludedNamespaces = [...read.settings.excludedNamespaces, namespace];
  return { ...read, settings: Object.freeze({ ...read.settings, excludedNamespaces }) };
}

/** A value for the log: without the password of a URL, and with the length of a PEM document instead of its lines. */
const printable = (raw: string): string =>
  raw.length > MAX_PRINTED ? `${raw.length} characters` : raw.replaceAll(/(^|\/\/)[^/\s]*@(?!sha256:)/g, '$1…@');

const MAX_PRINTED = 512;

/** The environment of this process. */
export function processEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/** The variables that the kubelet, kubectl and the terminal set. */
export function runtimeEnvironment(environment: Readonly<Record<string, string | undefined>>): RuntimeEnvironment {
  return {
    podNamespace: environment['NAMESPACE'] || undefined,
    podName: environment['POD_NAME'] ?? '',
    kubernetesHost: environment['KUBERNETES_SERVICE_HOST'],
    kubernetesPort: environment['KUBERNETES_SERVICE_PORT'],
    kubeconfigs: environment['KUBECONFIG'] || (environment['HOME'] ? `${environment['HOME']}/.kube/config` : ''),
    noColor: (environment['NO_COLOR'] ?? '') !== '',
  };
}
