// Guarded annotations can redirect the token or change what runs. A pod may use one only if the operator or the annotation of its
// namespace allows it by name: pod authors must not be able to allow it themselves.
import { annotationName, kebab } from '../annotations/names.ts';
import type { Options, Origin, Parsed } from '../annotations/parse.ts';
import type { Row } from '../annotations/row.ts';
import { table, type OptionKey } from '../annotations/table.ts';
import type { Injection } from '../pod/draft.ts';
import { defineProblem, type ProblemOf } from '../annotations/problem.ts';

export const guardProblems = {
  'annotation-guarded': defineProblem<{
    annotation: string;
    /** The name that an allowance must contain. */
    name: string;
    /** The annotation of the namespace that allows it. */
    allow: string;
  }>({
    severity: 'problem',
    title: 'Guarded annotation without permission',
    sentence: ({ annotation }) =>
      `${annotation} can redirect the token or change what runs, and is not allowed in this namespace`,
    remedy: ({ name, allow }) =>
      `ask its admin to annotate the namespace with ${allow}=${name}, or the platform team to add ${name} to -allow`,
    sample: { annotation: annotationName('service'), name: 'service', allow: annotationName('allow') },
  }),
};

export type GuardProblem = ProblemOf<typeof guardProblems>;

/** Allows everything: the default of `agent-inject`, as in vault-k8s. */
export const ALLOW_ALL = '*';

/** Layers that pod authors write. */
const TENANT: ReadonlySet<Origin['layer']> = new Set(['pod', 'serviceaccount']);
/** Only the values 0 of user and group are guarded. */
const IDENTITIES: ReadonlySet<OptionKey> = new Set(['agentRunAsUser', 'agentRunAsGroup']);

/** The names that -allow and the annotation of the namespace accept. */
export const GUARDED_NAMES: readonly string[] = (Object.keys(table) as OptionKey[])
  .filter((key) => (table[key] as Row<unknown>).guarded || IDENTITIES.has(key) || key === 'agentSetSecurityContext')
  .map(kebab);

/** Without a security context the agent runs as the user of its image, which may be root. */
const isUnconfined = (key: OptionKey, { options }: Parsed): boolean =>
  key === 'agentSetSecurityContext' && !options.agentSetSecurityContext;

const isGuarded = (key: OptionKey, parsed: Parsed): boolean =>
  (table[key] as Row<unknown>).guarded === true ||
  (IDENTITIES.has(key) && parsed.options[key] === 0) ||
  isUnconfined(key, parsed);

/** The annotation repeats the value of the settings, or is an empty list. */
const isHarmless = (key: OptionKey, { options }: Parsed, baseline: Options): boolean => {
  const value = options[key];
  return value === baseline[key] || (Array.isArray(value) && value.length === 0);
};

/** The names that -allow (`settings`) or the annotation of the namespace allows. */
export function allowedNames(settings: readonly string[], namespace: readonly string[] | undefined): ReadonlySet<string> {
  return new Set([...settings, ...(namespace ?? [])]);
}

/** The guarded annotations of a pod and its service account that are not allowed; `baseline` has the options without annotations. */
export function guardProblemsOf(parsed: Parsed, baseline: Options, allowed: ReadonlySet<string>): GuardProblem[] {
  if (allowed.has(ALLOW_ALL)) return [];
  const found: GuardProblem[] = [];
  for (const [key, { layer, annotation }] of parsed.origins)
    if (
      annotation !== undefined &&
      TENANT.has(layer) &&
      isGuarded(key, parsed) &&
      !isHarmless(key, parsed, baseline) &&
      !allowed.has(kebab(key))
    )
      found.push({ code: 'annotation-guarded', annotation, name: kebab(key), allow: annotationName('allow') });
  return found;
}

/** An option that a pod's patch of the agent configuration changes needs the same permission as its annotation. */
export function patchProblemsOf(
  changes: Injection['guardedChanges'],
  parsed: Parsed,
  allowed: ReadonlySet<string>,
): GuardProblem[] {
  const layer = parsed.origins.get('agentConfigPatch')?.layer;
  if (!changes || layer === undefined || !TENANT.has(layer) || allowed.has(ALLOW_ALL)) return [];
  const first = changes.filter(({ option }, index) => changes.findIndex((other) => other.option === option) === index);
  return first
    .filter(({ option }) => !allowed.has(kebab(option)))
    .map(({ option, annotation }) => ({
      code: 'annotation-guarded',
      annotation,
      name: kebab(option),
      allow: annotationName('allow'),
    }));
}

/** The options without the guarded annotations: those get the values of the settings. */
export function withoutGuarded(parsed: Parsed, guarded: readonly GuardProblem[], baseline: Options): Parsed {
  if (guarded.length === 0) return parsed;
  const names = new Set(guarded.map(({ name }) => name));
  const options: Record<string, unknown> = { ...parsed.options };
  for (const key of parsed.origins.keys()) if (names.has(kebab(key))) options[key] = baseline[key];
  return { ...parsed, options: options as Options };
}
