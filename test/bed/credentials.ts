// Keys, certificates and kubeconfig files of one bed: fresh each time, in its private directory.
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { issueCa, issueLeaf, type KeyPair } from '../../src/tls/issue.ts';

export interface Credentials {
  /** PEM of the authority that signed everything in this bed, and its file. */
  readonly authority: string;
  readonly authorityFile: string;
  /** Files for the API server. */
  readonly serverCertificateFile: string;
  readonly serverKeyFile: string;
  /** With these the API server asks a kubelet for logs. */
  readonly kubeletClientCertificateFile: string;
  readonly kubeletClientKeyFile: string;
  readonly serviceAccountKeyFile: string;
  readonly serviceAccountPublicKeyFile: string;
  /** Client certificate of the cluster's administrator. */
  readonly administrator: KeyPair;
  readonly controllerManager: KeyPair;
  /** Signs one more client certificate; the API server takes `commonName` as user and `organization` as group. */
  issueClient(client: { readonly commonName: string; readonly organization?: string }): KeyPair;
  /** Signs one more serving certificate, for example a webhook's. */
  issueServing(names: { readonly dnsNames?: readonly string[]; readonly ipAddresses?: readonly string[] }): KeyPair;
}

const HOUR = 3_600_000;

/**
 * Makes everything in `directory`/pki. The API server's certificate is good for 127.0.0.1 and the further addresses. Valid from an hour ago for a day, so that clocks and long debugging sessions do no harm.
 */
export function createCredentials(directory: string, furtherAddresses: readonly string[] = []): Credentials {
  const folder = join(directory, 'pki');
  mkdirSync(folder, { mode: 0o700 });
  const validity = { notBefore: new Date(Date.now() - HOUR), notAfter: new Date(Date.now() + 24 * HOUR) };
  const authority = issueCa({ commonName: 'bed-ca', ...validity });
  const leaf = { ca: authority, dnsNames: [], ipAddresses: [], ...validity };
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const server = issueLeaf({
    ...leaf,
    commonName: 'kube-apiserver',
    dnsNames: ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
    ipAddresses: ['127.0.0.1', ...furtherAddresses],
    usages: ['server'],
  });
  const kubeletClient = issueLeaf({ ...leaf, commonName: 'bed-api-server', organization: 'system:masters', usages: ['client'] });
  // Token signatures by RSA, as clusters made by kubeadm have them.
  const tokens = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return {
    authority: authority.certificate,
    authorityFile: file('ca.crt', authority.certificate),
    serverCertificateFile: file('apiserver.crt', server.certificate),
    serverKeyFile: file('apiserver.key', server.key),
    kubeletClientCertificateFile: file('kubelet-client.crt', kubeletClient.certificate),
    kubeletClientKeyFile: file('kubelet-client.key', kubeletClient.key),
    serviceAccountKeyFile: file('service-accounts.key', tokens.privateKey),
    serviceAccountPublicKeyFile: file('service-accounts.pub', tokens.publicKey),
    administrator: issueLeaf({ ...leaf, commonName: 'bed-admin', organization: 'system:masters', usages: ['client'] }),
    controllerManager: issueLeaf({ ...leaf, commonName: 'system:kube-controller-manager', usages: ['client'] }),
    issueClient: (client) => issueLeaf({ ...leaf, ...client, usages: ['client'] }),
    issueServing: (names) => issueLeaf({ ...leaf, commonName: 'bed-serving', ...names, usages: ['server'] }),
  };
}

/** Writes a kubeconfig file that logs in with a client certificate. JSON is YAML, so any client reads it. */
export function writeKubeconfig(file: string, url: string, authority: string, client: KeyPair): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'bed', cluster: { server: url, 'certificate-authority-data': encoded(authority) } }],
    users: [
      { name: 'bed', user: { 'client-certificate-data': encoded(client.certificate), 'client-key-data': encoded(client.key) } },
    ],
    contexts: [{ name: 'bed', context: { cluster: 'bed', user: 'bed', namespace: 'default' } }],
    'current-context': 'bed',
  };
  writeFileSync(file, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
  return file;
}

const encoded = (text: string): string => Buffer.from(text).toString('base64');
