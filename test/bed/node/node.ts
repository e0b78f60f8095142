// A bed with one node on which containers run: `startBedWithNode`.
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Bed, type BedOptions, startBed } from '../bed.ts';
import { nodeWanted, serverEnvironment } from '../environment.ts';
import { obtain } from '../obtain.ts';
import { silentProgress } from '../progress.ts';
import type { KubernetesVersion } from '../recipes.ts';
import { type Server, untilReady } from '../server.ts';
import { type Cgroup, createCgroup } from './cgroup.ts';
import { type ImageName, makeImage } from './images.ts';
import { createNamespaces, HOST_ADDRESS, type Namespaces, NODE_ADDRESS } from './namespaces.ts';
import { requireNode, systemProgram } from './packages.ts';
import { type PodAccess, podAccess } from './pods.ts';
import { CONTAINERD_SOCKET, kubeletArguments, NODE_NAME, type NodeFiles, proxyArguments, writeNodeFiles } from './services.ts';

const run = promisify(execFile);

export interface NodeBedOptions extends Pick<BedOptions, 'kubernetes' | 'apiServerFlags' | 'progress' | 'signal'> {
  /** Beside the control plane. */
  readonly parts?: readonly ('openbao' | 'vault')[];
  /** Images that pods will use, beside `app`. */
  readonly images: readonly Exclude<ImageName, 'pause' | 'app'>[];
  /** Version of the kubelet, where it is older than the control plane: a cluster that is being upgraded. */
  readonly nodeKubernetes?: KubernetesVersion;
}

export interface BedWithNode extends Bed, PodAccess {
  /** Where the kubelet answers. */
  readonly nodeAddress: string;
  /** Where pods reach the bed's servers, at the same ports as on 127.0.0.1. */
  readonly hostAddress: string;
}

/**
 * A bed whose servers, kubelet and containers live in namespaces of their own: nothing outside can be reached from there, and
 * nothing of it stays. From here everything is at the usual places on 127.0.0.1.
 * @throws when this machine cannot run a node, with what it needs; see `startBed` for the rest.
 */
export async function startBedWithNode(options: NodeBedOptions): Promise<BedWithNode> {
  if (!nodeWanted()) throw new Error('BED_NODE=off: a bed with a node was asked for all the same');
  const progress = options.progress ?? silentProgress;
  await requireNode(progress);
  const parts = ['kube-controller-manager', 'kube-scheduler', ...(options.parts ?? [])] as const;
  const kubernetes = options.kubernetes ?? '1.36';
  const wanted = [
    ...(parts.includes('openbao') ? (['bao'] as const) : []),
    ...(parts.includes('vault') ? (['vault'] as const) : []),
  ];
  const onNode = ['kubelet', 'kube-proxy'] as const;
  const programs = new Map([
    ...(await obtain(wanted, kubernetes, progress, options.signal)),
    ...(await obtain(onNode, options.nodeKubernetes ?? kubernetes, progress, options.signal)),
  ]);
  const imagePrograms = { bao: programs.get('bao'), vault: programs.get('vault') };

  let namespaces: Namespaces | undefined;
  let cgroup: Cgroup | undefined;
  let archives: Promise<readonly string[]> | undefined;
  const bed = await startBed({
    ...options,
    kubernetes,
    parts,
    apiServerFlags: ['--kubelet-preferred-address-types=InternalIP', ...(options.apiServerFlags ?? [])],
    surroundings: async ({ directory, watchdog }) => {
      const made = await createNamespaces(directory, watchdog);
      const group = createCgroup(basename(directory), watchdog);
      const folder = join(directory, 'images');
      mkdirSync(folder);
      // Made while the control plane starts.
      archives = Promise.all(
        (['pause', 'app', ...options.images] as const).map((name) => makeImage(name, folder, imagePrograms)),
      );
      archives.catch(() => undefined);
      [namespaces, cgroup] = [made, group];
      return {
        ...made,
        close: async (outcome) => {
          await archives?.catch(() => undefined);
          await made.close(outcome);
          await group.remove();
        },
      };
    },
  });
  try {
    if (!namespaces || !cgroup || !archives) throw new Error('the bed has no surroundings');
    const { directory, url, credentials } = bed;
    const files = writeNodeFiles({ directory, url, credentials, cgroup: cgroup.path });
    await startServices(bed, namespaces, files, await archives, programs);
    return Object.assign(bed, podAccess(bed), { nodeAddress: NODE_ADDRESS, hostAddress: HOST_ADDRESS });
  } catch (error) {
    await bed.stop(options.signal?.aborted ? 'passed' : 'failed');
    throw error;
  }
}

async function startServices(
  bed: Bed,
  { inside }: Namespaces,
  files: NodeFiles,
  archives: readonly string[],
  programs: ReadonlyMap<string, string>,
): Promise<void> {
  const start = (name: string, program: string, args: readonly string[]): Server =>
    bed.start({ name, ...inside(program, args), entered: true });
  const ctr = async (...args: readonly string[]): Promise<void> => {
    const { command, arguments: all } = inside(systemProgram('ctr'), [
      `--address=${CONTAINERD_SOCKET}`,
      '--namespace=k8s.io',
      ...args,
    ]);
    await run(command, all, { env: serverEnvironment(bed.directory), timeout: 120_000 });
  };
  const containerd = start('containerd', systemProgram('containerd'), [`--config=${files.containerdConfig}`]);
  await untilReady(containerd, 90, () =>
    ctr('version').then(
      () => true,
      () => false,
    ),
  );
  start('kube-proxy', programs.get('kube-proxy') ?? 'kube-proxy', proxyArguments(files));
  const kubelet = start('kubelet', programs.get('kubelet') ?? 'kubelet', kubeletArguments(files));
  const load = async (file: string): Promise<void> => {
    await ctr('images', 'import', file);
    rmSync(file);
  };
  await Promise.all([...archives.map(load), untilReady(kubelet, 120, () => nodeReady(bed))]);
}

interface NodeObject {
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

async function nodeReady(bed: Bed): Promise<boolean> {
  const node = await bed.request<NodeObject>('GET', `/api/v1/nodes/${NODE_NAME}`);
  const ready = (node.status.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True');
  if (!ready) await sleep(100);
  return ready;
}
