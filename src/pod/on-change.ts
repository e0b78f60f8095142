// What happens to the app when a secret changes (annotation on-change). For `rollout` the pod gets a label by which the controller
// finds it, and an annotation with the paths whose versions the controller reads.
import { annotationName } from '../annotations/names.ts';
import { ON_CHANGE } from '../annotations/table.ts';
import type { Options } from '../annotations/parse.ts';
import { originOf, setAnnotation, type Draft } from './draft.ts';
import { pointer } from './patch.ts';
import type { SecretFile } from './secrets.ts';
import { templateCalls } from './template-calls.ts';

/** Pods of these owners can be replaced one after the other. A Deployment owns its pods through a ReplicaSet. */
const ROLLED_OUT: ReadonlySet<string> = new Set(['ReplicaSet', 'StatefulSet', 'DaemonSet']);

/** Label and annotation for the controller, or why a rollout is not possible. */
export function addOnChange(draft: Draft): void {
  const { parsed, files, variables, context, problems, warnings, pod, builder } = draft;
  for (const action of ON_CHANGE)
    if (action !== 'none' && context.onChangeActions?.includes(action) === false)
      for (const annotation of requestsOf(draft, action)) problems.push({ code: 'on-change-forbidden', annotation, action });
  const rolled: readonly Source[] = [
    ...files.filter((file) => actionOf(draft, file) === 'rollout'),
    ...(parsed.options.onChange === 'rollout'
      ? variables.map((each) => ({ ...each, leftDelimiter: '{{', rightDelimiter: '}}' }))
      : []),
  ];
  if (rolled.length === 0) return;
  const annotation = annotationOf(draft, rolled[0]?.name);
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true)?.kind;
  if (owner && !ROLLED_OUT.has(owner)) {
    warnings.push({ code: 'on-change-owner', annotation, owner });
    return;
  }
  const service = parsed.origins.get('service');
  if (service?.layer !== 'VaultEndpoint' || service.object === undefined) {
    warnings.push({ code: 'on-change-endpoint', annotation });
    return;
  }
  // The pod is prepared all the same: a controller that is started with -rollouts later takes it over.
  if (context.rollouts === false) warnings.push({ code: 'on-change-controller', annotation, endpoint: service.object });
  const paths = new Set<string>();
  for (const file of rolled) {
    const found = versionedPaths(file);
    if (found.length === 0) warnings.push({ code: 'on-change-path', annotation, secret: file.name });
    for (const path of found) paths.add(path);
  }
  if (paths.size === 0) return;
  const label = annotationName('onChange');
  const { labels } = pod.metadata;
  if (labels?.[label] !== 'rollout') builder.set(pointer('metadata', 'labels'), Boolean(labels), label, 'rollout');
  setAnnotation(draft, annotationName('onChangeSecrets'), JSON.stringify({ endpoint: service.object, paths: [...paths].sort() }));
}

/** The action of a file; of one that no secret declares, the common one. */
export function actionOf({ parsed: { families, options } }: Draft, file: SecretFile | undefined): Options['onChange'] {
  return (file && families.onChange.get(file.name)?.value) ?? options.onChange;
}

/** A file or an environment variable: what it is rendered from. */
type Source = Pick<SecretFile, 'name' | 'path' | 'template' | 'leftDelimiter' | 'rightDelimiter'>;

const annotationOf = ({ parsed }: Draft, name = ''): string =>
  parsed.families.onChange.get(name)?.annotation ?? originOf(parsed, 'onChange');

/** The annotations that request an action, also without a secret. */
export function requestsOf({ parsed }: Draft, action: Options['onChange']): readonly string[] {
  return [
    ...(parsed.options.onChange === action ? [originOf(parsed, 'onChange')] : []),
    ...[...parsed.families.onChange.values()].filter(({ value }) => value === action).map(({ annotation }) => annotation),
  ];
}

/** The paths that a file is rendered from: those that its template reads, or else the declared one. A pinned version never changes. */
const versionedPaths = ({ path, template, leftDelimiter, rightDelimiter }: Source): readonly string[] => {
  const read = templateCalls(template, leftDelimiter, rightDelimiter).flatMap(({ name, arguments: given }) =>
    // With further arguments, `secret` writes.
    name === 'secret' && given.length === 1 && given[0] !== undefined ? [given[0]] : [],
  );
  const paths = read.length > 0 ? read : [path];
  return paths.filter((each) => !/\?.*\bversion=/.test(each)).flatMap((each) => trimmed(each) || []);
};

const trimmed = (path: string): string => (path.split('?', 1)[0] ?? '').trim().replaceAll(/^\/+|\/+$/g, '');
