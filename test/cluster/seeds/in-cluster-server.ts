// A Vault or OpenBao that finds what a pod finds: a service account's token and the cluster's CA at the path where the kubelet puts them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bed } from '../../bed/bed.ts';
import { obtain } from '../../bed/obtain.ts';
import { answersOk } from '../../bed/parts.ts';
import { freePorts } from '../../bed/ports.ts';
import { silentProgress } from '../../bed/progress.ts';
import { untilReady } from '../../bed/server.ts';
import type { ProductName } from './stage.ts';

const PROGRAMS = { openbao: 'bao', vault: 'vault' } as const;
/** In a mount namespace of its own, so that nothing of it is seen outside. */
const SCRIPT = `
mount -t tmpfs tmpfs /run
mkdir -p /run/secrets/kubernetes.io/serviceaccount
cp "$1"/token "$1"/ca.crt /run/secrets/kubernetes.io/serviceaccount/
shift
exec "$@"
`;

/**
 * Starts a development server with this token. Needs root, as the tests with a node do.
 * @returns its address; its root token is the bed's.
 */
export async function startInCluster(bed: Bed, product: ProductName, token: string): Promise<string> {
  const folder = join(bed.directory, 'in-cluster');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, 'token'), token, { mode: 0o600 });
  writeFileSync(join(folder, 'ca.crt'), bed.ca);
  const program = PROGRAMS[product];
  const path = (await obtain([program], bed.kubernetes, silentProgress)).get(program) ?? program;
  const [port = 0] = await freePorts(1);
  const address = `http://127.0.0.1:${port}`;
  const rootToken = bed[product]?.rootToken ?? '';
  const server = bed.start({
    name: 'in-cluster',
    command: 'unshare',
    arguments: [
      '--mount',
      'sh',
      '-euc',
      SCRIPT,
      'sh',
      folder,
      path,
      'server',
      '-dev',
      `-dev-listen-address=127.0.0.1:${port}`,
      '-dev-no-store-token',
    ],
    environment: { VAULT_DEV_ROOT_TOKEN_ID: rootToken, BAO_DEV_ROOT_TOKEN_ID: rootToken },
  });
  await untilReady(server, 90, () => answersOk(`${address}/v1/sys/health`));
  return address;
}
