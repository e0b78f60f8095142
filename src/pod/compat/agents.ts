// The agent containers of profile compat, patched as the user wishes.
import { agentConfigs } from '../agent-config.ts';
import { copiedMounts, keep, originOf, uniquePaths, type Draft } from '../draft.ts';
import type { Parsed } from '../../annotations/parse.ts';
import type { JsonObject } from '../../json/json.ts';
import { securityContext } from '../security-context.ts';
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
  const configOf = configsOf(draft, shape, `${token.directory.replace(/\/+$/, '')}/${token.file}`);
  for (const kind of ['init', 'sidecar'] as const) {
    if (!shape[kind]) continue;
    const { authConfig } = draft.parsed.families;
    const variables = { options, authConfig, caBytes: draft.operator.caBytes, config: configOf(kind) };
    const container = agentContainer(kind, {
      options,
      environment: environment(variables, draft.pod),
      mounts: uniquePaths(agentMounts(kind, { options, shape, tokens, copied })),
      securityContext: context,
    });
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

/** The agent's configuration in base64, by container; undefined where a ConfigMap brings it. */
const configsOf = (draft: Draft, shape: Shape, tokenPath: string): ((kind: AgentKind) => string | undefined) => {
  const { parsed, files, telemetry } = draft;
  if (parsed.options.agentConfigmap !== '') return () => undefined;
  const configs = agentConfigs({
    options: parsed.options,
    authConfig: parsed.families.authConfig,
    files,
    tokenPath,
    telemetry,
    home: HOME_DIRECTORY,
    isJwtOfBackend: isJwtOfBackend(parsed),
  });
  return (kind) => encode(configs({ init: kind === 'init', twin: shape.init && shape.sidecar }));
};

/** Annotations that choose this method bring its parameters, as with vault-k8s; a backend that is of its type brings none. */
const isJwtOfBackend = ({ options, origins }: Parsed): boolean =>
  options.authType === 'jwt' && origins.get('authType')?.layer === 'VaultAuthBackend';

const encode = (document: JsonObject): string => Buffer.from(JSON.stringify(document), 'utf8').toString('base64');
