// `make bed ARGS=…`: builds the test servers, shows which would be used, or runs a cluster until Ctrl-C.
import { startBed } from './bed.ts';
import { buildRecipe } from './go-build.ts';
import { find } from './obtain.ts';
import { streamProgress } from './progress.ts';
import { KUBERNETES_VERSIONS, type KubernetesVersion, RECIPES } from './recipes.ts';
import { interruption, untilAborted } from './interrupt.ts';

const USAGE = `Usage: make bed ARGS="<command>"
  build                    get every server that is missing (both Kubernetes versions, etcd, OpenBao)
  up [--kubernetes 1.34]   run etcd, kube-apiserver, kube-controller-manager and OpenBao until Ctrl-C
  versions                 show which programs would be used and where they come from
`;

const progress = streamProgress(process.stderr);

async function build(): Promise<void> {
  for (const recipe of RECIPES) {
    const found = await Promise.all(recipe.programs.map(({ program }) => find(program, recipe)));
    if (found.some(({ path }) => path === undefined)) await buildRecipe(recipe, progress);
  }
}

async function up(kubernetes: KubernetesVersion): Promise<void> {
  const signal = interruption();
  const bed = await startBed({ kubernetes, parts: ['kube-controller-manager', 'openbao'], progress, signal });
  process.stdout.write(`Kubernetes ${kubernetes} at ${bed.url}, OpenBao at ${bed.openbao?.address}\n
  export KUBECONFIG=${bed.kubeconfig}
  kubectl get namespaces
  export BAO_ADDR=${bed.openbao?.address} BAO_TOKEN=${bed.openbao?.rootToken}\n
Logs: ${bed.directory}/log\nCtrl-C ends it and leaves nothing.\n`);
  await untilAborted(signal);
  await bed.stop();
}

async function versions(): Promise<void> {
  for (const recipe of RECIPES) {
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
      return up(kubernetesVersion(args));
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
