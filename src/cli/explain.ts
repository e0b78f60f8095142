// The command explain: why each pod of a manifest, or one of a cluster, is injected or not, and with what.
import type { PodReference } from './live/reference.ts';
import { podReference } from './live/reference.ts';
import { explanationOf } from './offline/explanation.ts';
import { explanationText } from './offline/explanation-text.ts';
import { painter } from './offline/paint.ts';
import { callOf, prepareFiles, type Called, type Explained } from './offline/prepare.ts';
import type { Terminal } from './terminal.ts';

const OUTPUT = { name: 'o', value: 'text|json', sentence: 'Form of the answer; its JSON shape is documented and stays.' };
const CONTEXT = { name: 'context', value: 'NAME', sentence: 'Context of the kubeconfig, for a pod of a cluster.' };

/** Flags that say nothing about files. */
const FOR_CLUSTERS = /^--?(?:kubeconfig|context)(?:=|$)/;

/** Raised when a member of the JSON answer goes or changes its meaning; new members do not raise it. */
const SHAPE_VERSION = 1;

/** Explains every pod of the manifests, or the named one. The exit code is 1 when one of them would be refused. */
export async function explain(words: readonly string[], terminal: Terminal): Promise<number> {
  const called = callOf({ command: 'explain', flags: [OUTPUT, CONTEXT] }, words, terminal);
  if (typeof called === 'number') return called;
  const form = called.settings.extra.get(OUTPUT.name) ?? 'text';
  if (form !== 'text' && form !== 'json')
    return called.fail([`-o: ${JSON.stringify(form)} cannot be read, expected text or json`]);
  const reference = podReference(called.settings.positionals);
  if (typeof reference === 'string') return called.fail([reference]);
  const idle = reference ? undefined : called.words.find((word) => FOR_CLUSTERS.test(word));
  if (idle !== undefined)
    return called.fail([`${idle}: only for a pod of a cluster, as "explain pod NAMESPACE/NAME"; files take -cluster-state`]);
  const explained = reference ? await fromCluster(reference, called, terminal) : await prepareFiles('explain', called, terminal);
  if (typeof explained === 'number') return explained;
  const pods = explained.judged.map((one) => explanationOf(one, explained));
  for (const oddity of explained.oddities) terminal.stderr(`${oddity}\n`);
  if (form === 'json') terminal.stdout(`${JSON.stringify({ version: SHAPE_VERSION, pods }, undefined, 2)}\n`);
  else {
    for (const pod of pods) terminal.stdout(explanationText(pod, painter(terminal.colour)));
    if (pods.length === 0) terminal.stderr('there is no pod in these manifests\n');
  }
  return pods.some(({ decision }) => decision === 'denied') ? 1 : 0;
}

/** Loaded only when it is asked for: a cluster needs more than files. */
const fromCluster = async (reference: PodReference, called: Called, terminal: Terminal): Promise<Explained | number> => {
  const { prepareLive } = await import('./live/prepare.ts');
  try {
    return await prepareLive(reference, called, terminal);
  } catch (error) {
    return called.fail([error instanceof Error ? error.message : String(error)]);
  }
};
