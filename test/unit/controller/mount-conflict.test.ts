// Which of two backends has a mount, also through different endpoints to one server.
import { findMountConflict } from '../../../src/controller/backend/mount.ts';
import type { ControllerContext } from '../../../src/controller/runtime/context.ts';
import type { VaultAuthBackend } from '../../../src/resources/backend.ts';
import { backend, endpoint } from '../../support/objects.ts';

interface Server {
  readonly cluster?: string;
  readonly namespace?: string;
  readonly isReady?: boolean;
}

/** A context with these servers behind its endpoints, and these backends. */
const contextOf = (servers: Readonly<Record<string, Server>>, backends: readonly VaultAuthBackend[]): ControllerContext =>
  ({
    listers: {
      endpoints: {
        get: (name: string) => {
          const { namespace = '', cluster } = servers[name] ?? {};
          return endpoint(name, { spec: { namespace }, status: cluster === undefined ? {} : { clusterID: cluster } });
        },
      },
      backends: { list: () => backends },
    },
    vault: {
      registry: {
        get: (name: string) =>
          servers[name]?.isReady === false ? { state: 'notReady' } : { state: 'ready', clusterID: servers[name]?.cluster ?? '' },
      },
    },
  }) as unknown as ControllerContext;

const mounted = (name: string, through: string, created: string, owned = false, accessor = `accessor-${name}`) =>
  backend(name, {
    metadata: { creationTimestamp: created },
    spec: { endpointRef: { name: through }, path: 'kubernetes' },
    ...(owned ? { status: { mount: { path: 'kubernetes', owned, accessor } } } : {}),
  });
const [EARLY, LATE] = ['2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'];
const older = mounted('older', 'one', EARLY);
const younger = mounted('younger', 'two', LATE);

it.each<[string, Server, Server, boolean]>([
  ['the same cluster', { cluster: 'c' }, { cluster: 'c' }, true],
  ['the same cluster, of which one is not ready', { cluster: 'c', isReady: false }, { cluster: 'c' }, true],
  ['another namespace', { cluster: 'c' }, { cluster: 'c', namespace: 'team' }, false],
  ['another cluster', { cluster: 'c' }, { cluster: 'd' }, false],
  ['servers that were never reached', {}, {}, false],
])('compares backends through endpoints of %s', (_what, one, two, isConflict) => {
  const context = contextOf({ one, two }, [older, younger]);
  expect(findMountConflict({ context, backend: older })).toBeUndefined();
  const message = findMountConflict({ context, backend: younger });
  expect(message?.includes('VaultAuthBackend older through VaultEndpoint one') === true).toBe(isConflict);
});

it('leaves the mount to the backend that has it', () => {
  const having = mounted('younger', 'two', LATE, true);
  const context = contextOf({ one: { cluster: 'c' }, two: { cluster: 'c' } }, [older, having]);
  expect(findMountConflict({ context, backend: having })).toBeUndefined();
  expect(findMountConflict({ context, backend: older })).toContain('VaultAuthBackend younger');
});

it('identifies a mount by its accessor in clusters that share mounts', () => {
  const having = mounted('older', 'one', EARLY, true, 'auth_kubernetes_1');
  const context = contextOf({ one: { cluster: 'c' }, two: { cluster: 'd' } }, [having, younger]);
  expect(findMountConflict({ context, backend: younger })).toBeUndefined();
  expect(findMountConflict({ context, backend: younger }, 'auth_kubernetes_2')).toBeUndefined();
  expect(findMountConflict({ context, backend: younger }, 'auth_kubernetes_1')).toContain('VaultAuthBackend older');
});

it('finds no conflict between different paths', () => {
  const elsewhere = backend('other', { metadata: { creationTimestamp: EARLY }, spec: { path: 'elsewhere' } });
  const context = contextOf({ main: { cluster: 'c' }, two: { cluster: 'c' } }, [elsewhere, younger]);
  expect(findMountConflict({ context, backend: younger })).toBeUndefined();
});
