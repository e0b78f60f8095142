import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { kubeClient } from '../../../src/kube/client.ts';
import { inClusterConnection, kubeconfigConnection } from '../../../src/kube/kubeconfig.ts';
import { authority, clientIdentity, fakeApi } from './fake-api.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'connection-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const put = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

const base64 = (text: string): string => Buffer.from(text).toString('base64');

test('in a cluster: reads the token, CA and namespace of the service account, and supports an IPv6 host', async () => {
  put('token', 'abc\n');
  put('ca.crt', authority.certificate);
  put('namespace', 'vault');
  const connection = await inClusterConnection({ host: 'fd00::1', port: '443', folder });
  expect(connection).toMatchObject({ server: 'https://[fd00::1]:443', namespace: 'vault' });
  put('token', 'def');
  expect(await connection.credentials()).toMatchObject({ authorization: 'Bearer def', ca: authority.certificate.trim() });
});

test('a missing service account names the pod field that mounts it', async () => {
  await expect(inClusterConnection({ host: '10.0.0.1', port: '443', folder })).rejects.toThrow(
    /automountServiceAccountToken.*ENOENT.*token/,
  );
});

test('a kubeconfig: authenticates with its client certificate', async () => {
  const fake = await fakeApi(({ socket }, response) =>
    response.end(JSON.stringify(socket instanceof TLSSocket && socket.getPeerCertificate().subject)),
  );
  const file = put(
    'config',
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: `${fake.url}/`, 'certificate-authority-data': base64(authority.certificate) } }],
      users: [
        {
          name: 'u',
          user: { 'client-certificate-data': base64(clientIdentity.certificate), 'client-key-data': base64(clientIdentity.key) },
        },
      ],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'team' } }],
      'current-context': 'x',
    }),
  );
  const connection = await kubeconfigConnection(file);
  const client = kubeClient({ connection, userAgent: 'tester' });
  try {
    expect(connection).toMatchObject({ server: fake.url, namespace: 'team' });
    expect(await client.request({ method: 'GET', path: '/' })).toEqual({ CN: 'tester' });
    await expect(kubeconfigConnection(file, 'other')).rejects.toThrow(/has no cluster for the context "other"/);
    await expect(kubeconfigConnection(join(folder, 'none'))).rejects.toThrow(/cannot read the kubeconfig .*none.*ENOENT/);
  } finally {
    client.close();
    await fake.stop();
  }
});
