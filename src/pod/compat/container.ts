// The agent containers of profile compat: what vault-k8s 1.7.6 would add.
import type { Options } from '../../annotations/parse.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { PROGRAM } from '../program.ts';
import { HOME_DIRECTORY, type AgentKind } from './volumes.ts';

export const AGENT_NAME: Readonly<Record<AgentKind, string>> = { init: 'vault-agent-init', sidecar: 'vault-agent' };

const CONFIG_FILE: Readonly<Record<AgentKind, string>> = { init: 'config-init.hcl', sidecar: 'config.hcl' };

/** No text of a user is in these commands: the configuration comes by environment, decoded into a file. */
const command = (kind: AgentKind, options: Options): string =>
  options.agentConfigmap === ''
    ? `echo \${VAULT_CONFIG?} | base64 -d > ${HOME_DIRECTORY}/config.json && ${PROGRAM[options.flavour]} agent -config=${HOME_DIRECTORY}/config.json`
    : `touch ${HOME_DIRECTORY}/.vault-token && ${PROGRAM[options.flavour]} agent -config=/vault/configs/${CONFIG_FILE[kind]}`;

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

/** Quotes a word for the shell; what needs no quotes stays as it is. */
const shellWord = (word: string): string => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** Revokes the agent's token before the sidecar stops, with every connection option that the agent has (Q11). */
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
  const line = `/bin/sleep ${options.agentRevokeGrace} && /bin/${PROGRAM[options.flavour]} token revoke${given.join('')}${skip} -self`;
  return { preStop: { exec: { command: ['/bin/sh', '-c', line] } } };
};

export interface ContainerInput {
  readonly options: Options;
  readonly environment: readonly Json[];
  readonly mounts: readonly JsonObject[];
  readonly securityContext: JsonObject | undefined;
}

/** The finished container, before the user's own patch. */
export function agentContainer(kind: AgentKind, input: ContainerInput): JsonObject {
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
}
