// What the bed can run, at which versions, and how each program is built from its pinned Go module.

/** Kubernetes minors that the bed can run: the newest, and the oldest that is supported. */
export const KUBERNETES_VERSIONS = ['1.36', '1.34'] as const;
export type KubernetesVersion = (typeof KUBERNETES_VERSIONS)[number];

/** A program that the bed starts. */
export type Program =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kubelet'
  | 'kube-proxy'
  | 'kubectl'
  | 'bao'
  | 'vault'
  | 'helm'
  | 'promtool';

/** One Go module under test/bed/modules and the programs that one `go build` of it gives. */
export interface Recipe {
  /** The name in messages and of the cache folder. */
  readonly name: string;
  /** Folder under test/bed/modules, where it is not the name. */
  readonly module?: string;
  readonly version: string;
  readonly programs: readonly { readonly program: Program; readonly package: string; readonly variable: string }[];
  readonly linkerFlags: string;
  /** Build tags, separated by commas. */
  readonly tags?: string;
  /** Rough time of a first build on two cores with empty caches. */
  readonly minutes: number;
}

const ETCD: Recipe = {
  name: 'etcd',
  version: '3.6.16',
  programs: [{ program: 'etcd', package: 'go.etcd.io/etcd/server/v3', variable: 'BED_ETCD' }],
  linkerFlags: '-s -w',
  minutes: 1,
};

const OPENBAO: Recipe = {
  name: 'openbao',
  version: '2.4.0',
  programs: [{ program: 'bao', package: 'github.com/openbao/openbao', variable: 'BED_BAO' }],
  linkerFlags: `-s -w -X github.com/openbao/openbao/version.fullVersion=2.4.0`,
  minutes: 4,
};

// The versions of Kubernetes are what charts are rendered for without a cluster.
const HELM: Recipe = {
  name: 'helm',
  version: '3.22.0',
  programs: [{ program: 'helm', package: 'helm.sh/helm/v3/cmd/helm', variable: 'BED_HELM' }],
  linkerFlags: [
    '-s -w -X helm.sh/helm/v3/internal/version.version=v3.22.0',
    ...['pkg/lint/rules', 'pkg/chartutil'].map(
      (folder) => `-X helm.sh/helm/v3/${folder}.k8sVersionMajor=1 -X helm.sh/helm/v3/${folder}.k8sVersionMinor=36`,
    ),
  ].join(' '),
  minutes: 2,
};

// Tests the rules of deploy/monitoring. Release 3.16.0 of Prometheus is v0.316.0 as a Go module. The tag leaves out the clouds'
// service discovery, which only a check of a scrape configuration needs.
const PROMTOOL: Recipe = {
  name: 'promtool',
  version: '3.16.0',
  programs: [{ program: 'promtool', package: 'github.com/prometheus/prometheus/cmd/promtool', variable: 'BED_PROMTOOL' }],
  linkerFlags: '-s -w -X github.com/prometheus/common/version.Version=3.16.0',
  tags: 'remove_all_sd',
  minutes: 2,
};

// Its licence (BUSL-1.1) allows tests; the binary must not be passed on. The tag leaves out the plugins of clouds and databases.
const VAULT: Recipe = {
  name: 'vault',
  version: '1.21.1',
  programs: [{ program: 'vault', package: '.', variable: 'BED_VAULT' }],
  linkerFlags: '-s -w',
  tags: 'minimal',
  minutes: 5,
};

// kubectl is built once: the newest speaks to both API servers well enough for tests.
const KUBERNETES: Readonly<Record<KubernetesVersion, Recipe>> = {
  '1.36': kubernetes('1.36', '1.36.3', ['kube-apiserver', 'kube-controller-manager', 'kubectl'], ''),
  '1.34': kubernetes('1.34', '1.34.4', ['kube-apiserver', 'kube-controller-manager'], '_1_34'),
};

// Apart from the control plane, so that who leaves the node out does not build a kubelet.
const NODE: Readonly<Record<KubernetesVersion, Recipe>> = {
  '1.36': nodeRecipe(KUBERNETES['1.36'], '1.36', ''),
  '1.34': nodeRecipe(KUBERNETES['1.34'], '1.34', '_1_34'),
};

/** What every bed is made of, in the order in which `build` makes it. */
export const RECIPES: readonly Recipe[] = [ETCD, KUBERNETES['1.36'], KUBERNETES['1.34'], OPENBAO, HELM, PROMTOOL];

/** What only a bed with a node needs. */
export const NODE_RECIPES: readonly Recipe[] = [NODE['1.36'], NODE['1.34'], VAULT];

/** The recipe that makes a program for a bed of this Kubernetes version. */
export function recipeOf(program: Program, version: KubernetesVersion): Recipe {
  const byProgram: Readonly<Record<Program, Recipe>> = {
    etcd: ETCD,
    bao: OPENBAO,
    vault: VAULT,
    helm: HELM,
    promtool: PROMTOOL,
    kubectl: KUBERNETES['1.36'],
    'kube-apiserver': KUBERNETES[version],
    'kube-controller-manager': KUBERNETES[version],
    'kube-scheduler': NODE[version],
    kubelet: NODE[version],
    'kube-proxy': NODE[version],
  };
  return byProgram[program];
}

/** How a program is asked for its version, and where the answer holds it. */
export const VERSION_QUESTION: Readonly<Record<Program, { readonly arguments: readonly string[]; readonly answer: RegExp }>> = {
  etcd: { arguments: ['--version'], answer: /^etcd Version: (\S+)/m },
  'kube-apiserver': { arguments: ['--version'], answer: /^Kubernetes v(\S+)/m },
  'kube-controller-manager': { arguments: ['--version'], answer: /^Kubernetes v(\S+)/m },
  'kube-scheduler': { arguments: ['--version'], answer: /^Kubernetes v(\S+)/m },
  kubelet: { arguments: ['--version'], answer: /^Kubernetes v(\S+)/m },
  'kube-proxy': { arguments: ['--version'], answer: /^Kubernetes v(\S+)/m },
  kubectl: { arguments: ['version', '--client'], answer: /^Client Version: v(\S+)/m },
  bao: { arguments: ['version'], answer: /^OpenBao v([^\s,]+)/m },
  vault: { arguments: ['version'], answer: /^Vault v([^\s,]+)/m },
  promtool: { arguments: ['--version'], answer: /^promtool, version (\S+)/m },
  helm: { arguments: ['version', '--template={{.Version}}'], answer: /^v(\S+)/m },
};

function kubernetes(minor: string, version: string, programs: readonly Program[], suffix: string): Recipe {
  // Without these, /version returns v0.0.0-master, which breaks everything that compares versions.
  const stamps = {
    gitVersion: `v${version}`,
    gitMajor: '1',
    gitMinor: minor.slice(2),
    gitTreeState: 'clean',
    gitCommit: `v${version}`,
  };
  const flags = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((folder) =>
    Object.entries({ ...stamps, buildDate: '2026-01-01T00:00:00Z' }).map(([name, value]) => `-X ${folder}.${name}=${value}`),
  );
  return {
    name: `kubernetes-${minor}`,
    version,
    programs: commands(programs, suffix),
    linkerFlags: ['-s -w', ...flags].join(' '),
    minutes: 4,
  };
}

function nodeRecipe(kubernetes: Recipe, minor: string, suffix: string): Recipe {
  return {
    ...kubernetes,
    name: `kubernetes-node-${minor}`,
    module: kubernetes.name,
    programs: commands(['kube-scheduler', 'kubelet', 'kube-proxy'], suffix),
    minutes: 1,
  };
}

function commands(programs: readonly Program[], suffix: string): Recipe['programs'] {
  return programs.map((program) => ({
    program,
    package: `k8s.io/kubernetes/cmd/${program}`,
    variable: `BED_${program.toUpperCase().replaceAll('-', '_')}${suffix}`,
  }));
}
