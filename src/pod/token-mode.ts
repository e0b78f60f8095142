// Mode token: no agent. Containers that log in by themselves get an audience-bound token and what they need to know.
import type { Options, Parsed } from '../annotations/parse.ts';
import { draftOf, markInjected, type Injection, type OperatorInput } from './draft.ts';
import { objectAt, objectsOf, textOf, type JsonObject } from '../json/json.ts';
import { literal } from './native/container.ts';
import type { PatchBuilder } from './patch.ts';
import { placeMounts, placeVolumes, type ContainerList, type Receives } from './place.ts';
import { projectedToken } from './projected-token.ts';
import { APP_TOKEN_DIRECTORY, TOKEN_VOLUME } from './token.ts';

/** What an app needs to log in: POST $VAULT_ADDR/v1/$VAULT_AUTH_MOUNT/login with role and the file's content as jwt. */
const variables = (options: Options): readonly JsonObject[] =>
  Object.entries({
    VAULT_ADDR: options.service ?? '',
    VAULT_NAMESPACE: options.namespace,
    VAULT_AUTH_MOUNT: options.authPath,
    VAULT_ROLE: options.role,
    VAULT_TOKEN_PATH: `${APP_TOKEN_DIRECTORY}/token`,
  })
    .filter(([, value]) => value !== '')
    .map(([name, value]) => ({ name, value: literal(value) }));

/** Adds the variables that a container does not have; its own ones win. */
const placeVariables = (pod: JsonObject, wanted: readonly JsonObject[], receives: Receives, builder: PatchBuilder): void => {
  for (const list of ['containers', 'initContainers'] as const satisfies readonly ContainerList[])
    for (const [index, container] of objectsOf(objectAt(pod, 'spec')?.[list]).entries()) {
      if (!receives(textOf(container, 'name') ?? '', list)) continue;
      const present = new Set(objectsOf(container['env']).map((variable) => textOf(variable, 'name')));
      const missing = wanted.filter((variable) => !present.has(textOf(variable, 'name')));
      builder.append(`/spec/${list}/${index}/env`, Array.isArray(container['env']), missing);
    }
};

/** The token volume, its mount and the variables. The pod is not changed. */
export function injectToken(pod: JsonObject, parsed: Parsed, operator: OperatorInput): Injection {
  const draft = draftOf(pod, parsed, operator);
  const { options } = parsed;
  const { builder, problems, warnings } = draft;
  const skipped = new Set(options.skipContainers);
  const chosen = options.initContainers && new Set(options.initContainers);
  const receives: Receives = (name, list) => !skipped.has(name) && (list === 'containers' || !chosen || chosen.has(name));
  problems.push(...placeVolumes(pod, [projectedToken(options)], builder));
  problems.push(...placeMounts(pod, [{ name: TOKEN_VOLUME, mountPath: APP_TOKEN_DIRECTORY, readOnly: true }], receives, builder));
  placeVariables(pod, variables(options), receives, builder);
  markInjected(draft);
  return { patch: builder.operations, problems, warnings };
}
