// OpenBao or Vault with TLS and its own certificates, beside the servers of a bed.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bed } from '../bed/bed.ts';
import { obtain } from '../bed/obtain.ts';
import { answersOk } from '../bed/parts.ts';
import { freePorts } from '../bed/ports.ts';
import { silentProgress } from '../bed/progress.ts';
import { untilReady } from '../bed/server.ts';
import type { ProductName } from './servers.ts';

export const ROOT_TOKEN = 'root-of-the-secure-server';

/** A development server with TLS that requests client certificates; returns its address and CA. */
export async function secureServer(bed: Bed, product: ProductName): Promise<{ readonly address: string; readonly ca: string }> {
  const program = product === 'vault' ? 'vault' : 'bao';
  const programs = await obtain([program], '1.36', silentProgress);
  const [port = 0] = await freePorts(1);
  const folder = join(bed.directory, `tls-${product}`);
  mkdirSync(folder);
  const server = bed.start({
    name: `tls-${product}`,
    command: programs.get(program) ?? program,
    arguments: [
      'server',
      '-dev',
      '-dev-tls',
      `-dev-tls-cert-dir=${folder}`,
      `-dev-listen-address=127.0.0.1:${port}`,
      '-dev-no-store-token',
    ],
    environment: { [product === 'vault' ? 'VAULT_DEV_ROOT_TOKEN_ID' : 'BAO_DEV_ROOT_TOKEN_ID']: ROOT_TOKEN },
  });
  await untilReady(server, 90, () => answersOk(`https://127.0.0.1:${port}/v1/sys/health`));
  return { address: `https://127.0.0.1:${port}`, ca: readFileSync(join(folder, 'vault-ca.pem'), 'utf8') };
}
