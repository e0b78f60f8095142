// What every pod of profile native and of mode token is for, declared for the bed of a test file.
import { IMAGES } from '../bed/node/images.ts';
import type { BedWithNode } from '../bed/node/node.ts';
import { asking, AUDIENCE, createPod, eventuallyContains, ROLE } from './native-pods.ts';
import type { NodeTest } from './on-node.ts';
import { PRODUCTS } from './secret-server.ts';
import { prepareTeam, type Team } from './team-namespace.ts';
import { API_TOKEN, claimsOf, statusWith } from './token.ts';
import { firstWords, podTemplate, STAY } from './workload.ts';
import { completes, readsFirstAndLater, SHOW, SOON } from './workloads.ts';

/** Script of an application that logs in by plain HTTP and prints what it reads at secret/data/web/itself. */
export const BY_ITSELF = `
body="{\\"role\\":\\"$VAULT_ROLE\\",\\"jwt\\":\\"$(cat "$VAULT_TOKEN_PATH")\\"}"
token=$(wget -qO- --post-data "$body" "$VAULT_ADDR/v1/$VAULT_AUTH_MOUNT/login" | sed 's/.*"client_token":"\\([^"]*\\)".*/\\1/')
wget -qO- --header "X-Vault-Token: $token" "$VAULT_ADDR/v1/secret/data/web/itself"; echo; ${STAY}`;

/** A team whose pods are of profile native, log in by the role "native", and are OpenBao's where they do not choose. */
export async function prepareNative(bed: BedWithNode, folder?: string): Promise<Team> {
  const team = await prepareTeam(bed, ['-profile=native', '-flavour=openbao'], folder);
  for (const product of PRODUCTS)
    await team.servers[product].request('POST', 'auth/kubernetes/role/native', { ...ROLE, token_ttl: 300 });
  return team;
}

/** Declares the tests; `teamOf` is asked when they run. */
export function nativeBasics(test: NodeTest, teamOf: () => Team): void {
  for (const product of PRODUCTS) {
    test(`with ${product}, a Deployment reads its secret at start, and a later value later`, async (bed) => {
      const { namespace, chosen } = teamOf();
      await readsFirstAndLater(bed, teamOf(), product, asking(product, SHOW, { ...SOON, ...chosen(product) }));
      const [pod = ''] = await bed.pods(namespace, `app=${product}`);
      await expect(bed.exec(namespace, pod, 'app', ['touch', '/vault/secrets/database'])).rejects.toThrow('Read-only');
    });

    test(`with ${product}, kubectl describe pod names a wrong role, and the pod starts once it is corrected`, async (bed) => {
      const { namespace, servers, chosen } = teamOf();
      const name = `${product}-wrong`;
      const { request, write } = servers[product];
      await write(`web/${name}`, { password: 'late' });
      await createPod(bed, namespace, name, asking(name, STAY, { ...chosen(product), role: 'late' }));
      await eventuallyContains('* invalid role name "late"', () => bed.kubectl(['describe', 'pod', '-n', namespace, name]));
      await request('POST', 'auth/kubernetes/role/late', ROLE);
      await bed.untilReady(namespace, name);
    });

    test(`with ${product}, an application in mode token logs in by itself`, async (bed) => {
      const { namespace, servers, chosen } = teamOf();
      await servers[product].write('web/itself', { password: 'by itself' });
      const name = `${product}-itself`;
      await createPod(
        bed,
        namespace,
        name,
        podTemplate('itself', BY_ITSELF, { role: 'native', ...chosen(product), 'vaultauth.dev/mode': 'token' }),
      );
      await bed.untilReady(namespace, name);
      await eventuallyContains('"password":"by itself"', () => bed.logs(namespace, name, 'app'));
      expect(await bed.kubectl(['get', 'pod', '-n', namespace, name, '-o', 'jsonpath={..image}'])).not.toContain(IMAGES[product]);
    });
  }

  test('a Job and its agent complete', async (bed) => {
    const { namespace, servers } = teamOf();
    await servers.openbao.write('web/once', { password: 'for the job' });
    await completes(bed, namespace, 'once', asking('once', 'grep -qx "for the job" /vault/secrets/database'));
    const exit = 'jsonpath={.items[*].status.initContainerStatuses[*].state.terminated.exitCode}';
    expect(await bed.kubectl(['get', 'pods', '-n', namespace, '-l', 'app=once', '-o', exit])).toBe('0');
  });

  test('an init container of the pod reads the secret', async (bed) => {
    const { namespace, servers } = teamOf();
    await servers.openbao.write('web/early', { password: 'for the first' });
    const script = 'grep -x "for the first" /vault/secrets/database';
    const initContainers = [{ name: 'migrate', image: IMAGES.app, command: ['sh', '-c', script] }];
    await createPod(bed, namespace, 'early', asking('early', STAY), { initContainers });
    await bed.untilReady(namespace, 'early');
    expect(await firstWords(bed, namespace, 'early', 'migrate')).toBe('for the first\n');
  });

  test('the agent has a token for Vault alone, the application keeps its own, and no other container reads either', async (bed) => {
    const { namespace, servers } = teamOf();
    await servers.openbao.write('web/tokens', { password: 'known' });
    const template = asking('tokens', STAY, { 'vaultauth.dev/token-expiration-seconds': '1200' });
    await createPod(bed, namespace, 'tokens', template, { securityContext: { runAsUser: 1000, runAsNonRoot: true } });
    await bed.untilReady(namespace, 'tokens');
    const inside = (container: string, command: string): Promise<string> =>
      bed.exec(namespace, 'tokens', container, ['sh', '-c', command]);
    const token = await inside('vault-agent', `cat ${API_TOKEN}/token`);
    const { aud, exp, iat } = claimsOf(token);
    expect({ aud, seconds: exp - iat }).toEqual({ aud: [AUDIENCE], seconds: 1200 });
    expect(await statusWith(bed, token)).toBe(401);
    expect(await statusWith(bed, await inside('app', `cat ${API_TOKEN}/token`))).toBe(200);
    // What comes with the general token, by either spelling of its directory.
    for (const directory of [API_TOKEN, '/run/secrets/kubernetes.io/serviceaccount'])
      expect(await inside('vault-agent', `ls ${directory}; cat ${directory}/namespace`)).toBe(
        `ca.crt\nnamespace\ntoken\n${namespace}`,
      );
    expect(await inside('vault-agent', `cat ${API_TOKEN}/ca.crt`)).toBe(await inside('app', `cat ${API_TOKEN}/ca.crt`));
    for (const container of ['app', 'vault-agent'])
      expect(await inside(container, `stat -L -c '%a %u' ${API_TOKEN}/token`)).toBe('600 1000\n');
  });
}
