// Whether the controller's token may do what the backends and policies of an endpoint ask for; told, so that nobody has to find out by a failure.
import { vaultPolicyName } from '../../resources/acl-policy.ts';
import type { EndpointFinding, VaultEndpoint } from '../../resources/endpoint.ts';
import { isObserved } from '../../resources/management.ts';
import { probeRoleName } from '../../resources/role-name.ts';
import { readCapabilities } from '../../vault/capabilities.ts';
import type { VaultCaller } from '../../vault/client.ts';
import { VaultError } from '../../vault/error.ts';
import type { ControllerContext } from '../context.ts';
import { authorized } from './findings.ts';

type Known = Pick<ControllerContext, 'backends' | 'policies' | 'observeOnly'>;

/** Asks with the session; without one nothing is known. Throws what is no VaultError. */
export const rightsFinding = async (
  context: Known,
  endpoint: VaultEndpoint,
  session: VaultCaller | undefined,
  signal: AbortSignal,
): Promise<EndpointFinding> => {
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
};

const MOST_NAMED = 8;

/** Paths, and the capabilities that are needed on each. A name of the controller's own stands for all roles with its prefix. */
const rightsWanted = (
  { backends, policies, observeOnly }: Known,
  endpoint: VaultEndpoint,
): ReadonlyMap<string, readonly string[]> => {
  const { name } = endpoint.metadata;
  const wanted = new Map<string, readonly string[]>([['sys/auth', ['read']]]);
  for (const backend of backends.list()) {
    if (backend.spec.endpointRef.name !== name) continue;
    const writes = !observeOnly && !isObserved(endpoint, backend);
    const { path, mount } = backend.spec;
    wanted.set(`auth/${path}/config`, writes ? ['read', 'update'] : ['read']);
    wanted.set(`auth/${path}/role/${probeRoleName(backend)}`, writes ? ['create', 'read', 'update', 'delete'] : ['read']);
    wanted.set(`sys/mounts/auth/${path}/tune`, writes ? ['read', 'update'] : ['read']);
    if (writes && mount.create && backend.status?.mount === undefined) wanted.set(`sys/auth/${path}`, ['update', 'sudo']);
  }
  for (const policy of policies.list()) {
    if (policy.spec.endpointRef.name !== name) continue;
    const writes = !observeOnly && !isObserved(endpoint, policy);
    wanted.set(`sys/policies/acl/${vaultPolicyName(policy)}`, writes ? ['read', 'update'] : ['read']);
  }
  return wanted;
};
