// Writes an image from a folder, in the form of `docker save`, without Docker and without a registry: one layer, its
// description, and a list of both.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** How containers of the image start, in the words of a Dockerfile. */
export interface ImageConfiguration {
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly User?: string;
  readonly WorkingDir?: string;
}

export interface Image {
  /** Name with tag; anything but `latest`, which would be pulled. */
  readonly reference: string;
  readonly configuration: ImageConfiguration;
}

// Names of processor architectures: Node's, and those of images.
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Packs the folder `root` into `file`. Everything belongs to root, as in an image that a Dockerfile's COPY made. */
export async function writeArchive(root: string, file: string, { reference, configuration }: Image): Promise<void> {
  const work = mkdtempSync(`${file}.`);
  try {
    const layer = join(work, 'layer.tar');
    await run('tar', ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0', '-C', root, '-cf', layer, '.']);
    const description = JSON.stringify({
      architecture: ARCHITECTURES[arch()] ?? arch(),
      os: 'linux',
      config: configuration,
      rootfs: { type: 'layers', diff_ids: [`sha256:${await digestOf(layer)}`] },
      history: [{ created: '1970-01-01T00:00:00Z' }],
    });
    const name = `${createHash('sha256').update(description).digest('hex')}.json`;
    writeFileSync(join(work, name), description);
    const list = [{ Config: name, RepoTags: [reference], Layers: ['layer.tar'] }];
    writeFileSync(join(work, 'manifest.json'), JSON.stringify(list));
    await run('tar', ['-C', work, '-cf', join(work, 'image.tar'), 'manifest.json', name, 'layer.tar']);
    renameSync(join(work, 'image.tar'), file);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
