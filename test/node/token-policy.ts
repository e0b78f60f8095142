// Mode token without a server: the policy of deploy/policies/token-mode, set up by its kustomization, on a real node.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { TOKEN_VOLUME } from '../../src/pod/token.ts';
import { INJECT_LABEL } from '../../src/selection/decide.ts';
import { repositoryDirectory } from '../bed/environment.ts';
import type { BedWithNode } from '../bed/node/node.ts';
import { INSTALLATION } from './installation.ts';
import { BY_ITSELF } from './native-basics.ts';
import { createPod, eventuallyContains } from './native-pods.ts';
import type { NodeTest } from './on-node.ts';
import type { Team } from './team-namespace.ts';
import { podTemplate } from './workload.ts';
import { eventually } from '../support/eventually.ts';

/** Takes the webhook away. */
async function unregister(bed: BedWithNode, carriesToken: () => Promise<boolean>): Promise<void> {
  await bed.kubectl(['delete', 'mutatingwebhookconfiguration', INSTALLATION]);
  await eventually('the webhook is not called any more', async () => !(await carriesToken()));
}

/** Applies the policy for a server at that address. */
async function applyPolicy(bed: BedWithNode, address: string, carriesToken: () => Promise<boolean>): Promise<void> {
  const base = join(repositoryDirectory(), 'deploy', 'policies', 'token-mode');
  const overlay = join(bed.directory, 'token-mode');
  mkdirSync(overlay);
  const value = `{'auto-inject': 'false', 'vault-address': '${address}', 'vault-auth-path': 'auth/kubernetes', 'vault-namespace': '', 'token-audience': 'vault', 'token-expiration-seconds': '3600'}`;
  const target = { kind: 'MutatingAdmissionPolicy', name: `${INSTALLATION}-token-mode` };
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [relative(overlay, base)],
    patches: [{ target, patch: JSON.stringify([{ op: 'replace', path: '/spec/variables/0/expression', value }]) }],
  };
  writeFileSync(join(overlay, 'kustomization.yaml'), JSON.stringify(kustomization));
  await bed.kubectl(['apply', '-k', overlay]);
  await eventually('the policy takes effect', carriesToken);
}

/** Declares the test. It leaves no webhook, so that it has to be the last one. */
export function tokenPolicy(test: NodeTest, teamOf: () => Team): void {
  test('without the webhook, a MutatingAdmissionPolicy lets an application in mode token log in by itself', async (bed) => {
    const { namespace, servers } = teamOf();
    await servers.openbao.write('web/itself', { password: 'by the policy' });
    const metadata = {
      labels: { app: 'itself', [INJECT_LABEL]: 'enabled' },
      annotations: { 'vaultauth.dev/mode': 'token', 'vaultauth.dev/role': 'native' },
    };
    const template = { ...podTemplate('itself', BY_ITSELF), metadata };
    const carriesToken = async (): Promise<boolean> => {
      const pod = { ...template, metadata: { ...metadata, name: 'probe' } };
      const { text } = await bed.exchange('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod);
      return text.includes(`"${TOKEN_VOLUME}"`);
    };
    await unregister(bed, carriesToken);
    await applyPolicy(bed, servers.openbao.address, carriesToken);
    await createPod(bed, namespace, 'by-policy', template);
    await bed.untilReady(namespace, 'by-policy');
    await eventuallyContains('"password":"by the policy"', () => bed.logs(namespace, 'by-policy', 'app'));
  });
}
