// Releases of the chart, and overlays for kustomize, on a real API server without a node: what an uninstall leaves, and what two
// releases share.
import { join } from 'node:path';
import { cleanup } from '../../../src/cli/cleanup.ts';
import { processEnvironment } from '../../../src/settings/read.ts';
import { type Bed, startBed } from '../../bed/bed.ts';
import { repositoryDirectory } from '../../bed/environment.ts';
import { CHART, type Helm, openHelm } from '../../bed/helm.ts';
import { openConfiguration } from '../../bed/webhook.ts';
import { eventually } from '../../support/eventually.ts';
import { podsPath, webPod } from '../pods.ts';

const FINALIZER = 'vaultauth.dev/vault-cleanup';
const ASK = { 'vault.hashicorp.com/agent-inject': 'true', 'vault.hashicorp.com/role': 'web' };
const deploy = (...path: readonly string[]): string => join(repositoryDirectory(), 'deploy', ...path);

let bed: Bed;
let helm: Helm;
let outcome: 'passed' | 'failed' = 'failed';
beforeAll(async () => {
  bed = await startBed({ kubernetes: '1.36', parts: ['kube-controller-manager'] });
  helm = await openHelm(bed.kubeconfig);
}, 900_000);
afterAll(async () => {
  helm?.close();
  await bed?.stop(outcome);
});

const release = (verb: string, name: string, namespace: string, ...values: readonly string[]): Promise<string> =>
  helm.run([verb, name, CHART, '--namespace', namespace, '--create-namespace', ...values.flatMap((value) => ['--set', value])]);
const uninstall = (name: string, namespace: string): Promise<string> =>
  // No node runs the Job of the hook.
  helm.run(['uninstall', name, '--namespace', namespace, '--no-hooks']);

/** The configuration's entry that a pod is rejected in the name of; undefined if it is admitted. */
const rejectedBy = async (namespace: string): Promise<string | undefined> => {
  const { status, text } = await bed.exchange('POST', podsPath(namespace, '?dryRun=All'), webPod('web', ASK));
  return status === 201 ? undefined : (/https:\/\/([\w.-]+):\d+/.exec(text)?.[1] ?? text);
};

/** Objects with the label of the product, of every kind and namespace. */
const left = async (selector: string): Promise<readonly string[]> => {
  const kinds = (await bed.kubectl(['api-resources', '--verbs=list', '-o', 'name'])).trim().split('\n');
  const words = ['get', kinds.join(), '--all-namespaces', '-o', 'name', '--ignore-not-found', '-l', selector];
  return (await bed.kubectl(words))
    .trim()
    .split('\n')
    .filter((name) => name !== '' && !name.startsWith('event'));
};

it('two installations share no object, and each serves the namespaces of its revision', async () => {
  await release('install', 'stable', 'platform');
  await release('install', 'canary', 'platform', 'selection.revision=canary');
  const plain = await bed.createNamespace({});
  const chosen = await bed.createNamespace({ labels: { 'vaultauth.dev/revision': 'canary' } });
  const other = await bed.createNamespace({ labels: { 'vaultauth.dev/revision': 'unknown' } });
  for (const name of ['stable', 'canary']) await openConfiguration(bed, `${name}-vault-auth-injector`);
  // No replica runs: a pod is rejected in the name of the Service that would be called.
  await eventually(async () => {
    expect(await Promise.all([plain, chosen, other, 'platform'].map(rejectedBy))).toEqual([
      'stable-vault-auth-injector.platform.svc',
      'canary-vault-auth-injector.platform.svc',
      undefined,
      undefined,
    ]);
  });
  await uninstall('canary', 'platform');
  await eventually(async () => expect(await rejectedBy(chosen)).toBeUndefined());
  expect(await rejectedBy(plain)).toBe('stable-vault-auth-injector.platform.svc');
  await uninstall('stable', 'platform');
  await eventually(async () => expect(await left('app.kubernetes.io/name=vault-auth-injector')).toEqual([]));
});

it('webhook and controller in two releases: each can go first', async () => {
  await release('install', 'hook', 'secrets');
  await release('install', 'config', 'secrets', 'webhook.enabled=false', 'controller.enabled=true', 'crds.keep=false');
  await uninstall('hook', 'secrets');
  await eventually(async () => expect(await left('app.kubernetes.io/instance=hook')).toEqual([]));
  expect(await left('app.kubernetes.io/instance=config')).toContain('deployment.apps/config-vault-auth-injector-controller');
  await release('install', 'hook', 'secrets');
  await uninstall('config', 'secrets');
  await eventually(async () => expect(await left('app.kubernetes.io/instance=config')).toEqual([]));
  expect(await left('app.kubernetes.io/instance=hook')).toContain('deployment.apps/hook-vault-auth-injector');
  await uninstall('hook', 'secrets');
  await eventually(async () => expect(await left('app.kubernetes.io/name=vault-auth-injector')).toEqual([]));
});

describe('the overlays', () => {
  it.each([
    ['manifests', 'controller'],
    ['controller', 'manifests'],
  ])('deleting %s, then %s, leaves the other one and then nothing, and rejects no pod', async (first, second) => {
    for (const folder of ['namespace', 'crds', 'manifests', 'controller'])
      await bed.kubectl(['apply', '--server-side', '--force-conflicts', '-k', deploy(folder)]);
    const team = await bed.createNamespace({});
    await openConfiguration(bed, 'vault-auth-injector');
    await eventually(async () => expect(await rejectedBy(team)).toBe('vault-auth-injector.vault-auth-injector.svc'));
    await bed.kubectl(['delete', '-k', deploy(first)]);
    const kept = second === 'manifests' ? 'vault-auth-injector' : 'vault-auth-injector-controller';
    expect(await bed.kubectl(['get', 'deployment', '-n', 'vault-auth-injector', '-o', 'name'])).toBe(`deployment.apps/${kept}\n`);
    await bed.kubectl(['delete', '-k', deploy(second)]);
    await eventually(async () => expect(await rejectedBy(team)).toBeUndefined());
    await bed.kubectl(['delete', '-k', deploy('crds')]);
    await bed.kubectl(['delete', '-k', deploy('namespace')]);
    await eventually(async () => expect(await left('app.kubernetes.io/name=vault-auth-injector')).toEqual([]));
  });
});

it('cleanup waits for the end of the controller, removes its finalizers, and names what stays in Vault', async () => {
  await bed.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }));
  await release('install', 'config', 'secrets', 'webhook.enabled=false', 'controller.enabled=true');
  const role = {
    apiVersion: 'vaultauth.dev/v1alpha1',
    kind: 'VaultAuthRole',
    metadata: { name: 'web', namespace: 'shop', finalizers: [FINALIZER, 'example.com/other'] },
    spec: { serviceAccounts: ['web'], policies: ['own-secrets'] },
  };
  await eventually('the CRD is served', async () => {
    await bed.kubectl(['apply', '-f', '-'], JSON.stringify(role));
    return true;
  });
  const vault = {
    endpoint: 'main',
    namespace: '',
    backend: 'main',
    mountPath: 'prod',
    roleName: 'prod.shop.web',
    loginPath: 'v1/auth/prod/login',
  };
  const patch = ['patch', 'vaultauthrole', 'web', '-n', 'shop', '--type=merge'];
  await bed.kubectl([...patch, '--subresource=status', '-p', JSON.stringify({ status: { vault } })]);
  const run = async (...words: readonly string[]): Promise<{ code: number; text: string }> => {
    let text = '';
    const write = (more: string): void => void (text += more);
    const terminal = { stdout: write, stderr: write, stdin: async () => '', colour: false, environment: processEnvironment() };
    return { code: await cleanup([`-kubeconfig=${bed.kubeconfig}`, ...words], terminal), text };
  };
  const finalizers = (): Promise<string> =>
    bed.kubectl(['get', 'vaultauthrole', 'web', '-n', 'shop', '-o', 'jsonpath={.metadata.finalizers}']);
  expect(await run()).toEqual({
    code: 1,
    text: 'vault-auth-injector cleanup: a controller is installed (secrets/config-vault-auth-injector-controller) and would add the finalizer again: uninstall it first\n',
  });
  await uninstall('config', 'secrets');
  const line = 'VaultAuthRole shop/web: the role prod.shop.web of auth/prod stays in Vault\n';
  expect(await run('-dry-run')).toEqual({ code: 0, text: `${line}would remove the finalizer ${FINALIZER} of 1 objects\n` });
  expect(await finalizers()).toBe(JSON.stringify([FINALIZER, 'example.com/other']));
  expect(await run('-wait=30')).toEqual({ code: 0, text: `${line}removed the finalizer ${FINALIZER} of 1 objects\n` });
  expect(await finalizers()).toBe('["example.com/other"]');
  // The CRDs are kept; other finalizers are not ours to remove.
  await bed.kubectl([...patch, '-p', '{"metadata":{"finalizers":[]}}']);
  await bed.kubectl(['delete', 'crd', '-l', 'app.kubernetes.io/name=vault-auth-injector', '--timeout=60s']);
  await bed.kubectl(['delete', 'namespace', 'shop', '--timeout=60s']);
  outcome = 'passed';
});
