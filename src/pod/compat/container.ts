// The agent containers of profile compat, as vault-k8s 1.7.6 builds them.
import { familyName } from '../../annotations/names.ts';
import type { Options, Parsed } from '../../annotations/parse.ts';
import type { OptionKey } from '../../annotations/table.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { oversizedVariables, programOf } from '../agent.ts';
import { copiedMounts, uniquePaths, withVariables } from '../copied-mounts.ts';
import { accept, originOf, type Draft } from '../draft.ts';
import type { PodProblem } from '../pod-problems.ts';
import type { Pod } from '../pod.ts';
import { awsTokenMount, tokenMount, type TokenMount } from '../token.ts';
import { userPatched, type Patched } from '../user-patch.ts';
import { compatConfigs, lacksJwtPath } from './config.ts';
import { environment } from './environment.ts';
import { agentMounts, HOME_DIRECTORY, type AgentKind, type Shape } from './volumes.ts';

export const AGENT_NAME: Readonly<Record<AgentKind, string>> = { init: 'vault-agent-init', sidecar: 'vault-agent' };

const PATCH_KEY = { init: 'agentInitJsonPatch', sidecar: 'agentJsonPatch' } as const;

/** The finished containers of the shape. None if the pod has no token, which is one of the draft's problems then. */
export function builtAgents(draft: Draft, shape: Shape): ReadonlyMap<AgentKind, JsonObject> {
  const { pod, parsed, context } = draft;
  const { options, families } = parsed;
  const tokens = tokensOf(draft);
  const own = (['init', 'sidecar'] as const).flatMap((kind) => agentMounts(kind, { options, shape, tokens, copied: [] }));
  const copied = copiedMounts(draft, own);
  const securityContext = accept<JsonObject>(draft, securityContextOf(pod, parsed));
  const agents = new Map<AgentKind, JsonObject>();
  const [token] = tokens;
  if (!token) return agents;
  const tokenPath = `${token.directory.replace(/\/+$/, '')}/${token.file}`;
  const configs = compatConfigs(draft, shape, tokenPath);
  if (lacksJwtPath(parsed))
    draft.warnings.push({ code: 'jwt-path-missing', annotation: familyName('authConfig', 'path'), path: tokenPath });
  const oversized: PodProblem[] = [];
  for (const kind of ['init', 'sidecar'] as const) {
    if (!shape[kind]) continue;
    const config = options.agentConfigmap === '' ? encode(configs(kind)) : undefined;
    const own = environment({ options, authConfig: families.authConfig, caBytes: context.caBytes, config }, pod);
    oversized.push(...oversizedVariables(own));
    const container = agentContainer(kind, {
      options,
      environment: withVariables(own, copied.variables),
      mounts: uniquePaths(agentMounts(kind, { options, shape, tokens, copied: copied.mounts })),
      securityContext,
    });
    const key = PATCH_KEY[kind];
    const patched = accept<Patched>(draft, userPatched(container, options[key] ?? [], originOf(parsed, key)));
    if (patched) agents.set(kind, patched.document);
  }
  // The variables of both agents are the same, but for a few bytes of the configuration.
  draft.problems.push(...new Map(oversized.map((problem) => [problem.code, problem])).values());
  return agents;
}

const encode = (document: JsonObject): string => Buffer.from(JSON.stringify(document), 'utf8').toString('base64');

const tokensOf = (draft: Draft): readonly TokenMount[] => {
  const { pod, parsed } = draft;
  const token = accept<TokenMount>(draft, tokenMount(pod, parsed.options));
  const aws = parsed.options.authType === 'aws' ? awsTokenMount(pod) : undefined;
  if (!token) return [];
  return aws && aws.directory !== token.directory ? [token, aws] : [token];
};

const RUN_AS: readonly OptionKey[] = ['agentRunAsUser', 'agentRunAsGroup', 'agentRunAsSameUser'];

/** An annotation that sets a user enables the security context, even if the operator disabled it. */
const hasSecurityContext = ({ options, origins }: Parsed): boolean => {
  const isAnnotated = (key: OptionKey): boolean => origins.get(key)?.annotation !== undefined;
  if (options.agentSetSecurityContext || isAnnotated('agentSetSecurityContext')) return options.agentSetSecurityContext;
  return RUN_AS.some(isAnnotated);
};

/** The user of the first app container, from its own security context. */
const sameUser = ({ spec }: Pod): number | PodProblem => {
  const first = spec.containers?.[0];
  const user = first?.securityContext?.runAsUser;
  const container = first?.name ?? '';
  if (typeof user !== 'number') return { code: 'same-user-unknown', container };
  return user === 0 ? { code: 'same-user-root', container } : user;
};

/** The security context of an agent container, or the problem that it has none; undefined: it is left to pod and image. */
export function securityContextOf(
  pod: Pod,
  parsed: Parsed,
): (JsonObject & { readonly runAsUser: number }) | PodProblem | undefined {
  const { options } = parsed;
  const user = options.agentRunAsSameUser ? sameUser(pod) : options.agentRunAsUser;
  if (typeof user !== 'number') return user;
  if (!hasSecurityContext(parsed)) return undefined;
  return {
    runAsUser: user,
    runAsGroup: options.agentRunAsGroup,
    runAsNonRoot: user !== 0 && options.agentRunAsGroup !== 0,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
  };
}

const CONFIG_FILE: Readonly<Record<AgentKind, string>> = { init: 'config-init.hcl', sidecar: 'config.hcl' };

/** The commands contain no text of annotations: the configuration is an environment variable that they decode into a file. */
const command = (kind: AgentKind, options: Options): string =>
  options.agentConfigmap === ''
    ? `echo \${VAULT_CONFIG?} | base64 -d > ${HOME_DIRECTORY}/config.json && ${programOf(options)} agent -config=${HOME_DIRECTORY}/config.json`
    : `touch ${HOME_DIRECTORY}/.vault-token && ${programOf(options)} agent -config=/vault/configs/${CONFIG_FILE[kind]}`;

const items = (pairs: readonly (readonly [string, string])[]): { [name: string]: Json } | undefined => {
  const set = pairs.filter(([, quantity]) => quantity !== '');
  return set.length === 0 ? undefined : Object.fromEntries(set);
};

const resources = (options: Options): JsonObject => {
  const limits = items([
    ['cpu', options.agentLimitsCpu],
    ['memory', options.agentLimitsMem],
    ['ephemeral-storage', options.agentLimitsEphemeral],
  ]);
  const requests = items([
    ['cpu', options.agentRequestsCpu],
    ['memory', options.agentRequestsMem],
    ['ephemeral-storage', options.agentRequestsEphemeral],
  ]);
  return { ...(limits ? { limits } : {}), ...(requests ? { requests } : {}) };
};

/** Quotes a word for the shell, if necessary. */
const shellWord = (word: string): string => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** Revokes the agent's token before the sidecar stops, with all connection options of the agent (Q11). */
const revokeHook = (options: Options): JsonObject => {
  const flags: readonly (readonly [string, string])[] = [
    ['address', options.service ?? ''],
    ['namespace', options.namespace],
    ['ca-cert', options.caCert],
    ['ca-path', options.caPath === '' ? options.caKey : options.caPath],
    ['client-cert', options.clientCert],
    ['client-key', options.clientKey],
    ['tls-server-name', options.tlsServerName],
  ];
  const given = flags.filter(([, value]) => value !== '').map(([name, value]) => ` -${name}=${shellWord(value)}`);
  const skip = options.tlsSkipVerify ? ' -tls-skip-verify' : '';
  const program = options.agentBinary ?? `/bin/${programOf(options)}`;
  const line = `/bin/sleep ${options.agentRevokeGrace} && ${program} token revoke${given.join('')}${skip} -self`;
  return { preStop: { exec: { command: ['/bin/sh', '-c', line] } } };
};

interface ContainerInput {
  readonly options: Options;
  readonly environment: readonly Json[];
  readonly mounts: readonly JsonObject[];
  readonly securityContext: JsonObject | undefined;
}

const agentContainer = (kind: AgentKind, input: ContainerInput): JsonObject => {
  const { options } = input;
  return {
    name: AGENT_NAME[kind],
    image: options.agentImage ?? '',
    ...(options.imagePullPolicy ? { imagePullPolicy: options.imagePullPolicy } : {}),
    command: ['/bin/sh', '-ec'],
    args: [command(kind, options)],
    env: input.environment,
    resources: resources(options),
    volumeMounts: input.mounts,
    ...(kind === 'sidecar' ? { lifecycle: options.agentRevokeOnShutdown ? revokeHook(options) : {} } : {}),
    ...(input.securityContext ? { securityContext: input.securityContext } : {}),
  };
};
