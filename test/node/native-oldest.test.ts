// The same pods of profile native on the oldest Kubernetes that is supported, kubelet included.
import type { BedWithNode } from '../bed/node/node.ts';
import { KUBERNETES_VERSIONS } from '../bed/recipes.ts';
import { nativeBasics, prepareNative } from './native-basics.ts';
import { onNode } from './on-node.ts';
import type { Team } from './team.ts';

const kubernetes = KUBERNETES_VERSIONS.at(-1) ?? '1.34';
let team: Team;

const prepare = async (bed: BedWithNode): Promise<void> => {
  team = await prepareNative(bed);
};

onNode(
  `pods of profile native on Kubernetes ${kubernetes}`,
  { kubernetes, parts: ['openbao', 'vault'], images: ['openbao', 'vault', 'injector'] },
  prepare,
  (test) => nativeBasics(test, () => team),
);
