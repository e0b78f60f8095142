// The mounts that the agent copies from another container. What depends on that container is resolved, or left out with a warning.
import { isObject, objectAt, textOf, type JsonObject } from '../json/json.ts';
import { literal } from './agent.ts';
import { originOf, type Draft } from './draft.ts';
import type { MountLoss } from './container-problems.ts';
import { absolutePath } from './paths.ts';
import { MORE_POD_FIELDS, POD_FIELDS, type Variable } from './pod-variables.ts';
import type { Container, Pod, VolumeMount } from './pod.ts';

export interface CopiedMounts {
  readonly mounts: readonly VolumeMount[];
  /** Variables that the paths of the mounts refer to. The agent may have them already. */
  readonly variables: readonly Variable[];
}

/** Volumes of injected secrets. */
const SECRETS_VOLUME = /^vault-secrets(?:-custom-\d+)?$/;

/**
 * Mounts of the container that `agent-copy-volume-mounts` names, without service account tokens. `own` are the mounts that the agent
 * has besides them.
 */
export function copiedMounts({ pod, parsed, warnings }: Draft, own: readonly VolumeMount[]): CopiedMounts {
  const name = parsed.options.agentCopyVolumeMounts;
  if (name === '') return { mounts: [], variables: [] };
  const annotation = originOf(parsed, 'agentCopyVolumeMounts');
  const all = [...(pod.spec.containers ?? []), ...(pod.spec.initContainers ?? [])];
  const source = all.find((container) => container.name === name);
  if (!source) {
    const users = containersWith(all, name);
    if (users.length > 0) warnings.push({ code: 'copy-source-volume', annotation, volume: name, containers: users });
    else warnings.push({ code: 'container-unknown', annotation, container: name });
    return { mounts: [], variables: [] };
  }
  const mounts: VolumeMount[] = [];
  const variables = new Map<string, Variable>();
  const resolve = source.volumeMounts?.some(({ subPathExpr }) => subPathExpr) ? resolver(source) : withoutVariables;
  for (const mount of source.volumeMounts ?? []) {
    if (/serviceaccount/i.test(mount.mountPath ?? '')) continue;
    const below = mountBelow(mount, own, pod);
    const { copy, needs, loss }: Copy = below === undefined ? copyOf(mount, resolve) : { loss: { kind: 'above', below } };
    if (copy) mounts.push(copy);
    for (const variable of needs ?? []) variables.set(variable.name, variable);
    if (loss) warnings.push({ code: 'mount-not-copied', annotation, container: name, path: mount.mountPath ?? '', loss });
  }
  return { mounts, variables: [...variables.values()] };
}

const containersWith = (all: readonly Container[], volume: string): readonly string[] =>
  all
    .filter(({ volumeMounts }) => (volumeMounts ?? []).some((mount) => mount.name === volume))
    .map((container) => container.name ?? '');

/** Volumes in which the kubelet creates the directories of mounts below them, even if they are read-only. */
const PREPARED_VOLUMES = ['configMap', 'secret', 'downwardAPI', 'projected'];

/** The agent's own mount below a read-only one: its directory cannot be created there, and the container does not start. */
const mountBelow = (mount: VolumeMount, own: readonly VolumeMount[], { spec }: Pod): string | undefined => {
  if (!mount.readOnly) return undefined;
  const volume: unknown = (spec.volumes ?? []).find(({ name }) => name === mount.name);
  if (isObject(volume) && PREPARED_VOLUMES.some((kind) => isObject(volume[kind]))) return undefined;
  const path = absolutePath(mount.mountPath ?? '');
  const below = own.find(
    ({ mountPath }) => absolutePath(mountPath ?? '') !== path && absolutePath(mountPath ?? '').startsWith(path),
  );
  return below?.mountPath ?? undefined;
};

interface Copy {
  /** Undefined: the mount is left out. */
  readonly copy?: VolumeMount;
  readonly needs?: readonly Variable[];
  /** What the agent does not get. */
  readonly loss?: MountLoss;
}

const copyOf = (mount: VolumeMount, resolve: (expression: string) => Resolved | Unresolved): Copy => {
  const hasSubPath = (mount.subPath ?? '') !== '' || (mount.subPathExpr ?? '') !== '';
  // The kubelet creates a missing subPath as a directory, and the agent could not write its file of this name.
  if (hasSubPath && SECRETS_VOLUME.test(mount.name ?? '')) return { loss: { kind: 'secret' } };
  // Only privileged containers may have it; the API server rejects the pod.
  const { mountPropagation, ...others } = mount;
  const isBidirectional = mountPropagation === 'Bidirectional';
  const copy: VolumeMount = isBidirectional ? others : mount;
  const loss: MountLoss | undefined = isBidirectional ? { kind: 'propagation' } : undefined;
  const expression = mount.subPathExpr ?? '';
  if (expression === '') return { copy, ...(loss ? { loss } : {}) };
  const value = resolve(expression);
  if ('variable' in value) return { loss: { kind: 'variable', name: value.variable } };
  // The API server rejects a pod with a subPathExpr that leaves the volume, or that starts at the root.
  if (value.text.startsWith('/') || value.text.split('/').includes('..')) return { loss: { kind: 'variable', name: expression } };
  return { copy: { ...copy, subPathExpr: value.text }, needs: [...value.needs.values()], ...(loss ? { loss } : {}) };
};

interface Resolved {
  readonly text: string;
  readonly needs: ReadonlyMap<string, Variable>;
}
/** The variable whose value is not known here. */
interface Unresolved {
  readonly variable: string;
}

/** Linux' limit of a path. Values that refer to values twice would double with each variable. */
const MAX_LENGTH = 4096;

/** Resolves expressions with the variables of a container. A value sees only the variables before it. */
const resolver = ({ env, name }: Container): ((expression: string) => Resolved | Unresolved) => {
  const values = new Map<string, Resolved | Unresolved>();
  for (const variable of env ?? []) {
    const own = variable.name ?? '';
    values.set(own, referenceTo(own, variable.valueFrom, name ?? '') ?? expand(variable.value ?? '', values));
  }
  return (expression) => expand(expression, values);
};

const withoutVariables = (expression: string): Unresolved => ({ variable: expression });

/** `$(NAME)` is the value of a variable, `$$` is one dollar, and every other dollar stands for itself. */
const expand = (expression: string, values: ReadonlyMap<string, Resolved | Unresolved>): Resolved | Unresolved => {
  if (expression.length > MAX_LENGTH) return { variable: expression };
  const needs = new Map<string, Variable>();
  let text = '';
  let rest = expression;
  for (;;) {
    const dollar = rest.indexOf('$');
    const close = rest[dollar + 1] === '(' ? rest.indexOf(')', dollar) : -1;
    if (dollar === -1 || (rest[dollar + 1] === '(' && close === -1)) return { text: text + literal(rest), needs };
    text += rest.slice(0, dollar);
    if (close === -1) {
      text += '$$';
      rest = rest.slice(dollar + (rest[dollar + 1] === '$' ? 2 : 1));
    } else {
      const name = rest.slice(dollar + 2, close);
      const value = values.get(name) ?? { variable: name };
      if ('variable' in value) return value;
      text += value.text;
      for (const need of value.needs.values()) needs.set(need.name, need);
      rest = rest.slice(close + 1);
    }
    if (text.length > MAX_LENGTH) return { variable: expression };
  }
};

/** The variable of the agent with the value of a reference; undefined: the variable has no reference. */
const referenceTo = (name: string, from: unknown, container: string): Resolved | Unresolved | undefined => {
  if (!isObject(from)) return undefined;
  const field = textOf(objectAt(from, 'fieldRef'), 'fieldPath');
  const standard = [...POD_FIELDS, ...MORE_POD_FIELDS].find(
    (candidate) => field !== undefined && textOf(objectAt(objectAt(candidate, 'valueFrom'), 'fieldRef'), 'fieldPath') === field,
  );
  const copied = copiedReference(from, container);
  if (!standard && !copied) return { variable: name };
  // A name of its own: a variable such as VAULT_ADDR or HTTPS_PROXY would redirect the agent.
  const need = standard ?? { name: `MOUNT_${name}`, valueFrom: copied };
  return { text: `$(${need.name})`, needs: new Map([[need.name, need]]) };
};

/** A reference that has the same value in another container of the pod. */
const copiedReference = (from: JsonObject, container: string): JsonObject | undefined => {
  const resource = objectAt(from, 'resourceFieldRef');
  if (resource) return { resourceFieldRef: { containerName: container, ...resource } };
  return from['fieldRef'] || from['configMapKeyRef'] || from['secretKeyRef'] ? from : undefined;
};

/** The first mount of each path: the API server rejects a second one, and the agent needs the earlier ones. */
export function uniquePaths<Mount extends VolumeMount>(mounts: readonly Mount[]): Mount[] {
  const seen = new Set<string>();
  return mounts.filter(({ mountPath }) => {
    const path = absolutePath(mountPath ?? '');
    const isNew = !seen.has(path);
    seen.add(path);
    return isNew;
  });
}

/** The variables of an agent, and those of its mounts that it lacks. */
export function withVariables<Member extends JsonObject>(
  env: readonly Member[],
  added: readonly Variable[],
): (Member | Variable)[] {
  const present = new Set(env.map((variable) => variable['name']));
  return [...env, ...added.filter(({ name }) => !present.has(name))];
}
