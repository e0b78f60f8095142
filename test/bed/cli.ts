// `make bed ARGS=…`: builds the test servers, shows which would be used, or runs a cluster until Ctrl-C.
import { startBed } from './bed.ts';
import { buildRecipe } from './go-build.ts';
import { find } from './obtain.ts';
import { streamProgress } from './progress.ts';
import { nodeWanted } from './environment.ts';
import { interruption, untilAborted } from './interrupt.ts';
import { startBedWithNode } from './node/node.ts';
import { requireNode } from './node/packages.ts';
import { KUBERNETES_VERSIONS, type KubernetesVersion, NODE_RECIPES, type Recipe, RECIPES } from './recipes.ts';

const USAGE = `Usage: make bed ARGS="<command>"
  build                    get every server that is missing (both Kubernetes versions with a node, etcd, OpenBao, Vault);
                           BED_NODE=off leaves out what only a node needs
  up [--kubernetes 1.34]   run etcd, kube-apiserver, kube-controller-manager and OpenBao until Ctrl-C
     [--node]              and a node on which pods of our images run (root on Linux)
  versions                 show which programs would be used and where they come from
`;

const LEFT_OUT = 'BED_NODE=off: nothing for beds with a node was built, and tests on a node are left out';

const progress = streamProgress(process.stderr);

const wanted = (): readonly Recipe[] => [...RECIPES, ...(nodeWanted() ? NODE_RECIPES : [])];

async function build(): Promise<void> {
  if (nodeWanted()) await requireNode(progress);
  for (const recipe of wanted()) {
    const found = await Promise.all(recipe.programs.map(({ program }) => find(program, recipe)));
    if (found.some(({ path }) => path === undefined)) await buildRecipe(recipe, progress);
  }
  if (!nodeWanted()) progress.line(LEFT_OUT);
}

async function up(kubernetes: KubernetesVersion, node: boolean): Promise<void> {
  const signal = interruption();
  const bed = await (node
    ? startBedWithNode({ kubernetes, parts: ['openbao'], images: ['openbao', 'injector'], progress, signal })
    : startBed({ kubernetes, parts: ['kube-controller-manager', 'openbao'], progress, signal }));
  process.stdout.write(`Kubernetes ${kubernetes} at ${bed.url}, OpenBao at ${bed.openbao?.address}\n
  export KUBECONFIG=${bed.kubeconfig}
  kubectl get namespaces
  export BAO_ADDR=${bed.openbao?.address} BAO_TOKEN=${bed.openbao?.rootToken}\n
Logs: ${bed.directory}/log\nCtrl-C ends it and leaves nothing.\n`);
  await untilAborted(signal);
  await bed.stop();
}

async function versions(): Promise<void> {
  for (const recipe of wanted()) {
    for (const { program, variable } of recipe.programs) {
      const found = await find(program, recipe);
      const where = found.path ? `${found.path} (${found.origin})` : 'not built yet';
      process.stdout.write(`${`${program} ${recipe.version}`.padEnd(32)} ${where}; another by ${variable}\n`);
    }
  }
}

function kubernetesVersion(args: readonly string[]): KubernetesVersion {
  const wanted = args[args.indexOf('--kubernetes') + 1];
  if (!args.includes('--kubernetes')) return KUBERNETES_VERSIONS[0];
  const known = KUBERNETES_VERSIONS.find((version) => version === wanted);
  if (!known) throw new Error(`--kubernetes takes ${KUBERNETES_VERSIONS.join(' or ')}, not ${wanted ?? 'nothing'}`);
  return known;
}

async function main([command = '', ...args]: readonly string[]): Promise<void> {
  switch (command) {
    case 'build':
      return build();
    case 'up':
      return up(kubernetesVersion(args), args.includes('--node'));
    case 'versions':
      return versions();
    default:
      process.stderr.write(USAGE);
      process.exitCode = 2;
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  progress.line(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
