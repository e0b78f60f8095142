// The command check on a real installation: nothing to find while it is healthy, and for each broken state exactly the line that names
// it, with a remedy that repairs it.
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkCluster } from '../../src/check/cluster-checks.ts';
import { clusterReader } from '../../src/check/cluster-reader.ts';
import { kubeClient } from '../../src/kube/client.ts';
import { kubeconfigConnection } from '../../src/kube/kubeconfig.ts';
import { repositoryDirectory, serverEnvironment } from '../bed/environment.ts';
import { obtain } from '../bed/obtain.ts';
import { silentProgress } from '../bed/progress.ts';
import { type Checked, check, deployed, findings, kubeconfigOf, openStage, type Stage, untilFindings } from './check-stage.ts';
import { type BrokenState, CLUSTER_STATES, CONTROLLER_STATES, WEBHOOK_STATES } from './check-states.ts';
import { LOGIN_STATES, VAULT_STATES } from './check-vault-states.ts';

/** What a platform team waits for at most. */
const MAX_SECONDS = 5;

let stage: Stage;
let unfinished = 0;
beforeAll(async () => {
  stage = await openStage();
}, 600_000);
afterAll(() => stage?.stop(unfinished > 0 ? 'failed' : 'passed'));
beforeEach(() => void (unfinished += 1));

/** Runs each kubectl command of a remedy, which ends with a comma, a semicolon or the remedy. */
const runPrinted = async ({ remedy = '' }: Checked): Promise<void> => {
  const commands = remedy.match(/kubectl [^,;]+/g) ?? [];
  expect(commands).not.toEqual([]);
  for (const command of commands) await deployed(stage.bed, ...command.trim().split(' ').slice(1));
};

/** The line of a broken state. @throws when the command does not print exactly this one. */
const lineOf = async ({ finding, message, words }: BrokenState): Promise<Checked> => {
  const lines = await untilFindings(stage.bed, [finding], words);
  const line = lines.find(({ status, check: name }) => `${status} ${name}` === finding);
  expect(line?.message).toMatch(message);
  expect(line?.remedy ?? '').not.toBe('');
  if (!line) throw new Error(`no line ${finding}`);
  return line;
};

const findsAndRepairs = async (state: BrokenState): Promise<void> => {
  await state.break(stage);
  try {
    const line = await lineOf(state);
    if (state.repair === 'printed') await runPrinted(line);
  } finally {
    // Also after a failure: the next state needs a healthy installation.
    if (state.repair !== 'printed') await state.repair(stage);
  }
  await untilFindings(stage.bed, [], state.repairedWords ?? state.words);
  unfinished -= 1;
};

it(`finds nothing in a healthy installation, within ${MAX_SECONDS} seconds`, async () => {
  const started = performance.now();
  const { code, lines } = await check(stage.bed);
  const seconds = (performance.now() - started) / 1000;
  expect({ code, findings: findings(lines), skipped: lines.filter(({ status }) => status === 'skip') }).toEqual({
    code: 0,
    findings: [],
    skipped: [],
  });
  expect(seconds).toBeLessThan(MAX_SECONDS);
  const login = await check(stage.bed, ['login', 'shop/web']);
  expect(login.lines.map(({ check: name, status }) => `${status} ${name}`)).toEqual([
    'ok service-account',
    'ok login-role',
    'ok vault-server',
    'ok login-token',
    'ok login',
  ]);
  unfinished -= 1;
});

describe('finds in the cluster and in the webhook', () => {
  it.each([...CLUSTER_STATES, ...WEBHOOK_STATES])('$title', findsAndRepairs);
});

describe('finds in the controller', () => {
  it.each(CONTROLLER_STATES)('$title', findsAndRepairs);
});

describe('finds in Vault', () => {
  it.each(VAULT_STATES)('$title', findsAndRepairs);
});

describe('finds in a login', () => {
  it.each(LOGIN_STATES)('$title', findsAndRepairs);
});

it('finds clocks that differ', async () => {
  const client = kubeClient({ connection: await kubeconfigConnection(stage.bed.kubeconfig), userAgent: 'check/1' });
  const lines = await checkCluster(clusterReader(client), () => Date.now() + 3_600_000);
  client.close();
  expect(lines.find(({ check: name }) => name === 'clock')).toMatchObject({
    status: 'warn',
    message: expect.stringMatching(/differ by 3(?:599|600|601) s/),
  });
  unfinished -= 1;
});

it('runs as a plugin of kubectl', async () => {
  const { bed } = stage;
  const kubectl = (await obtain(['kubectl'], bed.kubernetes, silentProgress)).get('kubectl') ?? '';
  const folder = join(bed.directory, 'plugins');
  await mkdir(folder);
  const program = join(repositoryDirectory(), 'dist', 'vault-auth-injector.js');
  await writeFile(join(folder, 'kubectl-vault_auth_injector'), `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`, {
    mode: 0o755,
  });
  const environment = serverEnvironment(bed.directory);
  const { stdout } = await promisify(execFile)(kubectl, ['vault-auth-injector', 'check', 'login', 'shop/web'], {
    env: { ...environment, KUBECONFIG: bed.kubeconfig, PATH: `${folder}:${environment['PATH']}` },
  });
  expect(stdout).toMatch(/^ok {4}login +shop\/web logs in as test\.shop\.web: policies default, \d+ s$/m);
  expect(stdout).toMatch(/\n5 ok, 0 warnings, 0 failed in \d+\.\d s\n$/);
  unfinished -= 1;
});

it('finds credentials that may not request the token for a login', async () => {
  const { bed } = stage;
  const namespace = await bed.createNamespace();
  const user = ['--serviceaccount', `${namespace}:default`];
  const kinds =
    'namespaces,serviceaccounts,vaultendpoints.vaultauth.dev,vaultauthbackends.vaultauth.dev,vaultauthroles.vaultauth.dev';
  await bed.kubectl(['create', 'clusterrole', 'links', '--verb=get,list', `--resource=${kinds}`]);
  await bed.kubectl(['create', 'clusterrolebinding', 'links', '--clusterrole=links', ...user]);
  const token = (await bed.kubectl(['create', 'token', 'default', '-n', namespace])).trim();
  const words = ['login', 'shop/web', `-kubeconfig=${await kubeconfigOf(bed, 'links', token)}`];
  const lines = await untilFindings(bed, ['fail login-token'], words);
  expect(lines.at(-1)?.remedy).toContain('kubectl auth can-i create serviceaccounts/token -n shop');
  await bed.kubectl(['create', 'role', 'tokens', '-n', 'shop', '--verb=create', '--resource=serviceaccounts/token']);
  await bed.kubectl(['create', 'rolebinding', 'tokens', '-n', 'shop', '--role=tokens', ...user]);
  await untilFindings(bed, [], words);
  unfinished -= 1;
});

const install = (namespace: string): readonly string[] => ['install', '-n', namespace];

describe('finds before an install', () => {
  it('a namespace whose quota admits no pod', async () => {
    const namespace = await stage.bed.createNamespace();
    const path = `/api/v1/namespaces/${namespace}/resourcequotas`;
    const hard = { pods: '0' };
    await stage.bed.request('POST', path, { metadata: { name: 'none' }, spec: { hard } });
    await stage.patch(`${path}/none/status`, { status: { hard, used: { pods: '0' } } });
    const lines = await untilFindings(stage.bed, ['fail install-namespace'], install(namespace));
    expect(lines.at(-1)?.message).toMatch(/exceeded quota: none/);
    await stage.bed.request('DELETE', `${path}/none`);
    await untilFindings(stage.bed, [], install(namespace));
    unfinished -= 1;
  });

  it('a namespace whose LimitRange is smaller than the memory of the webhook', async () => {
    const namespace = await stage.bed.createNamespace();
    const path = `/api/v1/namespaces/${namespace}/limitranges`;
    await stage.bed.request('POST', path, {
      metadata: { name: 'small' },
      spec: { limits: [{ type: 'Container', max: { memory: '128Mi' } }] },
    });
    const lines = await untilFindings(stage.bed, ['fail install-namespace'], install(namespace));
    expect(lines.at(-1)?.message).toMatch(/maximum memory usage per Container is 128Mi/);
    await stage.bed.request('DELETE', `${path}/small`);
    await untilFindings(stage.bed, [], install(namespace));
    unfinished -= 1;
  });

  it('credentials without the rights to install, and those that the API server does not accept', async () => {
    const { bed } = stage;
    const namespace = await bed.createNamespace();
    await bed.kubectl([
      'create',
      'clusterrole',
      'installer',
      '--verb=get,list',
      '--resource=nodes,namespaces,mutatingwebhookconfigurations',
    ]);
    await bed.kubectl(['create', 'clusterrole', 'pods', '--verb=create', '--resource=pods,configmaps']);
    for (const role of ['installer', 'pods'])
      await bed.kubectl(['create', 'clusterrolebinding', role, `--clusterrole=${role}`, `--serviceaccount=${namespace}:default`]);
    const token = (await bed.kubectl(['create', 'token', 'default', '-n', namespace])).trim();
    const words = [...install(namespace), `-kubeconfig=${await kubeconfigOf(bed, 'installer', token)}`];
    const lines = await untilFindings(bed, ['fail install-rights'], words);
    expect(lines.find(({ check: name }) => name === 'install-rights')?.message).toContain(
      'create clusterroles.rbac.authorization.k8s.io',
    );
    await bed.kubectl([
      'create',
      'clusterrolebinding',
      'admin',
      '--clusterrole=cluster-admin',
      `--serviceaccount=${namespace}:default`,
    ]);
    await untilFindings(bed, [], words);
    const rejected = await check(bed, [`-kubeconfig=${await kubeconfigOf(bed, 'rejected', 'wrong')}`]);
    expect(rejected).toMatchObject({
      code: 1,
      lines: [{ check: 'api-server', remedy: expect.stringContaining('renew the credentials') }],
    });
    const unreachable = await check(bed, [`-kubeconfig=${await kubeconfigOf(bed, 'unreachable', token, 'https://127.0.0.1:1')}`]);
    expect(unreachable).toMatchObject({
      code: 1,
      lines: [{ check: 'api-server', message: expect.stringContaining('cannot reach') }],
    });
    unfinished -= 1;
  });
});
