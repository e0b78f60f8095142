// The examples do what their comments say.
import { join } from 'node:path';
import { admitPod } from '../../../src/admission/admit.ts';
import { denialOf } from '../../../src/admission/problems.ts';
import { admissionContext, NO_CLUSTER } from '../../../src/cluster/admission-context.ts';
import type { Json } from '../../../src/json/json.ts';
import { readSettings } from '../../../src/settings/read.ts';
import { explain } from '../../../src/cli/explain.ts';
import { ROOT } from '../../support/sources.ts';
import { ADDRESS, runCommand } from '../cli/run-command.ts';
import { at, filesIn, objectsIn, only } from './documents.ts';

const reading = readSettings('webhook', ['-vault-address=http://vault.vault.svc:8200'], {});
if (!reading.ok) throw new Error(reading.problems.join());
const context = admissionContext('webhook', reading.value, NO_CLUSTER);

/** The pod of a Deployment as the API server shows it to a webhook, with the token that it mounts before. */
const podOf = (file: string): Json => {
  const template = structuredClone(at(only(objectsIn(file), 'Deployment'), 'spec', 'template')) as {
    spec: { containers: { volumeMounts?: Json }[] };
  };
  for (const container of template.spec.containers)
    container.volumeMounts = [{ name: 'kube-api-access', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }];
  return template;
};

it('are all tested here, but for the server of make run', () =>
  expect(filesIn('examples')).toEqual([
    'examples/broken-deployment.yaml',
    'examples/deployment.yaml',
    'examples/labelled-namespace.yaml',
    'examples/token-mode.yaml',
    'examples/vault.yaml',
  ]));

const explained = async (file: string, ...words: readonly string[]): Promise<readonly object[]> => {
  const path = join(ROOT, 'deploy', file);
  const { out } = await runCommand(explain, ['-o', 'json', '-f', path, ...words, ...ADDRESS]);
  return (JSON.parse(out) as { readonly pods: readonly object[] }).pods;
};

it('the labelled namespace asks for its pods, with the role of the service account, and one of them refuses', async () => {
  const pods = await explained('examples/labelled-namespace.yaml', '-cluster-state', join(ROOT, 'deploy/examples'));
  expect(pods).toMatchObject([
    {
      decision: 'injected',
      reason: 'namespace-label',
      login: { role: 'catalogue', mount: 'auth/shop' },
      secrets: [{ file: '/vault/secrets/database', format: 'dotenv' }],
      warnings: [],
    },
    { decision: 'skipped', reason: 'pod-label-disabled', warnings: [] },
  ]);
});

it('the app that logs in by itself gets a token and no agent', async () => {
  const pods = await explained('examples/token-mode.yaml');
  expect(pods).toMatchObject([
    { decision: 'injected', volumes: ['vault-auth-token'], result: { initContainers: [], containers: ['login'] }, warnings: [] },
  ]);
});

it('the Deployment is injected without problems or warnings', () => {
  const outcome = admitPod(podOf('examples/deployment.yaml'), 'demo', context);
  expect(outcome).toMatchObject({
    decision: 'injected',
    reason: 'pod-annotation',
    injectionType: 'sidecar_only',
    problems: [],
    warnings: [],
  });
  expect(outcome.patch.length).toBeGreaterThan(0);
});

it('the broken one is refused with its three mistakes at once', () => {
  const outcome = admitPod(podOf('examples/broken-deployment.yaml'), 'demo', context);
  expect(outcome.decision).toBe('denied');
  expect(outcome.problems.map(({ code }) => code).toSorted()).toEqual(['annotation-value', 'annotation-value', 'role-missing']);
  expect(outcome.warnings).toEqual([{ code: 'annotation-unknown', annotation: 'vault.hashicorp.com/rol', nearest: 'role' }]);
  expect(denialOf(outcome.problems)).toMatch(/3 problems.*"ture".*"128 MB".*no Vault role/s);
});
