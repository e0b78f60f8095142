// Environment variables from secrets (profile native): the agent renders one file into a volume that only it mounts, and the kubelet
// reads each variable from there when it starts a container. Containers need no mount, no shell and no other command.
import type { JsonObject } from '../../json/json.ts';
import type { NewMount, NewVolume, Receives } from '../add.ts';
import { warnAboutUnknown, type Draft } from '../draft.ts';
import { bankVaultsSource, isBankVaultsValue } from '../bank-vaults.ts';
import { envTemplate, type EnvVariable } from '../env-variables.ts';
import { isMeshContainer } from '../mesh.ts';
import type { PodProblem } from '../pod-problems.ts';
import { CONTAINER_LISTS, type Container, type ContainerList } from '../pod.ts';
import type { AgentContainer } from './container.ts';
import { DEFAULT_SECRETS_SIZE, VARIABLES_DIRECTORY } from './volumes.ts';

/** Its file has the values; the API server requires an emptyDir. */
export const VARIABLES_VOLUME = 'vault-env';
const FILE = 'env';
const DESTINATION = `${VARIABLES_DIRECTORY}/${FILE}`;

/** What the file adds to the agent: nothing if the pod declares no variables. */
export interface VariablesFile {
  readonly volumes: readonly NewVolume[];
  readonly mounts: readonly NewMount[];
  readonly templates: readonly JsonObject[];
  readonly destinations: readonly string[];
}

/** The volume, the template and the file that the startup probe waits for. */
export function variablesFile({ variables, parsed: { options } }: Draft): VariablesFile {
  if (variables.length === 0) return { volumes: [], mounts: [], templates: [], destinations: [] };
  return {
    volumes: [
      { name: VARIABLES_VOLUME, emptyDir: { medium: 'Memory', sizeLimit: options.volumeSizeLimit ?? DEFAULT_SECRETS_SIZE } },
    ],
    mounts: [{ name: VARIABLES_VOLUME, mountPath: VARIABLES_DIRECTORY }],
    // The kubelet reads the file as root.
    templates: [{ contents: envTemplate(variables), destination: DESTINATION, perms: '0400' }],
    destinations: [DESTINATION],
  };
}

/** Why the cluster or the options of the pod cannot give it variables. */
export function variablesProblems(
  { variables, context, parsed: { options } }: Draft,
  [first]: readonly AgentContainer[],
): readonly PodProblem[] {
  const [variable] = variables;
  if (!variable) return [];
  const { annotation } = variable;
  if (context.envFiles === false)
    return [{ code: 'env-unsupported', annotation, because: 'version', version: context.version ?? '' }];
  const isGated = first?.once === true || (first?.kind === 'native-sidecar' && options.agentPrePopulate);
  return isGated ? [] : [{ code: 'env-unsupported', annotation, because: 'gate' }];
}

/** Variables whose values bank-vaults would replace. The app would get the reference itself as its password. */
export function bankVaultsReferences({ pod: { spec } }: Draft): readonly PodProblem[] {
  const problems: PodProblem[] = [];
  for (const list of CONTAINER_LISTS)
    for (const { name: container, env } of spec[list] ?? [])
      for (const { name, value } of env ?? [])
        if (typeof value === 'string' && isBankVaultsValue(value))
          problems.push({
            code: 'env-bank-vaults',
            container: container ?? '',
            name: name ?? '',
            source: bankVaultsSource(value),
          });
  return problems;
}

/** Entries of `env` for one variable: the name in the file is the name of the variable. */
const entryOf = ({ name, fallback }: EnvVariable): JsonObject & { readonly name: string } => ({
  name,
  valueFrom: {
    fileKeyRef: { volumeName: VARIABLES_VOLUME, path: FILE, key: name, ...(fallback === '' ? { optional: true } : {}) },
  },
});

const isOurs = (entry: JsonObject): boolean => {
  const source = entry['valueFrom'] as { readonly fileKeyRef?: { readonly volumeName?: unknown } } | null | undefined;
  return source?.fileKeyRef?.volumeName === VARIABLES_VOLUME;
};

export interface VariablesInput {
  readonly agents: readonly AgentContainer[];
  /** How many init containers start before the agent. */
  readonly index: number;
  readonly receives: Receives;
}

/**
 * Adds the variables before the container's own, so that these can refer to them as $(NAME). A variable that the container sets itself
 * stays. Init containers before the agent get none: the kubelet could not start them without the file.
 */
export function addVariables(draft: Draft, { agents, index, receives }: VariablesInput): void {
  const { pod, parsed, variables, builder, warnings } = draft;
  const [first] = variables;
  if (!first) return;
  const old = draft.context.oldNodes?.envFiles;
  if (old) {
    const { name: node, version, count } = old;
    warnings.push({ code: 'env-old-nodes', annotation: first.annotation, node, version, count });
  }
  const { envContainers } = parsed.options;
  const isSelected = receiversOf(draft, receives, envContainers);
  for (const list of CONTAINER_LISTS)
    for (const [position, container] of (pod.spec[list] ?? []).entries()) {
      const name = container.name ?? '';
      if (agents.some((agent) => agent.name === name) || (list === 'initContainers' && position < index)) continue;
      const present = new Map((container.env ?? []).map((entry) => [entry.name ?? '', entry as JsonObject]));
      const missing: JsonObject[] = [];
      for (const variable of variables) {
        if (!isSelected(variable, container, list)) continue;
        const own = present.get(variable.name);
        if (!own) missing.push(entryOf(variable));
        else if (!isOurs(own))
          warnings.push({ code: 'env-overridden', annotation: variable.annotation, name: variable.name, container: name });
      }
      if (missing.length === 0) continue;
      const path = `/spec/${list}/${position}/env`;
      if (container.env) for (const [place, entry] of missing.entries()) builder.insert(path, place, entry);
      else builder.append(path, false, missing);
    }
}

type Selected = (variable: EnvVariable, container: Container, list: ContainerList) => boolean;

/** Containers that are named for a variable, or for all of them; otherwise those that get the secrets, except the proxies of meshes. */
const receiversOf = (draft: Draft, receives: Receives, names: readonly string[] | undefined): Selected => {
  for (const { annotation, containers } of draft.variables)
    warnAboutUnknown(draft, containers ?? [], annotation, CONTAINER_LISTS);
  warnAboutUnknown(draft, names ?? [], draft.parsed.origins.get('envContainers')?.annotation ?? '', CONTAINER_LISTS);
  const skipped = new Set(draft.parsed.options.skipContainers);
  return ({ containers = names }, container, list) => {
    const name = container.name ?? '';
    if (containers) return containers.includes(name) && !skipped.has(name);
    return !isMeshContainer(container) && receives(name, list);
  };
};
