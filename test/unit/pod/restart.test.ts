// on-change restart and signal: the shell script that runs the agent, in real shells, with a stand-in for the agent; and what is denied.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { textsOf } from '../../../src/json/json.ts';
import { eventually } from '../../support/eventually.ts';
import { admit, containerOf, podWith, type Result, type Surrounding } from '../../support/pods.ts';

const SECRETS = { 'agent-inject-secret-db': 'kv/data/db', 'vaultauth.dev/profile': 'native' };
/** With a user that the agent shares. */
const spec = { securityContext: { runAsUser: 1000 } };
const inject = (annotations: Readonly<Record<string, string>> = {}, surrounding: Surrounding = { command: 'webhook' }): Result =>
  admit(podWith({ spec, annotations: { ...SECRETS, 'vaultauth.dev/on-change': 'restart', ...annotations } }), surrounding);

let folder: string;
let running: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'restart-'));
});
afterEach(() => {
  running?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** The command of the container as the kubelet runs it, in that shell, with the test's folder in place of the agent's directories. */
const start = (
  shell: readonly string[],
  agent: string,
  annotations: Readonly<Record<string, string>> = {},
): { readonly ended: Promise<number | null>; readonly stop: () => void } => {
  const { pod } = inject({ 'vaultauth.dev/on-change-delay': '0s', ...annotations });
  const command = textsOf(containerOf(pod, 'vault-agent')['command']).map((word) =>
    word.replaceAll('$$', '$').replaceAll('/run/vault-agent', folder).replaceAll('/vault/secrets', folder),
  );
  const words = [...shell.slice(1), ...command.slice(1, 10), 'sh', '-c', agent];
  const child = spawn(shell[0] ?? 'sh', words, { stdio: 'ignore' });
  running = child;
  return { ended: new Promise((resolve) => child.on('exit', resolve)), stop: () => child.kill('SIGTERM') };
};

const file = (name: string): string => join(folder, name);
const isThere = (name: string): Promise<boolean> => eventually(() => existsSync(file(name)), { seconds: 20 });
/** It ends at SIGTERM with 0, as the agent, from the moment that its file exists. */
const agentWith = (name: string): string => `trap 'exit 0' TERM; : >${file(name)}; while :; do sleep 0.1; done`;

describe.each([['sh'], ['bash', '--posix']])('in %s', (...shell) => {
  test('the first rendering does nothing, a change ends it with 88, and the next start removes the files', async () => {
    const { ended } = start(shell, agentWith('first'));
    writeFileSync(file('db'), 'first');
    await isThere('started-with');
    writeFileSync(file('db'), 'second');
    expect(await ended).toBe(88);
    const next = start(shell, agentWith('next'));
    await eventually(() => !existsSync(file('db')));
    writeFileSync(file('db'), 'third');
    await isThere('started-with');
    await isThere('next');
    expect(readFileSync(file('restarts'), 'utf8')).toBe('1\n');
    next.stop();
    expect(await next.ended).toBe(0);
  });

  test('a crash of the agent keeps its code and the files, and a change while it was away is seen', async () => {
    writeFileSync(file('db'), 'first');
    const crash = start(shell, `until [ -e ${file('started-with')} ]; do sleep 0.1; done; exit 2`);
    expect(await crash.ended).toBe(2);
    expect(readFileSync(file('db'), 'utf8')).toBe('first');
    writeFileSync(file('db'), 'second');
    expect(await start(shell, agentWith('again')).ended).toBe(88);
  });

  test('on-change signal sends it to the first process of that name, once for each change', async () => {
    const name = `app-${process.pid}`;
    writeFileSync(file(name), `#!/bin/sh\ntrap 'echo x >>${file('signals')}' HUP\nwhile :; do sleep 0.1; done\n`, {
      mode: 0o755,
    });
    const app = spawn(file(name), { stdio: 'ignore' });
    try {
      writeFileSync(file('db'), 'first');
      const agent = start(shell, agentWith('agent'), {
        'vaultauth.dev/on-change': 'signal',
        'vaultauth.dev/on-change-process': name,
        'agent-share-process-namespace': 'true',
      });
      for (const count of [1, 2]) {
        await new Promise((resolve) => setTimeout(resolve, 1500));
        writeFileSync(file('db'), `value ${count}`);
        await eventually(() => expect(readFileSync(file('signals'), 'utf8')).toBe('x\n'.repeat(count)), { seconds: 20 });
      }
      await isThere('agent');
      agent.stop();
      expect(await agent.ended).toBe(0);
    } finally {
      app.kill('SIGKILL');
    }
  });

  test('SIGTERM is passed on, and its code is that of the agent also if a secret has changed', async () => {
    writeFileSync(file('db'), 'first');
    const agent = start(shell, "trap 'sleep 2; exit 0' TERM; while :; do sleep 0.1; done");
    await isThere('started-with');
    writeFileSync(file('db'), 'second');
    await isThere('restarting');
    agent.stop();
    expect(await agent.ended).toBe(0);
    expect(existsSync(file('restarting'))).toBe(false);
  });
});

test('the rule is for the exit code alone, and the startup probe waits until changes are seen', () => {
  const agent = containerOf(inject().pod, 'vault-agent');
  expect(agent['restartPolicyRules']).toEqual([{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [88] } }]);
  expect(JSON.stringify(agent['startupProbe'])).toContain('/run/vault-agent/started-with');
});

test.each([
  [{ 'vaultauth.dev/on-change': 'none' }],
  [{ 'vaultauth.dev/on-change-db': 'none' }],
  [{ 'vaultauth.dev/on-change': 'rollout' }],
])('%j adds no rule and no shell', (annotations) => {
  const agent = containerOf(inject(annotations).pod, 'vault-agent');
  expect([agent['restartPolicyRules'], textsOf(agent['command'])[0]]).toEqual([undefined, 'vault']);
});

test('on-change-NAME alone restarts for that file', () => {
  const { pod } = inject({
    'vaultauth.dev/on-change': 'none',
    'vaultauth.dev/on-change-db': 'restart',
    'agent-inject-secret-x': 'kv/x',
  });
  const command = textsOf(containerOf(pod, 'vault-agent')['command']);
  expect(command.slice(4, 7)).toEqual(['30', '/vault/secrets/db', '/vault/secrets/db\n/vault/secrets/x']);
});

test.each([
  ['36', 'injected', []],
  ['35+', 'denied', [{ code: 'on-change-version', annotation: 'vaultauth.dev/on-change', version: 'v1.35.2' }]],
])('on Kubernetes 1.%s the pod is %s', (minor, decision, problems) => {
  const cluster = {
    namespace: () => undefined,
    serviceAccount: () => undefined,
    version: { major: '1', minor, gitVersion: `v1.${minor.slice(0, 2)}.2` },
  };
  const { outcome } = inject({}, { command: 'webhook', cluster });
  expect([outcome.decision, 'problems' in outcome ? outcome.problems : []]).toEqual([decision, problems]);
});

test.each([
  [{ 'agent-image': 'openbao/openbao-distroless:2.6.4', 'vaultauth.dev/flavour': 'openbao' }, ['shell-missing']],
  [{ 'agent-inject-perms-db': '0040' }, ['gate-blind']],
  [{ 'agent-pre-populate-only': 'true' }, ['on-change-sidecar']],
  [{ 'vaultauth.dev/profile': 'compat' }, ['on-change-sidecar']],
  [{ 'vaultauth.dev/on-change': 'signal', 'vaultauth.dev/profile': 'compat' }, ['on-change-sidecar']],
  // No name, no shared namespace, and another user than that of the app.
  [
    { 'vaultauth.dev/on-change': 'signal', 'agent-run-as-user': '7' },
    ['on-change-signal', 'on-change-signal', 'on-change-signal'],
  ],
])('%j is denied', (annotations, codes) => {
  const { outcome } = inject(annotations, { command: 'webhook', flags: ['-allow=agent-image,agent-run-as-user'] });
  expect([outcome.decision, outcome.problems.map(({ code }) => code)]).toEqual(['denied', codes]);
});
