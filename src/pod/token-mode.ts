// Mode token: no agent. Apps that log in by themselves get a projected token and the variables VAULT_….
import type { Options, Parsed } from '../annotations/parse.ts';
import type { JsonObject } from '../json/json.ts';
import { addMounts, addVolumes, type Receives } from './add.ts';
import { literal } from './agent.ts';
import { draftOf, markInjected, type Draft, type Injection, type InjectionContext } from './draft.ts';
import { CONTAINER_LISTS, type Pod } from './pod.ts';
import { APP_TOKEN_DIRECTORY, projectedToken, TOKEN_VOLUME } from './token.ts';

interface Variable extends JsonObject {
  readonly name: string;
  readonly value: string;
}

/** An app logs in with POST $VAULT_ADDR/v1/$VAULT_AUTH_MOUNT/login: the role, and the content of the file as `jwt`. */
const variables = (options: Options): readonly Variable[] =>
  Object.entries({
    VAULT_ADDR: options.service ?? '',
    VAULT_NAMESPACE: options.namespace,
    VAULT_AUTH_MOUNT: options.authPath,
    VAULT_ROLE: options.role,
    VAULT_TOKEN_PATH: `${APP_TOKEN_DIRECTORY}/token`,
  })
    .filter(([, value]) => value !== '')
    .map(([name, value]) => ({ name, value: literal(value) }));

/** Adds the variables that a container does not set itself. An app that mixes its own address with the role of the pod cannot log in. */
const addVariables = ({ pod: { spec }, builder, warnings }: Draft, desired: readonly Variable[], receives: Receives): void => {
  for (const list of CONTAINER_LISTS)
    for (const [index, { name, env }] of (spec[list] ?? []).entries()) {
      if (!receives(name ?? '', list)) continue;
      const present = new Map((env ?? []).map((variable) => [variable.name, variable]));
      const missing = desired.filter((variable) => !present.has(variable.name));
      for (const { name: variable, value: expected } of desired) {
        const own = present.get(variable);
        if (own === undefined || (!own.valueFrom && (own.value ?? '') === expected)) continue;
        const value = own.valueFrom ? undefined : (own.value ?? '');
        warnings.push({ code: 'login-overridden', container: name ?? '', name: variable, value, expected });
      }
      builder.append(`/spec/${list}/${index}/env`, Boolean(env), missing);
    }
};

/** Adds the token volume, its mounts and the variables. The pod itself is not changed. */
export function injectToken(pod: Pod, parsed: Parsed, context: InjectionContext): Injection {
  const draft = draftOf(pod, parsed, context);
  const { options } = parsed;
  const { builder, problems, warnings } = draft;
  if (draft.variables[0]) problems.push({ code: 'env-unsupported', annotation: draft.variables[0].annotation, because: 'mode' });
  const skipped = new Set(options.skipContainers);
  const initContainers = options.initContainers && new Set(options.initContainers);
  const receives: Receives = (name, list) =>
    !skipped.has(name) && (list === 'containers' || !initContainers || initContainers.has(name));
  problems.push(...addVolumes(pod, [projectedToken(options)], builder));
  problems.push(...addMounts(pod, [{ name: TOKEN_VOLUME, mountPath: APP_TOKEN_DIRECTORY, readOnly: true }], receives, builder));
  addVariables(draft, variables(options), receives);
  markInjected(draft);
  return { patch: builder.operations, problems, warnings };
}
