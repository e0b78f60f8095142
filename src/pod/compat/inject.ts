// Profile compat: the pod that vault-k8s 1.7.6 gives, without its defects. Options → pieces → patch.
import { agentConfigs } from '../agent-config.ts';
import {
  copiedMounts,
  draftOf,
  isCurrent,
  keep,
  markInjected,
  originOf,
  recipients,
  shareProcessNamespace,
  uniquePaths,
  wasInjected,
  type Draft,
  type Injection,
  type OperatorInput,
} from '../draft.ts';
import type { Parsed } from '../../annotations/parse.ts';
import type { OptionKey } from '../../annotations/table.ts';
import { objectAt, objectsOf, textOf, type JsonObject } from '../manifest.ts';
import { placeAgent, placeMounts, placeVolumes, type ContainerList } from '../place.ts';
import { securityContext } from '../security-context.ts';
import { awsTokenMount, tokenMount, type TokenMount } from '../token.ts';
import { userPatched } from '../user-patch.ts';
import { AGENT_NAME, agentContainer } from './container.ts';
import { environment } from './environment.ts';
import {
  agentMounts,
  HOME_DIRECTORY,
  HOME_VOLUME,
  secretMounts,
  shapeOf,
  volumes,
  type AgentKind,
  type Shape,
} from './volumes.ts';

const LIST: Readonly<Record<AgentKind, ContainerList>> = { init: 'initContainers', sidecar: 'containers' };
/** Options that need the agent's own token or configuration file. */
const LACKS: readonly OptionKey[] = ['tokenAudience', 'tokenExpirationSeconds', 'containerName', 'agentConfigPatch'];
const PATCH_KEY = { init: 'agentInitJsonPatch', sidecar: 'agentJsonPatch' } as const;

const tokensOf = (draft: Draft): readonly TokenMount[] => {
  const token = keep(tokenMount(draft.pod, draft.parsed.options), draft);
  const aws = draft.parsed.options.authType === 'aws' ? awsTokenMount(draft.pod) : undefined;
  if (!token) return [];
  return aws && aws.directory !== token.directory ? [token, aws] : [token];
};

const encode = (document: JsonObject): string => Buffer.from(JSON.stringify(document), 'utf8').toString('base64');

/** The agent containers, patched as the user wishes. */
const agents = (draft: Draft, shape: Shape): Map<AgentKind, JsonObject> => {
  const { pod, parsed, files, telemetry, operator } = draft;
  const { options, families, origins } = parsed;
  const tokens = tokensOf(draft);
  const copied = copiedMounts(draft);
  const context = keep(securityContext(pod, options, origins), draft);
  const [token] = tokens;
  const made = new Map<AgentKind, JsonObject>();
  if (!token) return made;
  const kinds: readonly AgentKind[] = [
    ...(shape.init ? (['init'] as const) : []),
    ...(shape.sidecar ? (['sidecar'] as const) : []),
  ];
  const tokenPath = `${token.directory.replace(/\/+$/, '')}/${token.file}`;
  const { authConfig } = families;
  const configs =
    options.agentConfigmap === ''
      ? agentConfigs({ options, authConfig, files, tokenPath, telemetry, home: HOME_DIRECTORY })
      : undefined;
  const twin = shape.init && shape.sidecar;
  for (const kind of kinds) {
    const config = configs && encode(configs({ init: kind === 'init', twin }));
    const container = agentContainer(kind, {
      options,
      environment: environment({ options, authConfig, caBytes: operator.caBytes, config }, pod),
      mounts: uniquePaths(agentMounts(kind, { options, shape, tokens, copied })),
      securityContext: context,
    });
    const key = PATCH_KEY[kind];
    const patched = keep(userPatched(container, options[key] ?? [], originOf(draft, key)), draft);
    if (patched) made.set(kind, patched);
  }
  return made;
};

const hasAgent = (pod: JsonObject, kind: AgentKind): boolean =>
  objectsOf(objectAt(pod, 'spec')?.[LIST[kind]]).some((container) => textOf(container, 'name') === AGENT_NAME[kind]);

/**
 * An agent of ours has its home directory on our volume. A pod that says that it was injected before and has every agent by
 * its name is believed too; one container of such a name alone is somebody else's (Q13).
 */
const isOurs = (container: JsonObject, kind: AgentKind, draft: Draft, kinds: Iterable<AgentKind>): boolean =>
  (wasInjected(draft) && [...kinds].every((one) => hasAgent(draft.pod, one))) ||
  objectsOf(container['volumeMounts']).some(
    (mount) => textOf(mount, 'name') === HOME_VOLUME[kind] && textOf(mount, 'mountPath') === HOME_DIRECTORY,
  );

/** Everything that profile compat adds to a pod, or everything that is in the way. The pod is not changed. */
export const injectCompat = (pod: JsonObject, parsed: Parsed, operator: OperatorInput): Injection => {
  const draft = draftOf(pod, parsed, operator);
  const { options } = parsed;
  const { builder, problems, warnings } = draft;
  const shape = shapeOf(options, draft.files);
  if (!shape.init && !shape.sidecar)
    problems.push({
      code: 'containers-exclusive',
      annotation: originOf(draft, 'agentPrePopulate'),
      other: originOf(draft, 'agentPrePopulateOnly'),
    });
  const made = agents(draft, shape);
  for (const key of LACKS)
    if (draft.parsed.origins.get(key)?.annotation !== undefined)
      problems.push({ code: 'profile-lacks', annotation: originOf(draft, key), profile: 'compat' });
  problems.push(...placeVolumes(pod, volumes(options, shape), builder));
  // Init containers get the secrets only when an agent runs before them.
  const named = recipients(draft);
  const receives = (name: string, list: ContainerList, path?: string): boolean =>
    named(name, list, path) && (list === 'containers' ? name !== AGENT_NAME.sidecar : name !== AGENT_NAME.init && shape.init);
  problems.push(
    ...placeMounts(pod, uniquePaths(secretMounts(options, shape, options.secretsReadOnly ?? false)), receives, builder),
  );
  shareProcessNamespace(draft);
  for (const [kind, agent] of made) {
    const place = {
      list: LIST[kind],
      first: kind === 'init' && options.agentInitFirst,
      isOurs: (container: JsonObject) => isOurs(container, kind, draft, made.keys()),
      isCurrent: isCurrent(draft),
    };
    problems.push(...placeAgent(pod, agent, place, builder));
  }
  markInjected(draft);
  const kind = shape.init ? (shape.sidecar ? 'init_and_sidecar' : 'init_only') : 'sidecar_only';
  return { patch: builder.operations, kind, problems, warnings };
};
