// An explanation as text: a headline, the decision, then sections, in at most 96 columns where words allow it.
import { OBJECT_LAYERS, type Layer } from '../../annotations/parse.ts';
import { wrap } from '../help.ts';
import type { Colour, Paint } from '../terminal.ts';
import type { ContainerExplanation, Explanation, TokenExplanation } from './explanation.ts';
import type { RunningVersions } from '../live/running-versions.ts';
import { titleOf } from './workload.ts';

const WIDTH = 96;
/** Column of the text beside a heading. */
const COLUMN = 12;
const WIDEST_VALUE = 32;

const COLOURS: Readonly<Record<Explanation['decision'], Colour>> = { injected: 'green', skipped: 'yellow', denied: 'red' };
const LIST_WORDS = { initContainers: 'init container', containers: 'container' } as const;

/** The lines of one pod and an empty line. */
export function explanationText(explanation: Explanation, paint: Paint): string {
  const { file, line, decision, sentence, warnings, problems } = explanation;
  const lines = [
    `${paint(titleOf(explanation), 'bold')} (${line === 0 ? file : `${file}:${line}`})`,
    ...wrap(sentence, WIDTH - 2).map((part, index) => `${index === 0 ? '  ' : '    '}${paint(part, COLOURS[decision])}`),
    ...section('live', liveLines(explanation)),
    ...section('login', loginLines(explanation)),
    ...section('token', tokenLines(explanation)),
    ...section('secrets', secretLines(explanation)),
    ...section('variables', variableLines(explanation)),
    ...section('options', optionLines(explanation)),
    ...section('guarded', guardedLines(explanation)),
    ...section('adds', additionLines(explanation)),
    ...section('result', resultLines(explanation)),
    ...section('warnings', warnings.flatMap(diagnosticLines)),
    ...section('problems', problems.flatMap(diagnosticLines)),
  ];
  return `${lines.join('\n')}\n\n`;
}

/** A heading with its lines; nothing without lines. */
const section = (heading: string, lines: readonly string[]): string[] =>
  lines
    .flatMap((line) => wrapped(line))
    .map((line, index) => `${index === 0 ? `  ${heading}`.padEnd(COLUMN) : ' '.repeat(COLUMN)}${line}`);

/** Continuation lines are indented; a line that fits keeps its columns. */
const wrapped = (line: string): string[] => {
  if (line.length <= WIDTH - COLUMN) return [line];
  const margin = /^ */.exec(line)?.[0] ?? '';
  return wrap(line.trim(), WIDTH - COLUMN - margin.length - 2).map((part, index) => `${margin}${index === 0 ? '' : '  '}${part}`);
};

const liveLines = ({ live }: Explanation): string[] =>
  live ? [`phase ${live.phase}`, ...live.differs.map((field) => `differs in ${field}`), ...versionLines(live.versions)] : [];

const versionLines = (versions: RunningVersions | undefined): string[] => {
  if (!versions) return [];
  const { created, secrets, rollout } = versions;
  return [
    ...secrets.map(({ path, version }) => `${path}: version ${version} or later, since ${created}`),
    ...(rollout === '' ? [] : [`a newer version is being rolled out: ${rollout}`]),
  ];
};

const loginLines = ({ login }: Explanation): string[] => {
  if (!login) return [];
  const { address, authType, mount, role, namespace } = login;
  const roleWords = role === '' ? 'no role' : `role ${role}`;
  const server = address === '' ? ', no address' : ` of ${address}`;
  return [`${roleWords} at ${mount} (method ${authType})${server}${namespace === '' ? '' : `, Vault namespace ${namespace}`}`];
};

const tokenLines = ({ token, serviceAccount }: Explanation): string[] => {
  if (!token) return [];
  return [token.path, `of service account ${serviceAccount}, ${tokenWords(token)}`];
};

const tokenWords = ({ from, volume, audience, expirationSeconds }: TokenExplanation): string => {
  if (from === 'injection')
    return `audience ${audience === '' ? 'of the API server' : audience}, ${expirationSeconds} s, in volume ${volume}`;
  return from === 'api-server' ? 'added by the API server' : `from volume ${volume}`;
};

const secretLines = ({ secrets }: Explanation): string[] => {
  const width = Math.max(0, ...secrets.map(({ file }) => file.length));
  return secrets.map(({ file, path, template, format, templateFile, permissions, command }) => {
    const words = { default: `template ${format}`, inline: 'own template', file: `template ${templateFile}` };
    const parts = [
      path,
      words[template],
      permissions === '' ? '' : `mode ${permissions}`,
      command === '' ? '' : `then runs ${command}`,
    ];
    return `${file.padEnd(width)}  ${parts.filter((part) => part !== '').join(', ')}`;
  });
};

const variableLines = ({ variables }: Explanation): string[] => {
  const width = Math.max(0, ...variables.map(({ name }) => name.length));
  return variables.map(({ name, source, default: fallback, from, layer, containers }) => {
    const parts = [
      source === '' ? 'own template' : source,
      fallback === undefined ? '' : fallback === '' ? 'optional' : `default ${shortened(fallback)}`,
      containers.length === 0 ? 'for no container' : `for ${containers.join(', ')}`,
    ];
    return `${name.padEnd(width)}  ${parts.filter((part) => part !== '').join(', ')} (${originWords(layer, from)})`;
  });
};

const optionLines = ({ options }: Explanation): string[] => {
  const shown = options
    .filter((option) => !option.default)
    .map(({ name, value, layer, from }) => ({ name, value: shortened(value), origin: originWords(layer, from) }));
  const [names, values] = (['name', 'value'] as const).map((key) => Math.max(0, ...shown.map((option) => option[key].length)));
  return shown.map(({ name, value, origin }) => `${name.padEnd(names ?? 0)}  ${value.padEnd(values ?? 0)}  ${origin}`);
};

/** As in `VaultAuthRole team/web` or `pod: vault.hashicorp.com/role`. */
const originWords = (layer: Layer, from: string): string =>
  OBJECT_LAYERS.some((each) => each === layer) ? `${layer} ${from}` : `${layer}: ${from}`;

const guardedLines = ({ guarded }: Explanation): string[] =>
  guarded.map(({ name, annotation, layer, allowedBy }) => {
    const permission = { settings: 'allowed by -allow', namespace: 'allowed by the namespace', none: 'not allowed' };
    return `${name}: ${permission[allowedBy]} (${layer}: ${annotation})`;
  });

const shortened = (value: unknown): string => {
  const text = typeof value === 'string' ? (value === '' ? '(empty)' : value) : JSON.stringify(value);
  const line = /[\r\n]/.test(text) ? JSON.stringify(text) : text;
  return line.length > WIDEST_VALUE ? `${line.slice(0, WIDEST_VALUE - 1)}…` : line;
};

const additionLines = ({ containers, volumes }: Explanation): string[] => [
  ...containers.filter(({ added }) => added).map(agentLine),
  ...containers
    .filter(({ added }) => !added)
    .map(({ name, mounts }) => `to ${name}: ${mounts.map(({ path }) => path).join(', ')}`),
  ...(volumes.length > 0 ? [`volumes ${volumes.join(', ')}`] : []),
];

const agentLine = ({ list, name, image, sidecar, user, group, resources }: ContainerExplanation): string => {
  const identity = user === undefined ? '' : `, user ${user}${group === undefined ? '' : `:${group}`}`;
  const amounts = resourceWords(resources);
  return `${LIST_WORDS[list]} ${name} (${image})${sidecar ? ', runs as a sidecar' : ''}${identity}${amounts === '' ? '' : `, ${amounts}`}`;
};

/** As in `requests cpu 10m memory 32Mi, limits memory 128Mi`. */
const resourceWords = (resources: ContainerExplanation['resources']): string =>
  ['requests', 'limits']
    .map((kind) => [kind, Object.entries((resources as Record<string, object> | undefined)?.[kind] ?? {})] as const)
    .filter(([, amounts]) => amounts.length > 0)
    .map(([kind, amounts]) => `${kind} ${amounts.map((pair) => pair.join(' ')).join(' ')}`)
    .join(', ');

const resultLines = ({ containers, result }: Explanation): string[] => {
  if (containers.length === 0) return [];
  return [[...result.initContainers.map((name) => `${name}, then`), result.containers.join(' and ')].join(' ')];
};

const diagnosticLines = ({ code, line, sentence, remedy }: Explanation['warnings'][number]): string[] => [
  `${sentence} [${code}${line === 0 ? '' : `, line ${line}`}]`,
  `  → ${remedy}`,
];
