// What templates and commands written for vault-k8s rely on, in pods of profile native on a real node: the pod's address in a
// certificate, owners of files while the app has a user of its own, a writable home with the token.
import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { IMAGES } from '../bed/node/images.ts';
import type { BedWithNode } from '../bed/node/node.ts';
import { prepareNative } from './native-basics.ts';
import { asking, createPod, eventuallyContains, ROLE } from './native-pods.ts';
import { onNode } from './on-node.ts';
import { PRODUCTS, type SecretServer } from './secret-server.ts';
import type { Team } from './team-namespace.ts';
import { STAY } from './workload.ts';

let team: Team;

/** A CA whose role "edge" issues certificates for any name and address, for pods that log in by the role "edge". */
const issuer = async ({ request }: SecretServer): Promise<void> => {
  await request('POST', 'sys/mounts/pki', { type: 'pki' });
  await request('POST', 'pki/root/generate/internal', { common_name: 'edge', ttl: '1h' });
  await request('POST', 'pki/roles/edge', {
    allow_any_name: true,
    allow_ip_sans: true,
    ttl: '30m',
    key_type: 'ec',
    key_bits: 256,
  });
  await request('POST', 'sys/policies/acl/edge', { policy: 'path "pki/issue/edge" { capabilities = ["update"] }' });
  await request('POST', 'auth/kubernetes/role/edge', { ...ROLE, token_policies: ['web', 'edge'], token_ttl: 300 });
};

const certificates = async ({ request }: SecretServer): Promise<number> => {
  const { data } = (await request('LIST', 'pki/certs')) as { readonly data: { readonly keys: readonly string[] } };
  return data.keys.length;
};

const prepare = async (bed: BedWithNode): Promise<void> => {
  team = await prepareNative(bed);
  for (const product of PRODUCTS) await issuer(team.servers[product]);
};

const CERTIFICATE = `{{ with secret "pki/issue/edge" "common_name=edge.shop.example" (printf "ip_sans=%s,%s" (env "POD_IP") (env "HOST_IP")) -}}
{{ .Data.private_key | writeToFile "/vault/secrets/edge.key" "vault" "vault" "0600" }}{{ .Data.certificate }}
{{- end }}`;
const WHERE =
  '{{ env "NAMESPACE" }} {{ env "POD_NAME" }} {{ env "NODE_NAME" }} {{ file "/run/secrets/kubernetes.io/serviceaccount/namespace" }}';

onNode(
  'surroundings of native agents',
  { parts: ['openbao', 'vault'], images: ['openbao', 'vault', 'injector'] },
  prepare,
  (test) => {
    for (const product of PRODUCTS) {
      test.concurrent(`with ${product}, a certificate has the address of its pod, and its key belongs to the user of the app (F1, F3)`, async (bed) => {
        const { namespace, servers, chosen } = team;
        const server = servers[product];
        const name = `${product}-edge`;
        await server.write(`web/${name}`, { password: 'x' });
        const before = await certificates(server);
        const template = asking(name, STAY, {
          ...chosen(product),
          role: 'edge',
          'agent-inject-template-edge.crt': CERTIFICATE,
          'agent-inject-template-where': WHERE,
        });
        await createPod(bed, namespace, name, template, { securityContext: { runAsUser: 2000, runAsGroup: 3000 } });
        await bed.untilReady(namespace, name);
        const inApp = (...command: string[]): Promise<string> => bed.exec(namespace, name, 'app', command);
        const field = (path: string): Promise<string> =>
          bed.kubectl(['get', 'pod', '-n', namespace, name, '-o', `jsonpath={${path}}`]);
        const certificate = new X509Certificate(await inApp('cat', '/vault/secrets/edge.crt'));
        expect(certificate.subjectAltName?.split(', ')).toEqual(
          expect.arrayContaining([`IP Address:${await field('.status.podIP')}`, `IP Address:${await field('.status.hostIP')}`]),
        );
        expect(await inApp('cat', '/vault/secrets/where')).toBe(
          `${namespace} ${name} ${await field('.spec.nodeName')} ${namespace}`,
        );
        // The app reads its key, and no other user does.
        expect(await inApp('stat', '-c', '%a %u %g', '/vault/secrets/edge.key')).toBe('600 2000 3000\n');
        expect(await inApp('cat', '/vault/secrets/edge.key')).toContain('PRIVATE KEY');
        expect(await bed.exec(namespace, name, 'vault-agent', ['id', '-un'])).toBe('vault\n');
        await sleep(5000);
        expect((await certificates(server)) - before).toBe(1);
      });

      test.concurrent(`with ${product}, a command uses the home directory and the token in it (F14)`, async (bed) => {
        const { namespace, servers, chosen } = team;
        const name = `${product}-home`;
        await servers[product].write(`web/${name}`, { password: 'kept' });
        const program = product === 'vault' ? 'vault' : 'bao';
        const command = `cp /vault/secrets/database /home/vault/copy && VAULT_ADDR=${servers[product].address} ${program} token lookup > ~/lookup`;
        await createPod(
          bed,
          namespace,
          name,
          asking(name, STAY, { ...chosen(product), 'agent-inject-command-database': command }),
        );
        await bed.untilReady(namespace, name);
        await eventuallyContains('kept', () => bed.exec(namespace, name, 'vault-agent', ['cat', '/home/vault/copy']));
        await eventuallyContains('auth/kubernetes/login', () =>
          bed.exec(namespace, name, 'vault-agent', ['cat', '/home/vault/lookup']),
        );
        // The token stays in the agent's container.
        const found = await bed.exec(namespace, name, 'app', ['sh', '-c', 'ls -a /vault/secrets /home 2>/dev/null || true']);
        expect(found).not.toContain('.vault-token');
      });
    }

    test.concurrent('a mount inside of read-only memory keeps a container from starting, unless the agent made its directory (F16)', async (bed) => {
      const { namespace, servers } = team;
      const pods = `/api/v1/namespaces/${namespace}/pods`;
      const volumeMounts = [
        { name: 'outer', mountPath: '/srv', readOnly: true },
        { name: 'inner', mountPath: '/srv/data' },
      ];
      const container = { name: 'app', image: IMAGES.app, command: ['sh', '-c', STAY], volumeMounts };
      const volumes = [
        { name: 'outer', emptyDir: { medium: 'Memory' } },
        { name: 'inner', emptyDir: {} },
      ];
      await bed.request('POST', pods, { metadata: { name: 'nested-plain' }, spec: { containers: [container], volumes } });
      await eventuallyContains('read-only file system', () => bed.kubectl(['describe', 'pod', '-n', namespace, 'nested-plain']));
      await servers.openbao.write('web/nested', { password: 'x' });
      const { metadata, spec } = asking('nested', STAY, { 'secret-volume-path': '/srv', 'agent-copy-volume-mounts': 'app' });
      const [app] = (spec as { readonly containers: readonly object[] }).containers;
      const containers = [{ ...app, volumeMounts: [{ name: 'data', mountPath: '/srv/data' }] }];
      await createPod(bed, namespace, 'nested', { metadata, spec }, { containers, volumes: [{ name: 'data', emptyDir: {} }] });
      await bed.untilReady(namespace, 'nested');
    });
  },
);
