// Mode token: no agent. Apps that log in by themselves get a projected token and the variables VAULT_….
import type { Options, Parsed } from '../annotations/parse.ts';
import type { JsonObject } from '../json/json.ts';
import { addMounts, addVolumes, type Receives } from './add.ts';
import { literal } from './agent.ts';
import { draftOf, markInjected, type Injection, type InjectionContext } from './draft.ts';
import type { PatchBuilder } from './patch.ts';
import { CONTAINER_LISTS, type Pod } from './pod.ts';
import { APP_TOKEN_DIRECTORY, projectedToken, TOKEN_VOLUME } from './token.ts';

interface Variable extends JsonObject {
  readonly name: string;
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

/** Adds the variables that a container does not set itself. */
const addVariables = ({ spec }: Pod, desired: readonly Variable[], receives: Receives, builder: PatchBuilder): void => {
  for (const list of CONTAINER_LISTS)
    for (const [index, { name, env }] of (spec[list] ?? []).entries()) {
      if (!receives(name ?? '', list)) continue;
      const present = new Set((env ?? []).map((variable) => variable.name));
      const missing = desired.filter((variable) => !present.has(variable.name));
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
  addVariables(pod, variables(options), receives, builder);
  markInjected(draft);
  return { patch: builder.operations, problems, warnings };
}
