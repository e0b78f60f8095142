// The cgroup of one node: the only thing of it that is visible outside its namespaces and outlives its processes.
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Watchdog } from '../watchdog.ts';
import { eventually } from '../../support/eventually.ts';

const ROOT = '/sys/fs/cgroup';

export interface Cgroup {
  /** Path below each hierarchy, for the kubelet. */
  readonly path: string;
  /** Removes it once no process is left in it. */
  readonly remove: () => Promise<void>;
}

/** Makes a cgroup of that name in every hierarchy of this machine: one with version 2, one for each controller with version 1. */
export function createCgroup(name: string, watchdog: Watchdog): Cgroup {
  const folders = hierarchies().map((hierarchy) => join(hierarchy, name));
  for (const folder of folders) {
    watchdog.addCgroup(folder);
    mkdirSync(folder);
    // Version 1 starts these empty, and then no process may enter.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      if (basename(join(folder, '..')) === 'cpuset') writeFileSync(join(folder, file), readFileSync(join(folder, '..', file)));
    }
  }
  return {
    path: `/${name}`,
    remove: async () => {
      await eventually('no process is left in the cgroups', () => {
        const left = folders.filter((folder) => !removed(folder));
        if (left.length > 0) throw new Error(left.join(', '));
      });
    },
  };
}

function hierarchies(): readonly string[] {
  if (existsSync(join(ROOT, 'cgroup.controllers'))) return [ROOT];
  return readdirSync(ROOT)
    .map((name) => join(ROOT, name))
    .filter((folder) => lstatSync(folder).isDirectory());
}

/** Removes a cgroup and those below it, the deepest first. False while one of them is in use. */
function removed(folder: string): boolean {
  if (!existsSync(folder)) return true;
  const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const empty = below.map((entry) => removed(join(folder, entry.name))).every(Boolean);
  if (!empty) return false;
  try {
    rmdirSync(folder);
    return true;
  } catch {
    return false;
  }
}
