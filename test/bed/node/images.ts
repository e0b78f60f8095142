// The images that pods of a bed can use, made from what is on this machine. None is ever pulled.
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryDirectory } from '../environment.ts';
import { type Image, type ImageConfiguration, writeArchive } from './archive.ts';
import { systemProgram } from './packages.ts';
import { addBusybox, addFile, addProgram, addTemporaryFolder } from './root-folder.ts';

/**
 * Images by what they are for. `bare` is an agent of OpenBao without a shell, the two FROM scratch have one program each; `injector`
 * is what the Dockerfile makes.
 */
export const IMAGES = {
  pause: 'bed/pause:1',
  app: 'bed/app:1',
  openbao: 'bed/openbao:1',
  vault: 'bed/vault:1',
  bare: 'bed/bare:1',
  scratchOpenbao: 'bed/agent-of-openbao:1',
  scratchVault: 'bed/agent-of-vault:1',
  injector: 'bed/vault-auth-injector:1',
} as const;
export type ImageName = keyof typeof IMAGES;

/** Programs of the bed that images are made of. */
export interface ImagePrograms {
  readonly bao?: string | undefined;
  readonly vault?: string | undefined;
}

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Makes one image as a file in `folder`. @returns its path */
export async function makeImage(name: ImageName, folder: string, programs: ImagePrograms): Promise<string> {
  const root = join(folder, `${name}.root`);
  const file = join(folder, `${name}.tar`);
  mkdirSync(root, { recursive: true });
  const image: Image = { reference: IMAGES[name], configuration: FILL[name](root, programs) };
  await writeArchive(root, file, image);
  rmSync(root, { recursive: true, force: true });
  return file;
}

const FILL: Readonly<Record<ImageName, (root: string, programs: ImagePrograms) => ImageConfiguration>> = {
  pause: (root) => {
    addBusybox(root);
    return { Env: [PATH], Entrypoint: ['/bin/sh', '-c', "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done"] };
  },
  app: (root) => {
    addBusybox(root);
    return { Env: [PATH], Cmd: ['sh'] };
  },
  openbao: (root, { bao }) => fillAgent(root, 'bao', bao),
  vault: (root, { vault }) => fillAgent(root, 'vault', vault),
  bare: fillBare,
  scratchOpenbao: (root, { bao }) => fillScratch(root, bao, '/bin/bao'),
  scratchVault: (root, { vault }) => fillScratch(root, vault, VAULT_IN_SCRATCH),
  injector: fillInjector,
};

/** As the official images: a shell, and the program in PATH. Pods of vault-k8s call it `vault`, so `bao` has that name as well. */
function fillAgent(root: string, name: 'bao' | 'vault', program: string | undefined): ImageConfiguration {
  if (program === undefined) throw new Error(`an image of ${name} needs the part of that program in the bed`);
  addBusybox(root);
  addProgram(root, program, `/bin/${name}`);
  if (name === 'bao') symlinkSync('bao', join(root, 'bin', 'vault'));
  return { Env: [PATH], Entrypoint: [name] };
}

/** The program and `ls`, and nothing else. */
function fillBare(root: string, { bao }: ImagePrograms): ImageConfiguration {
  if (bao === undefined) throw new Error('an image of bao needs the part of that program in the bed');
  addProgram(root, bao, '/bin/bao');
  addProgram(root, systemProgram('busybox'), '/bin/ls');
  return { Env: [PATH], Entrypoint: ['bao'] };
}

/** Where `scratchVault` has its program: in no directory of PATH. */
export const VAULT_IN_SCRATCH = '/agent/vault';

/** The program, the libraries that it needs, and nothing else. */
function fillScratch(root: string, program: string | undefined, path: string): ImageConfiguration {
  if (program === undefined) throw new Error(`an image with ${path} needs the part of that program in the bed`);
  addProgram(root, program, path);
  return { Env: [PATH], Entrypoint: [path] };
}

/** What the Dockerfile does, with this machine's Node in place of the base image. */
function fillInjector(root: string): ImageConfiguration {
  const repository = repositoryDirectory();
  addProgram(root, process.execPath, '/usr/local/bin/node');
  addTemporaryFolder(root);
  cpSync(join(repository, 'dist'), join(root, 'app'), { recursive: true });
  writeFileSync(join(root, 'app', 'package.json'), '{"type":"module"}\n');
  addFile(root, join(repository, 'LICENSE'), '/app/LICENSE', 0o644);
  return configurationOf(readFileSync(join(repository, 'Dockerfile'), 'utf8'));
}

/** Environment, user and entry point that a Dockerfile gives its image. */
function configurationOf(dockerfile: string): ImageConfiguration {
  const lines = dockerfile.replaceAll('\\\n', ' ').split('\n');
  const argumentOf = (instruction: string): string => {
    const line = lines.findLast((text) => text.startsWith(`${instruction} `));
    if (line === undefined) throw new Error(`the Dockerfile has no ${instruction}`);
    return line.slice(instruction.length + 1).trim();
  };
  const entrypoint: unknown = JSON.parse(argumentOf('ENTRYPOINT'));
  if (!Array.isArray(entrypoint)) throw new Error('the ENTRYPOINT of the Dockerfile is no list');
  return { Env: argumentOf('ENV').split(/\s+/), User: argumentOf('USER'), Entrypoint: entrypoint.map(String) };
}
