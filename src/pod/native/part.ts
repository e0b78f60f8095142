// The agent containers of profile native: one native sidecar, or what stands in for it.
import type { Options } from '../../annotations/parse.ts';
import type { OptionKey } from '../../annotations/table.ts';
import type { Injection } from '../draft.ts';
import type { ContainerList } from '../place.ts';

export interface AgentPart {
  readonly kind: 'native-sidecar' | 'init' | 'sidecar';
  readonly name: string;
  readonly list: ContainerList;
  /** It ends when it has rendered everything. */
  readonly once: boolean;
  /** The annotation that carries its configuration, and the name of the file in the container. */
  readonly config: Extract<OptionKey, 'agentConfig' | 'agentInitConfig'>;
  readonly file: string;
}

/** Names of containers have at most 63 characters. */
const LONGEST_NAME = 63;
const INIT = '-init';

/**
 * The containers that a pod gets. Without native sidecars the app would start before its secrets are there, so that an init
 * container fetches them first, as vault-k8s does it: with a configuration of its own, since it has to give up, and the
 * sidecar must not.
 */
export function partsOf(options: Options, hasNativeSidecars: boolean): readonly AgentPart[] {
  const { containerName: name } = options;
  const one = { name, config: 'agentConfig', file: 'agent.json' } as const;
  if (options.agentPrePopulateOnly) return [{ ...one, kind: 'init', list: 'initContainers', once: true }];
  if (hasNativeSidecars) return [{ ...one, kind: 'native-sidecar', list: 'initContainers', once: false }];
  const sidecar: AgentPart = { ...one, kind: 'sidecar', list: 'containers', once: false };
  if (!options.agentPrePopulate) return [sidecar];
  const init = { kind: 'init', list: 'initContainers', once: true, config: 'agentInitConfig', file: 'agent-init.json' } as const;
  return [{ ...init, name: `${name.slice(0, LONGEST_NAME - INIT.length)}${INIT}` }, sidecar];
}

/** What the parts are together, in the words of the metrics of vault-k8s. */
export function kindOf(parts: readonly AgentPart[]): NonNullable<Injection['kind']> {
  if (parts.length > 1) return 'init_and_sidecar';
  return parts[0]?.once ? 'init_only' : 'sidecar_only';
}
