// Profile native: one agent as a native sidecar, with a projected token of its own. Options → containers, volumes, patch.
import { posix } from 'node:path';
import type { AnnotationProblem } from '../../annotations/annotation-problems.ts';
import { annotationName } from '../../annotations/names.ts';
import type { Parsed } from '../../annotations/parse.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { oversizedVariables } from '../agent.ts';
import { otherProduct, shellCommands } from '../agent-image.ts';
import { addAgent, addMounts, addVolumes, type NewMount, type Receives } from '../add.ts';
import { copiedMounts, uniquePaths } from '../copied-mounts.ts';
import {
  accept,
  draftOf,
  isCurrent,
  isProblem,
  markInjected,
  originOf,
  receivesSecrets,
  setAnnotation,
  shareProcessNamespace,
  type Draft,
  type Injection,
  type InjectionContext,
} from '../draft.ts';
import { hiddenDirectories } from '../hidden-directories.ts';
import { nestedMounts } from '../nested-mounts.ts';
import { pathFindings } from '../path-findings.ts';
import { MAX_ANNOTATION_BYTES, type PodProblem } from '../pod-problems.ts';
import { agentIndex, blockedByProxy, earlyInitContainers } from '../mesh.ts';
import { addOnChange } from '../on-change.ts';
import type { Container, Pod } from '../pod.ts';
import { readersOf, unreadableFiles } from '../readers.ts';
import { otherDirectories } from '../secrets.ts';
import { guardedChanges, userPatched, type GuardedChange, type Patched } from '../user-patch.ts';
import { nativeConfig } from './config.ts';
import { agentContainers, injectionType, isAgent, nativeContainer, type AgentContainer } from './container.ts';
import { gateOf, gateProblems, promisedFiles, startupProbe } from './gate.ts';
import { ownersOf, type OwnerFiles } from './owners.ts';
import { reactionOf, reactionProblems, STARTED_WITH } from './reactions.ts';
import { agentResources, allLimitCpu } from './resources.ts';
import { agentTokenVolume } from './service-account.ts';
import { agentIdentity, agentUser, type AgentUser } from './user.ts';
import { addVariables, bankVaultsReferences, variablesFile, variablesProblems, type VariablesFile } from './variables.ts';
import { agentMounts, directoryConflicts, OWNER_FILES, secretMounts, volumes } from './volumes.ts';

/** Everything that profile native adds to a pod, or every problem that prevents it. The pod itself is not changed. */
export function injectNative(pod: Pod, parsed: Parsed, context: InjectionContext): Injection {
  const draft = draftOf(pod, parsed, context);
  const { options } = parsed;
  const { builder, problems, warnings } = draft;
  problems.push(...tokenCollisions(draft), ...shellCommands(draft));
  warnings.push(...otherProduct(draft));
  const agents = agentContainers(options, context.nativeSidecars ?? true);
  const directories = directoriesOf(draft);
  const variables = variablesFile(draft);
  problems.push(...variablesProblems(draft, agents));
  warnings.push(...bankVaultsReferences(draft));
  const isSelected = receivesSecrets(draft);
  const readers = readersOf(draft, isSelected, isAgent);
  const user = agentUser(draft, readers);
  const identity = agentIdentity(draft, user);
  problems.push(...reactionProblems(draft, { agents, readers, user: identity?.user }));
  if (user.loosens)
    warnings.push({
      code: 'token-loosened',
      user: user.user,
      annotation: originOf(parsed, 'agentRunAsUser'),
      isRootPod: user.isRootPod,
    });
  if (identity) warnings.push(...unreadableFiles(draft, readers, identity, !user.isAnnotated));
  const owners = ownersOf(draft, identity);
  problems.push(...owners.problems);
  warnings.push(...owners.warnings);
  const documents = agentConfigs(draft, agents, variables);
  const containers = builtContainers({
    draft,
    agents,
    documents,
    directories,
    variables,
    user,
    hasOwnerFiles: owners.files !== undefined,
  });
  const receives: Receives = (name, list, path) => agents.every((agent) => agent.name !== name) && isSelected(name, list, path);
  const configs = [...agents, ...(owners.files ? OWNER_FILES : [])];
  const token = agentTokenVolume(pod, options, mentionedIn(draft));
  const added = [...volumes({ options, directories, configs, token }), ...variables.volumes];
  problems.push(...addVolumes(pod, added, builder));
  const finished = containers.map(([, container]) => container);
  const { unmounted, unwritable } = pathFindings(draft, finished, added);
  warnings.push(...unmounted);
  problems.push(...unwritable);
  problems.push(...addMounts(pod, appMounts(draft, directories, finished, receives), receives, builder));
  shareProcessNamespace(draft);
  const index = agentIndex(draft);
  const before = startIndex(pod, agents, index);
  // Before the agent is inserted: the paths of a patch are those of the received pod.
  addVariables(draft, { agents, index: before, receives: isSelected });
  for (const [{ list }, container] of containers) {
    const position = { list, index: list === 'initContainers' ? index : Infinity, isAgent, isCurrent: isCurrent(draft) };
    problems.push(...addAgent(pod, container, position, builder));
  }
  warnAboutOrder(draft, { agents, index: before, user: identity?.user, receives: isSelected });
  const changes = addConfigs(draft, [...documents.values()], owners.files);
  addOnChange(draft);
  markInjected(draft);
  return {
    patch: builder.operations,
    injectionType: injectionType(agents),
    problems,
    warnings,
    ...(changes.length === 0 ? {} : { guardedChanges: changes }),
  };
}

/**
 * Mounts of the secrets in app containers. Read-only is only the default: where a container mounts something inside of the secrets, they
 * are writable, as with vault-k8s, since the container could not start otherwise.
 */
const appMounts = (
  { pod, parsed: { options }, problems, warnings }: Draft,
  directories: readonly string[],
  agents: readonly JsonObject[],
  receives: Receives,
): readonly NewMount[] => {
  const secrets = secretMounts(directories, options.secretsReadOnly ?? true);
  const nested = nestedMounts({ pod, agents, secrets, receives });
  if (options.secretsReadOnly !== undefined) {
    problems.push(...nested.map((mount) => ({ code: 'mount-nested', ...mount }) as const));
    return secrets;
  }
  warnings.push(...nested.map((mount) => ({ code: 'secrets-writable', ...mount }) as const));
  const writable = new Set(nested.map(({ outer }) => outer));
  return [
    ...secrets.filter(({ mountPath }) => !writable.has(mountPath)),
    ...secrets.filter(({ mountPath }) => writable.has(mountPath)).map(({ name, mountPath }): NewMount => ({ name, mountPath })),
  ];
};

/** A secret in the file of the token: each would overwrite the other. */
const tokenCollisions = ({ parsed, files }: Draft): readonly AnnotationProblem[] => {
  const { options, families } = parsed;
  if (!options.agentInjectToken) return [];
  const token = posix.join(options.secretVolumePath, 'token');
  return files
    .filter(({ destination }) => posix.normalize(destination) === token)
    .map(({ name, destination: file }) => {
      const family = [families.secret, families.template, families.templateFile].find((candidate) => candidate.has(name));
      const annotation = family?.get(name)?.annotation ?? '';
      return { code: 'secret-collision', annotation, other: originOf(parsed, 'agentInjectToken'), file };
    });
};

/** Directories of secrets, the common one first. A pod with variables alone needs none, and its containers no mount. */
const directoriesOf = ({ parsed: { options }, files, variables }: Draft): readonly string[] => {
  const common = options.secretVolumePath;
  const isUsed =
    variables.length === 0 ||
    options.agentInjectToken ||
    options.agentConfigPatch !== undefined ||
    files.some(({ directory }) => directory === common);
  return [...(isUsed ? [common] : []), ...otherDirectories(files, common)];
};

/** How many init containers start before the agent, also if it is there already. */
const startIndex = (pod: Pod, agents: readonly AgentContainer[], index: number): number => {
  const waited = agents.find(({ list }) => list === 'initContainers');
  const present = (pod.spec.initContainers ?? []).findIndex((container) => container.name === waited?.name && isAgent(container));
  return present === -1 ? index : present;
};

/** Whether an option of the pod that can name a file of the agent contains a text. */
const mentionedIn = ({ parsed: { options, families }, files, variables }: Draft): ((text: string) => boolean) => {
  const texts = [
    options.caCert,
    options.caPath,
    options.caKey,
    options.clientCert,
    options.clientKey,
    ...files.flatMap(({ template, command }) => [template, command]),
    ...variables.map(({ template }) => template),
    ...[...families.authConfig.values()].map(({ value }) => value),
  ];
  return (text) => texts.some((candidate) => candidate.includes(text));
};

interface ContainersInput {
  readonly draft: Draft;
  readonly agents: readonly AgentContainer[];
  readonly documents: ReadonlyMap<AgentContainer, AgentConfig>;
  /** Directories of the secrets, the common one first. */
  readonly directories: readonly string[];
  readonly variables: VariablesFile;
  readonly user: AgentUser;
  readonly hasOwnerFiles: boolean;
}

/** The finished containers, in order. One that cannot be built is left out, and the draft gets its problem. */
const builtContainers = ({
  draft,
  agents,
  documents,
  directories,
  variables,
  user,
  hasOwnerFiles,
}: ContainersInput): readonly (readonly [AgentContainer, JsonObject])[] => {
  const { pod, parsed, context, problems, warnings } = draft;
  const { options } = parsed;
  const apps = (pod.spec.containers ?? []).filter((container) => !isAgent(container));
  const own = [...agentMounts({ pod, options, directories, hasOwnerFiles }), ...variables.mounts];
  const copied = copiedMounts(draft, own);
  problems.push(...directoryConflicts(draft, copied.mounts));
  const hidden = hiddenDirectories(draft, copied.mounts, options.secretsReadOnly ?? true);
  problems.push(...hidden.certain);
  warnings.push(...hidden.possible);
  const common = {
    pod,
    options,
    authConfig: parsed.families.authConfig,
    caBytes: context.caBytes,
    user,
    pullPolicy: options.imagePullPolicy ?? (allAlwaysPull(apps) ? 'Always' : 'IfNotPresent'),
    mounts: uniquePaths([...own, ...copied.mounts]),
    mountVariables: copied.variables,
  };
  return agents.flatMap((agent) => {
    const waits = agent.kind === 'native-sidecar' && options.agentPrePopulate;
    const document = documents.get(agent)?.document ?? {};
    const files = promisedFiles(document);
    const reaction = reactionOf(draft, agent, document, files);
    const promised = waits ? [...files, ...(reaction && reaction.rules.length > 0 ? [STARTED_WITH] : [])] : [];
    if (promised.length > 0) problems.push(...gateProblems(draft));
    const { resources, problems: misfits } = agentResources({
      pod,
      parsed,
      limitRanges: context.limitRanges ?? [],
      isCpuLimited: allLimitCpu(apps),
      once: agent.once,
      probesItself: promised.length > 0 && gateOf(options) === 'binary',
    });
    problems.push(...misfits);
    const key = agent.once ? 'agentInitJsonPatch' : 'agentJsonPatch';
    const gate = promised.length > 0 ? startupProbe(options, agent.name, promised) : undefined;
    const container = nativeContainer({ ...common, agent, resources, gate, reaction });
    if (agent === agents[0]) problems.push(...oversizedVariables(container['env'] as readonly Json[]));
    const patched = accept<Patched>(draft, userPatched(container, options[key] ?? [], originOf(parsed, key)));
    return patched ? [[agent, patched.document] as const] : [];
  });
};

interface Order {
  readonly agents: readonly AgentContainer[];
  /** How many init containers start before the agent. */
  readonly index: number;
  /** Undefined: the image decides. */
  readonly user: number | undefined;
  readonly receives: Receives;
}

/** An agent that delays the app, and that has no network until the app starts; init containers that start before it. */
const warnAboutOrder = (draft: Draft, { agents, index, user, receives }: Order): void => {
  const { parsed, warnings } = draft;
  const waited = agents.find(({ list }) => list === 'initContainers');
  if (!waited) return;
  warnings.push(...earlyInitContainers(draft, index, receives));
  if (waited.once || parsed.options.agentPrePopulate) warnings.push(...blockedByProxy(draft, { index, user }));
};

/**
 * The admission plugin AlwaysPullImages has changed all app containers, and would change the agent too. Setting its policy first
 * avoids a second review.
 */
const allAlwaysPull = (apps: readonly Container[]): boolean =>
  apps.length > 0 && apps.every(({ imagePullPolicy }) => imagePullPolicy === 'Always');

/** Adds the annotations with the configurations, and returns the guarded options that the user's patch of them changes. */
const addConfigs = (
  draft: Draft,
  documents: readonly AgentConfig[],
  ownerFiles: OwnerFiles | undefined,
): readonly GuardedChange[] => {
  const configs: readonly SetAnnotation[] = [
    ...documents.map(({ name, document, changes }) => ({ name, text: JSON.stringify(document), changes })),
    ...(ownerFiles
      ? OWNER_FILES.map(({ config, file }) => ({ name: annotationName(config), text: ownerFiles[file], changes: [] }))
      : []),
  ];
  const bytes = annotationBytes(draft, configs);
  if (bytes > MAX_ANNOTATION_BYTES)
    draft.problems.push({ code: 'config-too-large', bytes, limit: MAX_ANNOTATION_BYTES, variable: undefined });
  else for (const { name, text } of configs) setAnnotation(draft, name, text);
  return configs.flatMap(({ changes }) => changes);
};

interface AgentConfig {
  /** Name of the annotation that contains it. */
  readonly name: string;
  readonly document: JsonObject;
  readonly changes: readonly GuardedChange[];
}

/** The finished configurations. One that cannot be built is left out, and the draft gets its problem. */
const agentConfigs = (
  draft: Draft,
  agents: readonly AgentContainer[],
  { templates }: VariablesFile,
): ReadonlyMap<AgentContainer, AgentConfig> =>
  new Map(
    agents.flatMap((agent) => {
      const config = accept<AgentConfig>(draft, configOf(draft, agent, templates));
      return config ? [[agent, config] as const] : [];
    }),
  );

interface SetAnnotation {
  readonly name: string;
  readonly text: string;
  readonly changes: readonly GuardedChange[];
}

const configOf = (
  { parsed, files, telemetry }: Draft,
  { once, config }: AgentContainer,
  templates: readonly JsonObject[],
): AgentConfig | PodProblem => {
  const { options, families } = parsed;
  const document = nativeConfig({ options, authConfig: families.authConfig, files, more: templates, telemetry, once });
  const annotation = originOf(parsed, 'agentConfigPatch');
  const patch = options.agentConfigPatch ?? [];
  const patched = userPatched(document, patch, annotation);
  if (isProblem(patched)) return patched;
  const changes = patch.length === 0 ? [] : guardedChanges(annotation, document, patched.document);
  return { name: annotationName(config), document: patched.document, changes };
};

/** Bytes of all annotations with the configurations, which replace those of an earlier injection. */
const annotationBytes = ({ pod: { metadata } }: Draft, configs: readonly SetAnnotation[]): number => {
  const all = { ...metadata.annotations, ...Object.fromEntries(configs.map(({ name, text }) => [name, text])) };
  return Object.entries(all).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0);
};
