// Two VaultAuthBackends for one mount: one of them has it, and the other one is told whose it is.
import type { VaultAuthBackend } from '../../resources/backend.ts';
import { isOlder } from '../../resources/role-name.ts';
import { isSameServer } from '../same-server.ts';
import type { Work } from './work.ts';

/**
 * Another object that has the same mount, in words: who has it keeps it, and before anybody has it the older one gets it.
 * `accessor`: of the mount as it was found, which tells a mount through whatever endpoint it is seen.
 */
export function rivalOf({ context, backend }: Pick<Work, 'context' | 'backend'>, accessor?: string): string | undefined {
  const endpoint = backend.spec.endpointRef.name;
  const rival = context.listers.backends
    .list()
    .find(
      (other) =>
        other.metadata.uid !== backend.metadata.uid &&
        other.spec.path === backend.spec.path &&
        (hasMount(other) === hasMount(backend) ? isOlder(other, backend) : hasMount(other)) &&
        (isSameServer(context, endpoint, other.spec.endpointRef.name) ||
          (accessor !== undefined && other.status?.mount?.accessor === accessor)),
    );
  if (!rival) return undefined;
  const { endpointRef, path } = rival.spec;
  const through =
    endpointRef.name === endpoint
      ? ''
      : ` through VaultEndpoint ${endpointRef.name}, which leads to the same cluster and namespace,`;
  return (
    `VaultAuthBackend ${rival.metadata.name}${through} has auth/${path} already: two objects would undo each other's work. ` +
    'Choose another path, or delete one.'
  );
}

const hasMount = ({ status }: VaultAuthBackend): boolean => status?.mount?.owned === true;
