// The command explain: why each pod of a manifest, or one of a cluster, is injected or not, and with what.
import type { LiveEvaluation, PodReference } from './live/live-pod.ts';
import { parseCommandLine, type CommandLine } from './offline/command-line.ts';
import { evaluateManifests } from './offline/evaluate.ts';
import { explanationOf } from './offline/explanation.ts';
import { explanationText } from './offline/explanation-text.ts';
import { painter, type Terminal } from './terminal.ts';

const OUTPUT = { name: 'o', value: 'text|json', sentence: 'Output format; the JSON shape is documented and stable.' };
const CONTEXT = { name: 'context', value: 'NAME', sentence: 'Context of the kubeconfig, for a pod of a cluster.' };

/** Flags that have no effect on files. */
const FOR_CLUSTERS = /^--?(?:kubeconfig|context)(?:=|$)/;

/** Raised when a member of the JSON output goes or changes its meaning; new members do not raise it. */
const SHAPE_VERSION = 1;

/** Explains every pod of the manifests, or the named one. Returns the exit code: 1 if one of them would be denied. */
export async function explain(words: readonly string[], terminal: Terminal): Promise<number> {
  const commandLine = parseCommandLine('explain', [OUTPUT, CONTEXT], words, terminal);
  if (typeof commandLine === 'number') return commandLine;
  const { settings, fail } = commandLine;
  const format = settings.extra.get(OUTPUT.name) ?? 'text';
  if (format !== 'text' && format !== 'json')
    return fail([`-o: ${JSON.stringify(format)} is not a format, expected text or json`]);
  const reference = podReference(settings.positionals);
  if (typeof reference === 'string') return fail([reference]);
  const misused = reference ? undefined : commandLine.words.find((word) => FOR_CLUSTERS.test(word));
  if (misused !== undefined)
    return fail([`${misused}: only for a pod of a cluster, as "explain pod NAMESPACE/NAME"; for files use -cluster-state`]);
  const evaluation = reference
    ? await evaluateInCluster(reference, commandLine, terminal)
    : await evaluateManifests(commandLine, terminal);
  if (typeof evaluation === 'number') return evaluation;
  const live = 'live' in evaluation ? evaluation.live : undefined;
  const pods = evaluation.pods.map((pod) => explanationOf(pod, evaluation, live));
  for (const warning of evaluation.warnings) terminal.stderr(`${warning}\n`);
  if (format === 'json') terminal.stdout(`${JSON.stringify({ version: SHAPE_VERSION, pods }, undefined, 2)}\n`);
  else {
    for (const pod of pods) terminal.stdout(explanationText(pod, painter(terminal)));
    if (pods.length === 0) terminal.stderr('no pod in the manifests\n');
  }
  return pods.some(({ decision }) => decision === 'denied') ? 1 : 0;
}

/** Imported on demand: files need no Kubernetes client. */
const evaluateInCluster = async (
  reference: PodReference,
  commandLine: CommandLine,
  terminal: Terminal,
): Promise<LiveEvaluation | number> => {
  const { evaluateLivePod } = await import('./live/live-pod.ts');
  try {
    return await evaluateLivePod(reference, commandLine, terminal);
  } catch (error) {
    return commandLine.fail([error instanceof Error ? error.message : String(error)]);
  }
};

const POD_KIND = /^(?:pods?|po)(?:\/(.*))?$/;

/**
 * Reads `pod NAMESPACE/NAME`, `pod NAME`, `pod/NAME` and `pod/NAMESPACE/NAME`. Returns undefined if the words are files, and a
 * sentence if they begin like a pod and go on differently.
 */
export function podReference([first = '', ...rest]: readonly string[]): PodReference | string | undefined {
  const match = POD_KIND.exec(first);
  if (!match) return undefined;
  const [word = '', ...more] = match[1] === undefined ? rest : [match[1], ...rest];
  const parts = word.split('/');
  const name = parts.at(-1) ?? '';
  const namespace = parts.length === 2 ? parts[0] : undefined;
  if (more.length > 0 || parts.length > 2 || name === '' || namespace === '')
    return `expected one pod, as "pod NAMESPACE/NAME" or "pod NAME -n NAMESPACE", found ${JSON.stringify([first, ...rest].join(' '))}`;
  return { namespace, name };
}
