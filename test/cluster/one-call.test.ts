// What injection costs the API server: one call for a pod, and a second one only where another webhook changed it afterwards.
import { objectAt, type JsonObject } from '../../src/json/json.ts';
import { type Bed, startBed } from '../bed/bed.ts';
import { KUBERNETES_VERSIONS } from '../bed/recipes.ts';
import { registerWebhook, startWebhook } from '../bed/webhook.ts';
import { untilLimitsCached } from './limit-range-cache.ts';
import { addContainer, addLabel, type OtherWebhook, startOtherWebhook } from './other-webhook.ts';
import { ASKING, containerOf, createPod, mountPathsOf, namesIn, webPod } from './pods.ts';
import { callsOf, registerVariant } from './deploy-variant.ts';
import { eventually } from '../support/eventually.ts';

const LIMITS: Readonly<Record<string, JsonObject>> = {
  'no LimitRange': {},
  'a LimitRange with defaults': {
    type: 'Container',
    default: { cpu: '1', memory: '512Mi' },
    defaultRequest: { cpu: '100m', memory: '128Mi' },
  },
  'a LimitRange with default requests': { type: 'Container', defaultRequest: { cpu: '100m', memory: '128Mi' } },
  'a LimitRange that forbids what the agent has by itself': {
    type: 'Container',
    max: { cpu: '300m', memory: '64Mi' },
    min: { cpu: '20m', memory: '48Mi' },
  },
};

const { 'vault.hashicorp.com/agent-inject': _, ...quiet } = ASKING;
const PODS: Readonly<Record<string, JsonObject>> = {
  'an annotated pod': webPod('annotated', ASKING),
  'a pod of the namespace': webPod('quiet', {}),
  'a labelled pod': {
    metadata: { name: 'labelled', annotations: quiet, labels: { 'vaultauth.dev/inject': 'enabled' } },
    spec: { containers: [{ name: 'web', image: 'nginx:1.29' }] },
  },
  'a pod with an init container, a sidecar and limits': webPod('rich', ASKING, {
    initContainers: [
      { name: 'mesh', image: 'mesh:1', restartPolicy: 'Always' },
      { name: 'migrate', image: 'migrate:1' },
    ],
    containers: [
      { name: 'web', image: 'nginx:1.29', resources: { limits: { cpu: '250m', memory: '64Mi' } } },
      {
        name: 'worker',
        image: 'worker:latest',
        imagePullPolicy: 'Always',
        resources: { limits: { cpu: '250m', memory: '64Mi' } },
      },
    ],
  }),
  'a pod whose secrets are a list': webPod('listed', {
    ...quiet,
    'vault.hashicorp.com/agent-inject': 'true',
    'vaultauth.dev/secrets': '[{name: other, path: kv/data/other, volumePath: /other, containers: [web]}]',
  }),
  'a pod whose agent runs once': webPod('once', { ...ASKING, 'vault.hashicorp.com/agent-pre-populate-only': 'true' }),
  'a pod with a token alone': webPod('token', { ...ASKING, 'vaultauth.dev/mode': 'token' }),
};

/** Without the general token, whose volume has a random name. */
const beside = (name: string): JsonObject => webPod(name, ASKING, { automountServiceAccountToken: false });

interface Flags {
  readonly apiServer?: readonly string[];
  readonly webhook?: readonly string[];
}

const SURROUNDINGS: Readonly<Record<string, Flags>> = {
  'the default plugins': {},
  AlwaysPullImages: { apiServer: ['--enable-admission-plugins=AlwaysPullImages'] },
  'no native sidecars': { webhook: ['-native-sidecars=false'] },
};

describe.each(
  KUBERNETES_VERSIONS.flatMap((kubernetes) =>
    Object.keys(SURROUNDINGS).map((surroundings) => [kubernetes, surroundings] as const),
  ),
)('on Kubernetes %s with %s', (kubernetes, surroundings) => {
  let bed: Bed;
  let other: OtherWebhook | undefined;
  let left = 0;

  beforeAll(async () => {
    bed = await startBed({ kubernetes, parts: ['kube-apiserver'], apiServerFlags: SURROUNDINGS[surroundings]?.apiServer ?? [] });
    const webhook = await startWebhook(bed, {
      flags: [`-kubeconfig=${bed.kubeconfig}`, ...(SURROUNDINGS[surroundings]?.webhook ?? [])],
    });
    await registerVariant(bed, 'namespaces', webhook);
  }, 600_000);
  beforeEach(() => {
    left += 1;
  });
  afterAll(async () => {
    other?.close();
    await bed?.stop(left === 0 ? 'passed' : 'failed');
  });

  const team = (): Promise<string> =>
    bed.createNamespace({
      labels: { 'vaultauth.dev/inject': 'enabled' },
      annotations: { 'vaultauth.dev/role': 'web', 'vault.hashicorp.com/agent-inject-secret-a': 'kv/a' },
    });
  /** Creates the pod; the number is that of calls to us for it. */
  const counted = async (
    namespace: string,
    pod: JsonObject,
  ): Promise<{ readonly stored: JsonObject; readonly calls: number }> => {
    // The other webhook's entries have the same names, but it counts its calls itself.
    const ours = async (): Promise<number> => (await callsOf(bed)) - (other?.calls() ?? 0);
    const before = await ours();
    const stored = await createPod(bed, namespace, pod);
    return { stored, calls: (await ours()) - before };
  };
  /** Registers another webhook, called after ours, and waits until it is. */
  const joined = async (webhook: OtherWebhook): Promise<void> => {
    await registerWebhook(bed, { name: 'z-other', ...webhook });
    await eventually('the other webhook is called', async () => {
      await createPod(bed, 'default', webPod('probe', ASKING), '?dryRun=All');
      return webhook.calls() > 0;
    });
    // Until then the one before it is called, and must answer.
    other?.close();
    other = webhook;
  };

  it.each(Object.keys(LIMITS))('calls the webhook once for each pod, under %s', async (limits) => {
    const namespace = await team();
    const item = LIMITS[limits] ?? {};
    if (item['type'] !== undefined) {
      await bed.request('POST', `/api/v1/namespaces/${namespace}/limitranges`, {
        metadata: { name: 'bounds' },
        spec: { limits: [item] },
      });
      await untilLimitsCached(bed);
    }
    for (const [what, pod] of Object.entries(PODS)) {
      const { stored, calls } = await counted(namespace, pod);
      expect({ what, calls }).toEqual({ what, calls: 1 });
      expect({ what, volumes: namesIn(stored, 'volumes') }).toEqual({
        what,
        volumes: expect.arrayContaining(['vault-auth-token']),
      });
    }
    left -= 1;
  });

  it('adds mounts in a second call to a container of another webhook', async () => {
    await joined(await startOtherWebhook(bed, addContainer));
    const { stored, calls } = await counted(await team(), PODS['a pod whose secrets are a list'] ?? {});
    expect([calls, namesIn(stored, 'containers')]).toEqual([2, expect.arrayContaining(['web', 'late'])]);
    expect(mountPathsOf(stored, 'late')).toContain('/vault/secrets');
    expect(mountPathsOf(stored, 'late')).not.toContain('/other');
    expect(containerOf(stored, 'late')).toMatchObject({ image: 'late:1' });
    left -= 1;
  });

  it('adds nothing in a second call after any other change of another webhook', async () => {
    const namespace = await team();
    await joined(await startOtherWebhook(bed, addLabel));
    const { stored, calls } = await counted(namespace, beside('beside'));
    await bed.request('DELETE', `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/z-other`);
    let created = 0;
    const alone = await eventually('the other webhook is not called any more', async () => {
      created += 1;
      const each = await counted(namespace, beside(`alone-${created}`));
      return !('labels' in (objectAt(each.stored, 'metadata') ?? {})) && each;
    });
    other?.close();
    other = undefined;
    expect(calls).toBe(2);
    expect(objectAt(objectAt(stored, 'metadata'), 'labels')).toEqual({ mesh: 'on' });
    for (const list of ['volumes', 'initContainers'] as const)
      expect(objectAt(stored, 'spec')?.[list]).toEqual(objectAt(alone.stored, 'spec')?.[list]);
    left -= 1;
  });
});
