// The agent containers of profile compat, patched as the user wishes.
import { agentConfigs } from '../agent-config.ts';
import { copiedMounts, keep, originOf, uniquePaths, type Draft } from '../draft.ts';
import type { Parsed } from '../../annotations/parse.ts';
import type { JsonObject } from '../../json/json.ts';
import { securityContext } from '../security-context.ts';
import { rememberedLast, sharedMembers } from '../shared.ts';
import { awsTokenMount, tokenMount, type TokenMount } from '../token.ts';
import { userPatched } from '../user-patch.ts';
import { agentContainer } from './container.ts';
import { environment } from './environment.ts';
import { agentMounts, HOME_DIRECTORY, type AgentKind, type Shape } from './volumes.ts';

const PATCH_KEY = { init: 'agentInitJsonPatch', sidecar: 'agentJsonPatch' } as const;

/** Every agent that the shape asks for; none when the pod has no token, which is among the draft's problems then. */
export function agents(draft: Draft, shape: Shape): Map<AgentKind, JsonObject> {
  const { options } = draft.parsed;
  const tokens = tokensOf(draft);
  const copied = copiedMounts(draft);
  const context = keep(securityContext(draft.pod, options, draft.parsed.origins), draft);
  const made = new Map<AgentKind, JsonObject>();
  const [token] = tokens;
  if (!token) return made;
  const tokenPath = `${token.directory.replace(/\/+$/, '')}/${token.file}`;
  for (const [kind, frame] of framesOf({ draft, shape, tokenPath, context })) {
    // The name of the token's volume is random in each pod, so mounts are made for each.
    const container = { ...frame, volumeMounts: uniquePaths(agentMounts(kind, { options, shape, tokens, copied })) };
    const key = PATCH_KEY[kind];
    const patched = keep(userPatched(container, options[key] ?? [], originOf(draft.parsed, key)), draft);
    if (patched) made.set(kind, patched.document);
  }
  return made;
}

const tokensOf = (draft: Draft): readonly TokenMount[] => {
  const token = keep(tokenMount(draft.pod, draft.parsed.options), draft);
  const aws = draft.parsed.options.authType === 'aws' ? awsTokenMount(draft.pod) : undefined;
  if (!token) return [];
  return aws && aws.directory !== token.directory ? [token, aws] : [token];
};

/** Containers without their mounts, by kind. */
type Frames = ReadonlyMap<AgentKind, JsonObject>;

interface FrameInput {
  readonly draft: Draft;
  readonly shape: Shape;
  readonly tokenPath: string;
  readonly context: JsonObject | undefined;
}

const rememberedFrames = rememberedLast<Frames>();

/**
 * Frames follow from annotations, settings and the path of the token. Only two options look into the pod for more: its user,
 * and the variables of AWS.
 */
const framesOf = (input: FrameInput): Frames => {
  const { draft, tokenPath } = input;
  const { parsed, operator } = draft;
  if (parsed.options.agentRunAsSameUser || parsed.options.authType === 'aws') return makeFrames(input);
  return rememberedFrames(parsed, [tokenPath, operator.caBytes], () => makeFrames(input));
};

const makeFrames = ({ draft, shape, tokenPath, context }: FrameInput): Frames => {
  const { pod, parsed, files, telemetry, operator } = draft;
  const { options } = parsed;
  const { authConfig } = parsed.families;
  const configs =
    options.agentConfigmap === ''
      ? agentConfigs({
          options,
          authConfig,
          files,
          tokenPath,
          telemetry,
          home: HOME_DIRECTORY,
          isJwtOfBackend: isJwtOfBackend(parsed),
        })
      : undefined;
  const twin = shape.init && shape.sidecar;
  const frames = new Map<AgentKind, JsonObject>();
  for (const kind of ['init', 'sidecar'] as const) {
    if (!shape[kind]) continue;
    const config = configs && encode(configs({ init: kind === 'init', twin }));
    const variables = environment({ options, authConfig, caBytes: operator.caBytes, config }, pod);
    const frame = agentContainer(kind, { options, environment: variables, mounts: [], securityContext: context });
    frames.set(kind, sharedMembers(frame));
  }
  return frames;
};

/** Annotations that choose this method bring its parameters, as with vault-k8s; a backend that is of its type brings none. */
const isJwtOfBackend = ({ options, origins }: Parsed): boolean =>
  options.authType === 'jwt' && origins.get('authType')?.layer === 'VaultAuthBackend';

const encode = (document: JsonObject): string => Buffer.from(JSON.stringify(document), 'utf8').toString('base64');
