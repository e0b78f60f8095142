// A Service, and the endpoint that one pod is behind it.
import type { KubeClient } from './client.ts';
import { undefinedOn } from './errors.ts';
import { objectPath, resourcePath } from './object-ref.ts';

export interface ServiceEndpoint {
  /** Numbers of the ports of the Service. */
  readonly ports: readonly number[];
  /** False: its endpoints do not come from the labels of pods. */
  readonly hasSelector: boolean;
  /** For each port of the Service the port of the pod; undefined: the pod is not behind the Service. */
  readonly targets: ReadonlyMap<number, number> | undefined;
}

/**
 * The Service and the pod behind it, also one that is not ready; undefined when the Service does not exist. Throws KubeError,
 * `Forbidden` without the rights to get services and to list endpointslices.
 */
export async function readServiceEndpoint(
  client: KubeClient,
  { namespace, name, podName }: { readonly namespace: string; readonly name: string; readonly podName: string },
  signal?: AbortSignal,
): Promise<ServiceEndpoint | undefined> {
  const [service, { items }] = await Promise.all([
    client
      .request<RawService>({ method: 'GET', path: objectPath({ ...SERVICES, namespace, name }), signal })
      .catch(undefinedOn('NotFound')),
    client.request<RawSlices>({
      method: 'GET',
      path: resourcePath(SLICES, namespace),
      query: { labelSelector: `kubernetes.io/service-name=${name}` },
      signal,
    }),
  ]);
  if (!service) return undefined;
  const { ports = [], selector } = service.spec;
  const own = items.filter(({ endpoints }) => endpoints?.some(({ targetRef }) => targetRef?.name === podName));
  const targetOf = (portName: string): number | undefined =>
    own.flatMap((slice) => slice.ports ?? []).find((port) => (port.name ?? '') === portName)?.port;
  return {
    ports: ports.map(({ port }) => port),
    hasSelector: selector !== undefined,
    targets:
      own.length === 0
        ? undefined
        : new Map(
            ports.flatMap(({ port, name: portName = '' }) => {
              const target = targetOf(portName);
              return target === undefined ? [] : [[port, target]];
            }),
          ),
  };
}

interface RawService {
  readonly spec: {
    readonly selector?: object;
    readonly ports?: readonly { readonly name?: string; readonly port: number }[];
  };
}

interface RawSlices {
  readonly items: readonly {
    readonly endpoints?: readonly { readonly targetRef?: { readonly name?: string } }[] | null;
    readonly ports?: readonly { readonly name?: string; readonly port?: number }[] | null;
  }[];
}

const SERVICES = { group: '', version: 'v1', plural: 'services' };
const SLICES = { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices' };
