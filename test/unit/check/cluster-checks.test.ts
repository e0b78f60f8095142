// Versions that no server of the test bed has: the answers are made up.
import { checkCluster } from '../../../src/check/cluster-checks.ts';
import { clusterReader } from '../../../src/check/cluster-reader.ts';
import type { KubeClient, KubeRequest } from '../../../src/kube/client.ts';
import { KubeError } from '../../../src/kube/errors.ts';

/** Answers by path; a request for anything else is forbidden. */
const clientWith = (answers: Readonly<Record<string, unknown>>): KubeClient => ({
  request: async <T>({ method, path }: KubeRequest): Promise<T> => {
    if (!Object.hasOwn(answers, path)) throw new KubeError(403, 'Forbidden', `${method} ${path}: not allowed`);
    return answers[path] as T;
  },
  close: () => undefined,
});

const version = (minor: string): Readonly<Record<string, unknown>> => ({
  '/version': { major: '1', minor, gitVersion: `v1.${minor}.4` },
});

it.each([
  ['29', 'fail', 'Kubernetes v1.29.4 is too old'],
  ['30+', 'ok', 'Kubernetes v1.30+.4'],
])('judges version 1.%s', async (minor, status, message) => {
  const lines = await checkCluster(clusterReader(clientWith(version(minor))), Date.now);
  expect(lines.find(({ check }) => check === 'version')).toMatchObject({ status, message });
});

it('warns about each check whose objects these credentials may not read', async () => {
  const lines = await checkCluster(clusterReader(clientWith(version('36'))), Date.now);
  expect(lines.map(({ check, status }) => `${status} ${check}`)).toEqual([
    'ok api-server',
    'ok version',
    'warn nodes',
    'warn clock',
    'warn other-injector',
  ]);
  expect(lines[2]).toEqual({
    check: 'nodes',
    status: 'warn',
    message: 'cannot be checked: GET /api/v1/nodes: not allowed',
    remedy: 'run check with credentials that have this right',
  });
});
