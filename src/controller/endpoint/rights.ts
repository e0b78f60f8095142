// Whether the controller's token may do what the backends and policies of an endpoint ask for; told, so that nobody has to find out by a failure.
import { type Capability, controllerRights } from '../../resources/controller-policy.ts';
import type { EndpointConditionUpdate, VaultEndpoint } from '../../resources/endpoint.ts';
import type { VaultCaller } from '../../vault/client.ts';
import { VaultError } from '../../vault/errors.ts';
import { readCapabilities } from '../../vault/policies.ts';
import type { ControllerContext } from '../runtime/context.ts';
import { authorized } from './conditions.ts';

type Context = Pick<ControllerContext, 'listers' | 'vault'>;

/** Asks with the session; without one nothing is known. Throws what is no VaultError. */
export async function rightsFinding(
  context: Context,
  endpoint: VaultEndpoint,
  session: VaultCaller | undefined,
  signal: AbortSignal,
): Promise<EndpointConditionUpdate> {
  if (!session) return authorized('NotChecked', 'The controller is not logged in.');
  const wanted = rightsWanted(context, endpoint);
  try {
    const granted = await readCapabilities(session, [...wanted.keys()], signal);
    const missing = [...wanted].flatMap(([path, capabilities]) => {
      const has = granted.get(path) ?? [];
      const lacking = has.includes('root') ? [] : capabilities.filter((capability) => !has.includes(capability));
      return lacking.length === 0 ? [] : [`${path} (${lacking.join(', ')})`];
    });
    if (missing.length === 0) return authorized('Sufficient', 'The token has the rights that backends and policies need.');
    const rest = missing.length > MOST_NAMED ? ` and ${missing.length - MOST_NAMED} more` : '';
    return authorized(
      'RightsMissing',
      `The token lacks rights on ${missing.slice(0, MOST_NAMED).join(', ')}${rest}: add them to its policy.`,
    );
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    return authorized('NotChecked', `${error.message}.`);
  }
}

const MOST_NAMED = 8;

/** Paths, and the capabilities without which the controller cannot do on each what it is asked to do now. */
const rightsWanted = (
  { listers: { backends, policies }, vault: { observeOnly } }: Context,
  endpoint: VaultEndpoint,
): ReadonlyMap<string, readonly Capability[]> => {
  const isOurs = ({ spec }: { readonly spec: { readonly endpointRef: { readonly name: string } } }): boolean =>
    spec.endpointRef.name === endpoint.metadata.name;
  const ours = backends.list().filter(isOurs);
  const mounted = new Set(
    ours.filter(({ status }) => status?.mount !== undefined).map(({ spec: { path } }) => `sys/auth/${path}`),
  );
  const rights = controllerRights({
    endpoint,
    backends: ours,
    policies: policies.list().filter(isOurs),
    furtherPolicies: [],
    observeOnly,
  });
  return new Map(
    rights.flatMap(({ path, capabilities }): readonly (readonly [string, readonly Capability[]])[] => {
      const needed = capabilities.filter((capability) => isNeeded(path, capability, capabilities, mounted.has(path)));
      // A name stands for all that the star stands for.
      return needed.some((capability) => capability !== 'sudo') ? [[path.replace(/\*$/, 'any'), needed] as const] : [];
    }),
  );
};

/** Less than what the printed policy grants: what everybody has, what may come in handy, and what is done already. */
const isNeeded = (path: string, capability: Capability, all: readonly Capability[], isMounted: boolean): boolean => {
  if (path.startsWith('auth/token/') || path === 'sys/capabilities-self' || capability === 'list') return false;
  // Reading other roles is for those that are only observed.
  if (path.endsWith('/role/*')) return all.length > 1;
  if (isMounted && (capability === 'create' || capability === 'update')) return false;
  // Only roles know whether they are new; everything else is an update for both products.
  return capability !== 'create' || path.includes('/role/');
};
