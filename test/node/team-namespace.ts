// A team's namespace in a bed where the product is installed, with a secret server of each product.
import { IMAGES } from '../bed/node/images.ts';
import type { BedWithNode } from '../bed/node/node.ts';
import { untilInjecting } from '../bed/webhook.ts';
import { install } from './installation.ts';
import { type Product, type SecretServer, secretServer } from './secret-server.ts';

export interface Team {
  readonly namespace: string;
  readonly servers: Readonly<Record<Product, SecretServer>>;
  /** Annotations by which a pod uses that product: the installation defaults to OpenBao. */
  readonly chosen: (product: Product) => Readonly<Record<string, string>>;
}

/** Starts what both products need, installs ours with further flags, from a folder of deploy/, and waits until pods of the namespace are injected. */
export async function prepareTeam(bed: BedWithNode, flags: readonly string[], folder?: string): Promise<Team> {
  const servers = { openbao: await secretServer(bed, 'openbao'), vault: await secretServer(bed, 'vault') };
  const all = [
    `-vault-address=${servers.openbao.address}`,
    `-vault-image=${IMAGES.openbao}`,
    // By these a pod turns to another server and agent.
    '-allow=service,agent-image,agent-binary',
    ...flags,
  ];
  await install(bed, all, folder);
  const namespace = await bed.createNamespace();
  await untilInjecting(bed, namespace);
  const vault = { service: servers.vault.address, 'agent-image': IMAGES.vault, 'vaultauth.dev/flavour': 'vault' };
  return { namespace, servers, chosen: (product) => (product === 'openbao' ? {} : vault) };
}
