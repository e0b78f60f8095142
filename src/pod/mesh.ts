// Service meshes with a proxy in the pod: how their containers are recognised, where the agent goes beside them, and whether it
// reaches Vault there.
import { originOf, type Draft } from './draft.ts';
import type { PodProblem } from './pod-problems.ts';
import type { Container, ContainerList } from './pod.ts';

/** A mesh, as its injector names its containers and annotations. */
export interface Mesh {
  readonly name: string;
  /** Container that carries the pod's traffic. */
  readonly proxy: string;
  /** How its platform team makes the proxy a native sidecar, in Markdown. */
  readonly nativeSidecar: string;
  /** Init container that redirects traffic to the proxy, unless a CNI plugin does. */
  readonly redirect?: string;
  /** Annotation that a pod has only if its traffic is redirected; absent: it always is. */
  readonly redirectAnnotation?: string;
  /** Its other init containers. */
  readonly others: readonly string[];
  /** Init container or annotation that a pod has only if a CNI plugin redirects its traffic, from the first container on. */
  readonly cniContainer?: string;
  readonly cniAnnotation?: string;
  /** Names of containers can end in a dash and the name of a service. */
  readonly suffixed?: true;
  /** Traffic of this user is not redirected; absent: the mesh rejects other containers with the user of its proxy. */
  readonly user?: number;
  /** Annotation with destination ports whose traffic is not redirected. */
  readonly excludedPorts?: string;
}

/**
 * As the sources of the injectors have it in August 2026. Cilium's proxy runs once on each node in most installations, and pods then
 * have none of its containers.
 */
export const MESHES: readonly Mesh[] = [
  {
    name: 'Istio',
    proxy: 'istio-proxy',
    nativeSidecar: 'since 1.27 on Kubernetes 1.33; `sidecar.istio.io/nativeSidecar`, `ENABLE_NATIVE_SIDECARS` of istiod',
    redirect: 'istio-init',
    others: ['istio-validation', 'enable-core-dump'],
    cniContainer: 'istio-validation',
    user: 1337,
    excludedPorts: 'traffic.sidecar.istio.io/excludeOutboundPorts',
  },
  {
    name: 'Linkerd',
    proxy: 'linkerd-proxy',
    nativeSidecar: '`proxy.nativeSidecar` of its chart; `config.linkerd.io/proxy-enable-native-sidecar`',
    redirect: 'linkerd-init',
    others: ['linkerd-network-validator'],
    cniContainer: 'linkerd-network-validator',
    user: 2102,
    excludedPorts: 'config.linkerd.io/skip-outbound-ports',
  },
  {
    name: 'Consul',
    proxy: 'consul-dataplane',
    nativeSidecar: '`consul.hashicorp.com/enable-consul-dataplane-as-sidecar: "true"`',
    redirect: 'consul-connect-inject-init',
    redirectAnnotation: 'consul.hashicorp.com/transparent-proxy-status',
    others: [],
    cniAnnotation: 'consul.hashicorp.com/redirect-traffic-config',
    suffixed: true,
    excludedPorts: 'consul.hashicorp.com/transparent-proxy-exclude-outbound-ports',
  },
  {
    name: 'Kuma',
    proxy: 'kuma-sidecar',
    nativeSidecar: 'where Kubernetes has native sidecars',
    redirect: 'kuma-init',
    others: ['kuma-validation'],
    cniContainer: 'kuma-validation',
    user: 5678,
    excludedPorts: 'traffic.kuma.io/exclude-outbound-ports',
  },
  { name: 'Cilium', proxy: 'cilium-envoy', nativeSidecar: 'one proxy for each node: pods usually have none', others: [] },
];

const isNamed = ({ name }: Container, expected: string | undefined, { suffixed }: Mesh): boolean =>
  expected !== undefined && (name === expected || (suffixed === true && (name ?? '').startsWith(`${expected}-`)));

/** Whether a mesh's injector added the container. */
export function isMeshContainer(container: Container): boolean {
  return MESHES.some((mesh) => [mesh.proxy, mesh.redirect, ...mesh.others].some((name) => isNamed(container, name, mesh)));
}

const isNativeProxy = (container: Container, mesh: Mesh): boolean =>
  container.restartPolicy === 'Always' && isNamed(container, mesh.proxy, mesh);

/**
 * Where in `initContainers` the agent starts: before all of them, and only after proxies that are native sidecars, which carry its
 * traffic. An explicit agent-init-first means what it means in vault-k8s: the first or the last.
 */
export function agentIndex({ pod: { spec }, parsed: { options, origins } }: Draft): number {
  const list = spec.initContainers ?? [];
  if (origins.has('agentInitFirst')) return options.agentInitFirst ? 0 : list.length;
  return list.findLastIndex((container) => MESHES.some((mesh) => isNativeProxy(container, mesh))) + 1;
}

/** Init containers that end before the agent starts although they get secrets: they find none. */
export function earlyInitContainers(
  { pod: { spec }, parsed: { origins } }: Draft,
  index: number,
  receives: (name: string, list: ContainerList) => boolean,
): readonly PodProblem[] {
  const early = (spec.initContainers ?? [])
    .slice(0, index)
    .filter((container) => container.restartPolicy !== 'Always' && !isMeshContainer(container))
    .map(({ name }) => name ?? '')
    .filter((name) => receives(name, 'initContainers'));
  return early.length === 0
    ? []
    : [{ code: 'init-container-early', containers: early, annotation: origins.get('agentInitFirst')?.annotation }];
}

/** The init container that renders the secrets before the app starts. */
export interface WaitedAgent {
  /** How many of the pod's init containers start before it. */
  readonly index: number;
  /** Undefined: the image decides. */
  readonly user: number | undefined;
}

/**
 * Meshes that redirect the agent's traffic to a proxy that starts only after the agent has ended or has rendered its files: such a pod
 * never starts.
 */
export function blockedByProxy(draft: Draft, { index, user }: WaitedAgent): readonly PodProblem[] {
  const { pod, parsed } = draft;
  const inits = pod.spec.initContainers ?? [];
  const before = inits.slice(0, index);
  return MESHES.flatMap((mesh): readonly PodProblem[] => {
    const isProxy = (container: Container): boolean => isNamed(container, mesh.proxy, mesh);
    const later = inits.slice(index).find((container) => isNativeProxy(container, mesh));
    const proxy = later ?? (pod.spec.containers ?? []).find(isProxy);
    if (!proxy || before.some((container) => isNativeProxy(container, mesh))) return [];
    const isCni = hasCni(draft, mesh);
    const isRedirected = isCni || (before.some((container) => isNamed(container, mesh.redirect, mesh)) && redirects(draft, mesh));
    if (!isRedirected || (user !== undefined && user === mesh.user) || isPortExcluded(draft, mesh)) return [];
    return [
      {
        code: 'agent-without-network',
        mesh: mesh.name,
        proxy: proxy.name ?? '',
        ports: mesh.excludedPorts ?? '',
        port: portOf(parsed.options.service ?? ''),
        annotation: originOf(parsed, 'agentInitFirst'),
        remedy: later && parsed.options.agentInitFirst ? 'not-first' : isCni ? 'exclude' : 'first',
      },
    ];
  });
}

const hasCni = ({ pod: { metadata, spec } }: Draft, { cniContainer, cniAnnotation }: Mesh): boolean =>
  cniAnnotation === undefined
    ? cniContainer !== undefined && (spec.initContainers ?? []).some(({ name }) => name === cniContainer)
    : metadata.annotations?.[cniAnnotation] !== undefined;

const redirects = ({ pod: { metadata } }: Draft, { redirectAnnotation }: Mesh): boolean =>
  redirectAnnotation === undefined || metadata.annotations?.[redirectAnnotation] !== undefined;

/** The port of Vault's address; 8200 if the address names none that can be read. */
const portOf = (address: string): number => {
  const [, scheme, port] = /^(https?):\/\/[^/]*?(?::(\d+))?(?:\/|$)/.exec(address) ?? [];
  if (port !== undefined) return Number(port);
  return scheme === undefined ? 8200 : scheme === 'http' ? 80 : 443;
};

/** A list of ports and ranges, such as 8200,9000-9010. */
const isPortExcluded = ({ pod: { metadata }, parsed }: Draft, { excludedPorts }: Mesh): boolean => {
  const port = portOf(parsed.options.service ?? '');
  const text = excludedPorts === undefined ? '' : (metadata.annotations?.[excludedPorts] ?? '');
  return text.split(',').some((item) => {
    const [first = '', last = first] = item.trim().split('-');
    return item.trim() === '*' || (first !== '' && Number(first) <= port && port <= Number(last));
  });
};
