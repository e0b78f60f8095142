// Fills the folder that becomes an image: programs of this machine with the libraries that they need, and a shell.
import { execFileSync } from 'node:child_process';
import { copyFileSync, chmodSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { systemProgram } from './packages.ts';

/** Copies a program to a path inside the image, with the libraries that the loader would look for. */
export function addProgram(root: string, program: string, path: string): void {
  addFile(root, program, path, 0o755);
  for (const library of librariesOf(program)) addFile(root, realpathSync(library), library, 0o755);
}

/** Copies one file to a path inside the image. */
export function addFile(root: string, source: string, path: string, mode: number): void {
  const target = join(root, path);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(source, target);
  chmodSync(target, mode);
}

/** Gives the image busybox, with a shell and all its commands in /bin, a writable /tmp, and the users that images have. */
export function addBusybox(root: string): void {
  const busybox = systemProgram('busybox');
  addProgram(root, busybox, '/bin/busybox');
  for (const command of execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n')) {
    if (command !== 'busybox') symlinkSync('busybox', join(root, 'bin', command));
  }
  addTemporaryFolder(root);
  mkdirSync(join(root, 'etc'), { recursive: true });
  // The second is the user of the official images of Vault and OpenBao.
  writeFileSync(join(root, 'etc', 'passwd'), 'root:x:0:0::/root:/bin/sh\nvault:x:100:1000::/home/vault:/bin/sh\n');
  writeFileSync(join(root, 'etc', 'group'), 'root:x:0:\nvault:x:1000:\n');
}

export function addTemporaryFolder(root: string): void {
  mkdirSync(join(root, 'tmp'), { recursive: true });
  chmodSync(join(root, 'tmp'), 0o1777);
}

/** Absolute paths of the shared libraries and of the loader; none for a static program. */
function librariesOf(program: string): readonly string[] {
  try {
    const said = execFileSync('ldd', [program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return [...said.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map(([, path]) => path ?? '');
  } catch {
    return [];
  }
}
