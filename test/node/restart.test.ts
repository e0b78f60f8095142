// on-change restart on a real node, with real agents: a change of a secret restarts the containers of its pod once, and nothing else does.
import type { BedWithNode } from '../bed/node/node.ts';
import { eventually } from '../support/eventually.ts';
import { prepareNative } from './native-basics.ts';
import { asking, createPod, ROLE } from './native-pods.ts';
import { onNode } from './on-node.ts';
import { PRODUCTS } from './secret-server.ts';
import type { Team } from './team-namespace.ts';
import { firstWords, STAY } from './workload.ts';
import { SOON } from './workloads.ts';

const RESTART = { ...SOON, 'vaultauth.dev/on-change': 'restart', 'vaultauth.dev/on-change-delay': '0s' };
/** The volume survives restarts of the containers. Each start is a line: its number and the secret. */
const KEEP = { name: 'keep', mountPath: '/keep' };
const COUNT = 'echo "$(cat /vault/secrets/database)" >>/keep/starts';
const ROTATIONS = 20;

let team: Team;

const container = (script: string): object => ({
  name: 'app',
  image: 'bed/app:1',
  command: ['sh', '-c', `${COUNT}; ${script}`],
  volumeMounts: [KEEP],
});

const spec = (script: string, more: object = {}): object => ({
  terminationGracePeriodSeconds: 5,
  containers: [container(script)],
  volumes: [{ name: 'keep', emptyDir: {} }],
  ...more,
});

const starts = async (bed: BedWithNode, pod: string): Promise<readonly string[]> =>
  (await bed.exec(team.namespace, pod, 'app', ['cat', '/keep/starts'])).trim().split('\n');

interface Status {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly phase: string;
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}

interface ContainerStatus {
  readonly restartCount: number;
  readonly state: {
    readonly running?: { readonly startedAt: string };
    readonly terminated?: { readonly exitCode: number };
  };
}

const podsOf = async (bed: BedWithNode, label: string): Promise<readonly Status[]> =>
  (await bed.request<{ items: Status[] }>('GET', `/api/v1/namespaces/${team.namespace}/pods?labelSelector=${label}`)).items;

/** How often the kubelet has restarted the app. */
const restarts = async (bed: BedWithNode, app: string): Promise<number | undefined> =>
  (await podsOf(bed, `app=${app}`))[0]?.status.containerStatuses?.[0]?.restartCount;

const waitForStart = (bed: BedWithNode, pod: string, secret: string, count: number): Promise<void> =>
  eventually(
    async () => {
      const seen = await starts(bed, pod);
      expect([seen.length, seen.at(-1)]).toEqual([count, secret]);
    },
    { seconds: 90, everyMs: 500 },
  );

const secondsSince = (begin: number): readonly number[] => [(performance.now() - begin) / 1000];

/** Prints what docs/comparison.md quotes. */
const report = (what: string, seconds: readonly number[]): void =>
  void process.stderr.write(`${what}: ${seconds.map((each) => each.toFixed(1)).join(', ')} s\n`);

/** Long enough for a restart that should not be. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 8000));

const prepare = async (bed: BedWithNode): Promise<void> => {
  team = await prepareNative(bed);
  for (const product of PRODUCTS) {
    const { request } = team.servers[product];
    await request('POST', 'sys/mounts/pki', { type: 'pki' });
    await request('POST', 'pki/root/generate/internal', { common_name: 'edge', ttl: '1h' });
    await request('POST', 'pki/roles/edge', { allow_any_name: true, ttl: '30m', key_type: 'ec', key_bits: 256 });
    await request('POST', 'sys/policies/acl/edge', { policy: 'path "pki/issue/edge" { capabilities = ["update"] }' });
    await request('POST', 'auth/kubernetes/role/edge', { ...ROLE, token_policies: ['web', 'edge'], token_ttl: 300 });
  }
};

onNode(
  'restarts of pods whose secrets change',
  { parts: ['openbao', 'vault'], images: ['openbao', 'vault', 'injector'] },
  prepare,
  (test) => {
    test.concurrent(`${ROTATIONS} rotations in a row give ${ROTATIONS} restarts, with OpenBao and with Vault`, async (bed) => {
      const { namespace, servers, chosen } = team;
      const rotate = async (product: (typeof PRODUCTS)[number]): Promise<void> => {
        const name = `${product}-rotated`;
        await servers[product].write(`web/${name}`, { password: 'v0' });
        await createPod(bed, namespace, name, asking(name, '', { ...chosen(product), ...RESTART }), spec(STAY));
        await bed.untilReady(namespace, name);
        await waitForStart(bed, name, 'v0', 1);
        for (let rotation = 1; rotation <= ROTATIONS; rotation++) {
          await servers[product].write(`web/${name}`, { password: `v${rotation}` });
          const changed = performance.now();
          await waitForStart(bed, name, `v${rotation}`, rotation + 1);
          // Later ones wait for the back-off.
          if (rotation === 1) report(`${product}, restart: from the write to the app's start`, secondsSince(changed));
        }
        await settle();
        expect(await restarts(bed, name)).toBe(ROTATIONS);
        expect(await bed.logs(namespace, name, 'vault-agent')).toContain(`on-change: restart ${ROTATIONS} of this pod`);
      };
      await Promise.all(PRODUCTS.map(rotate));
    }, 900_000);

    for (const product of PRODUCTS) {
      test.concurrent(`with ${product}, neither the first rendering, nor a crash or a stop of the agent restarts the app`, async (bed) => {
        const { namespace, servers, chosen } = team;
        const name = `${product}-crash`;
        await servers[product].write(`web/${name}`, { password: 'kept' });
        await createPod(bed, namespace, name, asking(name, '', { ...chosen(product), ...RESTART }), spec(STAY));
        await bed.untilReady(namespace, name);
        const agentRestarts = async (): Promise<number | undefined> =>
          (await podsOf(bed, `app=${name}`))[0]?.status.initContainerStatuses?.[0]?.restartCount;
        const program = product === 'openbao' ? 'bao' : 'vault';
        for (const [index, script] of [`kill -9 $(pidof ${program})`, 'kill -TERM 1'].entries()) {
          await bed.exec(namespace, name, 'vault-agent', ['sh', '-c', script]).catch(() => undefined);
          await eventually(async () => expect(await agentRestarts()).toBe(index + 1), { seconds: 90, everyMs: 500 });
          await bed.untilReady(namespace, name);
          await settle();
          expect(await starts(bed, name)).toEqual(['kept']);
          expect(await restarts(bed, name)).toBe(0);
        }
        // It still sees changes.
        await servers[product].write(`web/${name}`, { password: 'changed' });
        await waitForStart(bed, name, 'changed', 2);
      });

      test.concurrent(`with ${product}, a new certificate at each start of the agent is no second restart`, async (bed) => {
        const { namespace, servers, chosen } = team;
        const name = `${product}-issued`;
        await servers[product].write(`web/${name}`, { password: 'v0' });
        const annotations = {
          ...chosen(product),
          ...RESTART,
          role: 'edge',
          'agent-inject-secret-edge': 'pki/issue/edge',
          'agent-inject-template-edge':
            '{{ with secret "pki/issue/edge" "common_name=edge.example" }}{{ .Data.serial_number }}{{ end }}',
        };
        await createPod(bed, namespace, name, asking(name, '', annotations), spec(`cat /vault/secrets/edge; echo; ${STAY}`));
        await bed.untilReady(namespace, name);
        const first = await firstWords(bed, namespace, name, 'app');
        await servers[product].write(`web/${name}`, { password: 'v1' });
        await waitForStart(bed, name, 'v1', 2);
        await settle();
        expect(await starts(bed, name)).toEqual(['v0', 'v1']);
        const second = await firstWords(bed, namespace, name, 'app');
        expect(second).not.toBe(first);
        // The app has started with the certificate that is there.
        expect(`${await bed.exec(namespace, name, 'app', ['cat', '/vault/secrets/edge'])}\n`).toBe(second);
      });

      test.concurrent(`with ${product}, variable and file agree at each start, also after a restart`, async (bed) => {
        const { namespace, servers, chosen } = team;
        const name = `${product}-variable`;
        await servers[product].write(`web/${name}`, { password: 'v0' });
        const annotations = {
          ...chosen(product),
          ...RESTART,
          'vaultauth.dev/env-PASSWORD': `secret/data/web/${name}#password`,
        };
        const both = {
          ...container(''),
          command: ['sh', '-c', `echo "$PASSWORD $(cat /vault/secrets/database)" >>/keep/starts; ${STAY}`],
        };
        await createPod(bed, namespace, name, asking(name, '', annotations), spec('', { containers: [both] }));
        await bed.untilReady(namespace, name);
        for (const [index, password] of ['v1', 'v2'].entries()) {
          await servers[product].write(`web/${name}`, { password });
          await waitForStart(bed, name, `${password} ${password}`, index + 2);
        }
        await settle();
        expect(await starts(bed, name)).toEqual(['v0 v0', 'v1 v1', 'v2 v2']);
      });

      test.concurrent(`with ${product}, on-change signal signals the program of the app at each change, and not at the first rendering`, async (bed) => {
        const { namespace, servers, chosen } = team;
        const name = `${product}-signal`;
        await servers[product].write(`web/${name}`, { password: 'v0' });
        const annotations = {
          ...chosen(product),
          ...SOON,
          'vaultauth.dev/on-change': 'signal',
          'vaultauth.dev/on-change-process': 'webserver',
          'agent-share-process-namespace': 'true',
        };
        const program = `#!/bin/sh
trap 'cat /vault/secrets/database >>/keep/signals; echo >>/keep/signals' HUP
while :; do sleep 1000 & wait $!; done
`;
        const write = `printf '%s' "$PROGRAM" >/keep/webserver; chmod +x /keep/webserver; exec /keep/webserver`;
        const app = { ...container(write), env: [{ name: 'PROGRAM', value: program.replaceAll('$', '$$$$') }] };
        const more = { containers: [app], securityContext: { runAsUser: 1000, runAsNonRoot: true } };
        await createPod(bed, namespace, name, asking(name, '', annotations), spec('', more));
        await bed.untilReady(namespace, name);
        const signals = (): Promise<string> => bed.exec(namespace, name, 'app', ['sh', '-c', 'cat /keep/signals; :']);
        for (const [index, password] of ['v1', 'v2', 'v3'].entries()) {
          await settle();
          expect(await signals()).toBe(['', 'v1\n', 'v1\nv2\n'][index]);
          await servers[product].write(`web/${name}`, { password });
          const changed = performance.now();
          await eventually(async () => expect(await signals()).toContain(password), { seconds: 60, everyMs: 500 });
          if (index === 0) report(`${product}, signal: from the write to the app's handler`, secondsSince(changed));
        }
        expect([await starts(bed, name), await restarts(bed, name)]).toEqual([['v0'], 0]);
      });
    }

    test.concurrent('a Job completes with its agent and is not restarted, and one whose secret changes runs once more', async (bed) => {
      const { namespace, servers } = team;
      const job = async (name: string, script: string): Promise<void> => {
        const { metadata } = asking(name, '', RESTART);
        await servers.openbao.write(`web/${name}`, { password: 'v0' });
        await bed.request('POST', `/apis/batch/v1/namespaces/${namespace}/jobs`, {
          metadata: { name },
          spec: { backoffLimit: 0, template: { metadata, spec: spec(script, { restartPolicy: 'Never' }) } },
        });
      };
      await job('done', 'cat /keep/starts');
      // The first run waits for the change, the second one ends.
      await job('again', 'cat /keep/starts; [ "$(grep -c . /keep/starts)" = 2 ] || sleep 60');
      await eventually(async () => expect(await bed.logs(namespace, 'job/again', 'app')).toBe('v0\n'), { seconds: 90 });
      await servers.openbao.write('web/again', { password: 'v1' });
      for (const name of ['done', 'again'])
        await bed.kubectl(['wait', '-n', namespace, `job/${name}`, '--for=condition=Complete', '--timeout=115s']);
      await settle();
      expect(await bed.logs(namespace, 'job/done', 'app')).toBe('v0\n');
      expect(await bed.logs(namespace, 'job/again', 'app')).toBe('v0\nv1\n');
      expect([await restarts(bed, 'done'), await restarts(bed, 'again')]).toEqual([0, 1]);
      for (const app of ['done', 'again']) {
        const [pod, ...others] = await podsOf(bed, `app=${app}`);
        expect([others, pod?.status.phase, pod?.status.initContainerStatuses?.[0]?.state.terminated?.exitCode]).toEqual([
          [],
          'Succeeded',
          0,
        ]);
      }
    });

    test.concurrent('a secret that changes while its pod is deleted restarts nothing', async (bed) => {
      const { namespace, servers } = team;
      await servers.openbao.write('web/deleted', { password: 'v0' });
      const more = { terminationGracePeriodSeconds: 12 };
      const stubborn = "trap '' TERM; tail -f /keep/starts & while :; do sleep 1; done";
      await createPod(bed, namespace, 'deleted', asking('deleted', '', RESTART), spec(stubborn, more));
      await bed.untilReady(namespace, 'deleted');
      await bed.kubectl(['delete', 'pod', '-n', namespace, 'deleted', '--wait=false']);
      // A busy kubelet sees the deletion later than the agent sees the secret.
      const killing = [
        'get',
        'events',
        '-n',
        namespace,
        '--field-selector=involvedObject.name=deleted,reason=Killing',
        '-o',
        'name',
      ];
      await eventually('the kubelet stops the app', async () => (await bed.kubectl(killing)) !== '', { seconds: 10 });
      await servers.openbao.write('web/deleted', { password: 'v1' });
      let most = 0;
      const gone = async (): Promise<boolean> => {
        const [pod] = await podsOf(bed, 'app=deleted');
        most = Math.max(most, pod?.status.containerStatuses?.[0]?.restartCount ?? 0);
        return pod === undefined;
      };
      await eventually('the pod is gone', gone, { seconds: 60, everyMs: 250 });
      expect(most).toBe(0);
    });

    test.concurrent('a secret that changes while the pod starts restarts it, and the app starts with the new one', async (bed) => {
      const { namespace, servers } = team;
      await servers.openbao.write('web/early', { password: 'v0' });
      const migrate = { name: 'migrate', image: 'bed/app:1', command: ['sh', '-c', `${COUNT}; sleep 8`], volumeMounts: [KEEP] };
      const pod = spec(STAY, { initContainers: [migrate] });
      await createPod(bed, namespace, 'early', asking('early', '', RESTART), pod);
      await eventually(async () => void (await bed.exec(namespace, 'early', 'migrate', ['cat', '/keep/starts'])), {
        seconds: 60,
      });
      await servers.openbao.write('web/early', { password: 'v1' });
      await bed.untilReady(namespace, 'early');
      await settle();
      // The init container twice, then the app.
      expect(await starts(bed, 'early')).toEqual(['v0', 'v1', 'v1']);
    });

    test.concurrent('replicas restart spread over the delay', async (bed) => {
      const { namespace, servers } = team;
      const [app, delay, replicas] = ['spread', 20, 6] as const;
      await servers.openbao.write(`web/${app}`, { password: 'v0' });
      const { metadata } = asking(app, '', { ...RESTART, 'vaultauth.dev/on-change-delay': `${delay}s` });
      await bed.request('POST', `/apis/apps/v1/namespaces/${namespace}/deployments`, {
        metadata: { name: app },
        spec: { replicas, selector: { matchLabels: { app } }, template: { metadata, spec: spec(STAY) } },
      });
      await bed.kubectl(['rollout', 'status', '-n', namespace, `deployment/${app}`, '--timeout=115s']);
      const changed = Date.now();
      await servers.openbao.write(`web/${app}`, { password: 'v1' });
      const restarted = async (): Promise<readonly number[] | false> => {
        const statuses = (await podsOf(bed, `app=${app}`)).map(({ status }) => status.containerStatuses?.[0]);
        const times = statuses.flatMap((one) => (one?.restartCount === 1 ? (one.state.running?.startedAt ?? []) : []));
        return times.length === replicas && times.map((time) => (Date.parse(time) - changed) / 1000).sort((a, b) => a - b);
      };
      const seconds = await eventually('all replicas have restarted', restarted, { seconds: 120, everyMs: 500 });
      report(`${replicas} replicas with a delay of ${delay} s: from the write to their starts`, seconds);
      const [first = 0, last = 0] = [seconds[0], seconds.at(-1)];
      // All within 4 of 20 seconds: less than one run in a thousand.
      expect([seconds, last - first > 4, last < delay + 30]).toEqual([seconds, true, true]);
    });
  },
);
