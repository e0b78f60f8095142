// Command lines and configuration files of what runs on a node: containerd, kubelet and kube-proxy.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Credentials, writeKubeconfig } from '../credentials.ts';
import { IMAGES } from './images.ts';
import { HOST_ADDRESS, NODE_ADDRESS, POD_RANGE } from './namespaces.ts';
import { pluginFolder } from './packages.ts';

/** Name of the node. */
export const NODE_NAME = 'node';
/** Where containerd answers, as seen inside the namespaces. */
export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';

export interface NodeFiles {
  /** Folder on the disk for images, containers and configuration. */
  readonly folder: string;
  readonly containerdConfig: string;
  readonly kubeletConfig: string;
  readonly kubeletKubeconfig: string;
  readonly proxyKubeconfig: string;
}

interface NodePlace {
  /** The bed's private directory. */
  readonly directory: string;
  /** Address of the API server. */
  readonly url: string;
  readonly credentials: Credentials;
  /** Path of the node's cgroup below each hierarchy. */
  readonly cgroup: string;
}

/** Writes everything that the three programs read. */
export function writeNodeFiles({ directory, url, credentials, cgroup }: NodePlace): NodeFiles {
  const folder = join(directory, 'node');
  const networks = join(folder, 'networks');
  mkdirSync(networks, { recursive: true, mode: 0o700 });
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const kubeconfig = (name: string, commonName: string, organization?: string): string => {
    const client = credentials.issueClient(organization === undefined ? { commonName } : { commonName, organization });
    return writeKubeconfig(join(folder, name), url, credentials.authority, client);
  };
  const serving = credentials.issueServing({ dnsNames: [NODE_NAME], ipAddresses: [NODE_ADDRESS] });
  write(join('networks', '10-bed.conflist'), JSON.stringify(network()));
  return {
    folder,
    containerdConfig: write('containerd.toml', containerdConfiguration(folder, networks)),
    kubeletConfig: write(
      'kubelet.json',
      JSON.stringify({
        ...KUBELET,
        cgroupRoot: cgroup,
        authentication: { anonymous: { enabled: false }, x509: { clientCAFile: credentials.authorityFile } },
        tlsCertFile: write('kubelet.crt', serving.certificate),
        tlsPrivateKeyFile: write('kubelet.key', serving.key),
        // No name resolves outside, and no query leaves.
        resolvConf: write('resolv.conf', ''),
      }),
    ),
    kubeletKubeconfig: kubeconfig('kubelet.conf', `system:node:${NODE_NAME}`, 'system:nodes'),
    proxyKubeconfig: kubeconfig('kube-proxy.conf', 'system:kube-proxy'),
  };
}

export function kubeletArguments({ folder, kubeletConfig, kubeletKubeconfig }: NodeFiles): readonly string[] {
  return [
    `--config=${kubeletConfig}`,
    `--kubeconfig=${kubeletKubeconfig}`,
    `--cert-dir=${join(folder, 'pki')}`,
    `--hostname-override=${NODE_NAME}`,
    `--node-ip=${NODE_ADDRESS}`,
  ];
}

export function proxyArguments({ proxyKubeconfig }: NodeFiles): readonly string[] {
  return [
    `--kubeconfig=${proxyKubeconfig}`,
    '--proxy-mode=nftables',
    `--cluster-cidr=${POD_RANGE}`,
    `--hostname-override=${NODE_NAME}`,
    `--bind-address=${NODE_ADDRESS}`,
    // Pods share a bridge: without this an answer would go past the node, from an address to which no request was sent.
    '--masquerade-all',
    // The size of the table belongs to the whole machine.
    '--conntrack-max-per-core=0',
  ];
}

/** Pods get addresses on one bridge; the node routes between them and its own addresses, and nowhere else. */
const network = (): object => ({
  cniVersion: '0.4.0',
  name: 'bed',
  plugins: [
    {
      type: 'bridge',
      bridge: 'pods0',
      isGateway: true,
      isDefaultGateway: true,
      ipMasq: false,
      hairpinMode: true,
      ipam: { type: 'host-local', dataDir: '/run/bed/addresses', ranges: [[{ subnet: POD_RANGE }]] },
    },
  ],
});

const KUBELET = {
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  address: NODE_ADDRESS,
  containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
  cgroupDriver: 'cgroupfs',
  // Machines with control groups of version 1 are refused otherwise, from 1.35 on.
  failCgroupV1: false,
  failSwapOn: false,
  enforceNodeAllocatable: [],
  clusterDomain: 'cluster.local',
  clusterDNS: [HOST_ADDRESS],
  makeIPTablesUtilChains: false,
  // A full disk of the machine is no business of a test's pods.
  imageGCHighThresholdPercent: 100,
  evictionHard: { 'memory.available': '0%', 'nodefs.available': '0%', 'nodefs.inodesFree': '0%', 'imagefs.available': '0%' },
} as const;

const containerdConfiguration = (folder: string, networks: string): string => `version = 2
root = "${join(folder, 'containerd')}"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "${CONTAINERD_SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
  path = "/run/bed/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${IMAGES.pause}"
  disable_apparmor = true
  # Where this process may not lower scores (no CAP_SYS_RESOURCE), no container would start otherwise.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${pluginFolder()}"
    conf_dir = "${networks}"
`;
