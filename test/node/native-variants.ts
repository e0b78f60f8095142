// What few pods of profile native ask for: another auth method, an agent that only starts them, an agent image without a shell.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { IMAGES } from '../bed/node/images.ts';
import type { BedWithNode } from '../bed/node/node.ts';
import { asking, AUDIENCE, createPod, eventuallyContains } from './native-pods.ts';
import type { NodeTest } from './on-node.ts';
import { PRODUCTS, type SecretServer } from './secret-server.ts';
import type { Team } from './team-namespace.ts';
import { API_TOKEN } from './token.ts';
import { firstWords, STAY } from './workload.ts';
import { completes, SHOW, SOON } from './workloads.ts';

/** A jwt auth method with the cluster's key, and a role whose tokens expire soon. */
async function jwtMethod(bed: BedWithNode, { request }: SecretServer): Promise<void> {
  await request('POST', 'sys/auth/jwt', { type: 'jwt' });
  const key = readFileSync(bed.credentials.serviceAccountPublicKeyFile, 'utf8');
  await request('POST', 'auth/jwt/config', { jwt_validation_pubkeys: [key] });
  await request('POST', 'auth/jwt/role/native', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: [AUDIENCE],
    token_policies: ['web'],
    token_ttl: 3,
    token_max_ttl: 5,
  });
}

const AGENT_STATE = 'jsonpath={.status.initContainerStatuses[?(@.name=="vault-agent")].state}';

/** Declares the tests; `teamOf` is asked when they run. */
export function nativeVariants(test: NodeTest, teamOf: () => Team): void {
  for (const product of PRODUCTS) {
    test(`with ${product}, an agent logs in by the method jwt repeatedly`, async (bed) => {
      const { namespace, servers, chosen } = teamOf();
      const server = servers[product];
      const name = `${product}-jwt`;
      await jwtMethod(bed, server);
      await server.write(`web/${name}`, { password: 'by jwt' });
      const annotations = { ...SOON, ...chosen(product), 'auth-type': 'jwt', 'auth-path': 'auth/jwt' };
      await createPod(bed, namespace, name, asking(name, SHOW, annotations));
      await bed.untilReady(namespace, name);
      expect(await firstWords(bed, namespace, name, 'app')).toBe('by jwt\n');
      // A login lasts 5 s at the most: the value of a later one comes from the second or third.
      await sleep(11_000);
      await server.write(`web/${name}`, { password: 'by another login' });
      await eventuallyContains('by another login', () => bed.exec(namespace, name, 'app', ['cat', '/vault/secrets/database']));
      expect(await bed.exec(namespace, name, 'vault-agent', ['ls', API_TOKEN])).toBe('ca.crt\nnamespace\ntoken\n');
    });

    test(`with ${product}, agent-pre-populate-only leaves no agent behind`, async (bed) => {
      const { namespace, servers, chosen } = teamOf();
      const name = `${product}-only`;
      await servers[product].write(`web/${name}`, { password: 'at the start' });
      const only = { ...chosen(product), 'agent-pre-populate-only': 'true' };
      await createPod(bed, namespace, name, asking(name, SHOW, only));
      await bed.untilReady(namespace, name);
      expect(await firstWords(bed, namespace, name, 'app')).toBe('at the start\n');
      const state = await bed.kubectl(['get', 'pod', '-n', namespace, name, '-o', AGENT_STATE]);
      expect(JSON.parse(state)).toMatchObject({ terminated: { exitCode: 0 } });
      await completes(bed, namespace, name, asking(name, 'grep -qx "at the start" /vault/secrets/database', only));
    });
  }

  test('with agent-pre-populate-only, kubectl describe pod names a wrong role, and the pod starts once it is corrected', async (bed) => {
    const { namespace, servers } = teamOf();
    await servers.openbao.write('web/only-wrong', { password: 'late' });
    const annotations = { role: 'only-late', 'agent-pre-populate-only': 'true' };
    await createPod(bed, namespace, 'only-wrong', asking('only-wrong', STAY, annotations));
    await eventuallyContains('* invalid role name "only-late"', () =>
      bed.kubectl(['describe', 'pod', '-n', namespace, 'only-wrong']),
    );
    await servers.openbao.request('POST', 'auth/kubernetes/role/only-late', {
      bound_service_account_names: ['*'],
      bound_service_account_namespaces: ['*'],
      token_policies: ['web'],
    });
    await bed.untilReady(namespace, 'only-wrong');
  });

  for (const product of PRODUCTS)
    test(`F5 with ${product}, kubectl describe pod names a key that its format refuses, and no value; the app sources the file once it is corrected`, async (bed) => {
      const { namespace, servers, chosen } = teamOf();
      const name = `${product}-refused`;
      await servers[product].write(`web/${name}`, { 'db-password': 'hunter2', USER: 'app' });
      const script = `set -e; . /vault/secrets/env; printf '%s\\n' "$DB_PASSWORD"; ${STAY}`;
      const annotations = {
        ...chosen(product),
        'agent-inject-secret-env': `secret/data/web/${name}`,
        'vaultauth.dev/format-env': 'dotenv',
        'template-static-secret-render-interval': '1s',
      };
      await createPod(bed, namespace, name, asking(name, script, annotations));
      const describe = (): Promise<string> => bed.kubectl(['describe', 'pod', '-n', namespace, name]);
      await eventuallyContains('db-password', describe);
      expect(await describe()).toContain('format dotenv cannot hold');
      expect(await describe()).not.toContain('hunter2');
      await servers[product].write(`web/${name}`, { DB_PASSWORD: `a$(touch /tmp/x)\`id\`"b"`, USER: 'app' });
      await bed.untilReady(namespace, name);
      expect(await firstWords(bed, namespace, name, 'app')).toBe(`a$(touch /tmp/x)\`id\`"b"\n`);
    });

  test('an agent image without a shell delays the pod too, by plain ls', async (bed) => {
    const { namespace, servers } = teamOf();
    await servers.openbao.write('web/bare', { password: 'without a shell' });
    const annotations = { 'agent-image': IMAGES.bare, 'vaultauth.dev/startup-probe': 'ls' };
    await createPod(bed, namespace, 'bare', asking('bare', SHOW, annotations));
    await bed.untilReady(namespace, 'bare');
    expect(await firstWords(bed, namespace, 'bare', 'app')).toBe('without a shell\n');
    await expect(bed.exec(namespace, 'bare', 'vault-agent', ['sh', '-c', 'true'])).rejects.toThrow('"sh"');
  });
}
