// The command explain: why each pod of a manifest is injected or not, and with what.
import { explanationOf } from './offline/explanation.ts';
import { explanationText } from './offline/explanation-text.ts';
import { painter } from './offline/paint.ts';
import { prepare } from './offline/prepare.ts';
import type { Run } from './terminal.ts';

const OUTPUT = { name: 'o', value: 'text|json', sentence: 'Form of the answer; its JSON shape is documented and stays.' };

/** Raised when a member of the JSON answer goes or changes its meaning; new members do not raise it. */
const SHAPE_VERSION = 1;

/** Explains every pod of the manifests. The exit code is 1 when one of them would be refused. */
export const explain: Run = async (words, terminal) => {
  const prepared = await prepare({ command: 'explain', flags: [OUTPUT], refuse: refuseLive }, words, terminal);
  if (typeof prepared === 'number') return prepared;
  const form = prepared.settings.extra.get(OUTPUT.name) ?? 'text';
  if (form !== 'text' && form !== 'json') {
    terminal.stderr(`vault-auth-injector explain: -o: ${JSON.stringify(form)} cannot be read, expected text or json\n`);
    return 2;
  }
  const judged = prepared.sources.flatMap(({ documents }) => documents.flatMap((document) => document.judged));
  const pods = judged.map((one) => explanationOf(one, prepared.settings, prepared.context));
  for (const oddity of prepared.oddities) terminal.stderr(`${oddity}\n`);
  if (form === 'json') terminal.stdout(`${JSON.stringify({ version: SHAPE_VERSION, pods }, undefined, 2)}\n`);
  else {
    for (const pod of pods) terminal.stdout(explanationText(pod, painter(terminal.colour)));
    if (pods.length === 0) terminal.stderr('there is no pod in these manifests\n');
  }
  return pods.some(({ decision }) => decision === 'denied') ? 1 : 0;
};

/** `explain pod NS/NAME` looks like a question that we can answer. */
const refuseLive = ([first = '']: readonly string[]): string | undefined =>
  /^(?:pods?|po)(?:\/|$)/.test(first)
    ? 'a pod of a cluster cannot be looked up, only files: kubectl get deployment NAME -o yaml | vault-auth-injector explain -f -'
    : undefined;
