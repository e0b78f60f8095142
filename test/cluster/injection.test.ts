// What users see of injection on a real control plane: pods of Deployments, refusals, dry runs, and fields kept as they were.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isObject, type JsonObject, objectAt } from '../../src/json/json.ts';
import { denials, podsOf, readDeployment } from '../bed/demo/deployment.ts';
import { podDiff } from '../bed/demo/pod-diff.ts';
import { repositoryDirectory } from '../bed/environment.ts';
import { registerWebhook, untilInjecting } from '../bed/webhook.ts';
import { onEachKubernetes } from './on-each-kubernetes.ts';
import { annotationOf, ASKING, containerOf, createPod, mountPathsOf, namesIn, podsPath, webPod } from './pods.ts';

const EXAMPLE = 'deploy/examples/deployment.yaml';
const BROKEN = 'deploy/examples/broken-deployment.yaml';
const manifest = (file: string): string => readFileSync(join(repositoryDirectory(), file), 'utf8');

onEachKubernetes(
  ['kube-controller-manager'],
  async ({ bed, webhook }) => {
    await registerWebhook(bed, { name: 'vault-auth-injector', ...webhook });
    await untilInjecting(bed, 'default');
  },
  (test) => {
    test('injects the agent into every pod of an annotated Deployment', async ({ bed }) => {
      const team = await bed.createNamespace();
      await bed.kubectl(['-n', team, 'apply', '-f', '-'], manifest(EXAMPLE));
      const pods = await podsOf(bed, team, readDeployment(EXAMPLE));
      expect(pods).toHaveLength(2);
      for (const { pod } of pods) {
        expect(namesIn(pod, 'initContainers')).toEqual(['vault-agent']);
        expect(namesIn(pod, 'containers')).toEqual(['web']);
        expect(mountPathsOf(pod, 'web')).toContain('/vault/secrets');
        expect(annotationOf(pod, 'vault.hashicorp.com/agent-inject-status')).toBe('injected');
      }
    });

    test('stores a pod that does not ask unchanged', async ({ bed }) => {
      const team = await bed.createNamespace();
      const pod = await createPod(bed, team, webPod('plain', {}));
      expect(namesIn(pod, 'containers')).toEqual(['web']);
      expect(JSON.stringify(pod)).not.toMatch(/vault/i);
    });

    test('injects a pod that asks by its label alone', async ({ bed }) => {
      const team = await bed.createNamespace();
      const { 'vault.hashicorp.com/agent-inject': _, ...rest } = ASKING;
      const pod = webPod('labelled', rest);
      const labelled = { ...pod, metadata: { ...objectAt(pod, 'metadata'), labels: { 'vaultauth.dev/inject': 'enabled' } } };
      expect(namesIn(await createPod(bed, team, labelled), 'initContainers')).toEqual(['vault-agent']);
    });

    test('injects no pod of a namespace whose label disables admission', async ({ bed }) => {
      const team = await bed.createNamespace({ labels: { 'vaultauth.dev/admission': 'disabled' } });
      expect(namesIn(await createPod(bed, team, webPod('web', ASKING)), 'initContainers')).toEqual([]);
    });

    test('names every problem of a pod in the Events of its ReplicaSet', async ({ bed }) => {
      const team = await bed.createNamespace();
      await bed.kubectl(['-n', team, 'apply', '-f', '-'], manifest(BROKEN));
      const [message] = await denials(bed, team, readDeployment(BROKEN));
      expect(message).toContain('annotation.vaultauth.dev');
      expect(message).toMatch(/agent-pre-populate-only.*ture/s);
      expect(message).toMatch(/agent-limits-mem.*128 MB/s);
      expect(message).toMatch(/role/);
      expect(message).toContain('3 problems');
      const pods = await bed.request<{ items: unknown[] }>('GET', podsPath(team));
      expect(pods.items).toEqual([]);
    });

    test('returns the same problems to the creator of a broken pod, and stores nothing', async ({ bed }) => {
      const team = await bed.createNamespace();
      const { 'vault.hashicorp.com/role': _, ...withoutRole } = ASKING;
      const answer = await bed.exchange(
        'POST',
        podsPath(team),
        webPod('broken', { ...withoutRole, 'vault.hashicorp.com/agent-cache-enable': 'ja' }),
      );
      expect(answer.status).toBe(403);
      expect(answer.text).toMatch(/agent-cache-enable/);
      expect(answer.text).toMatch(/role/);
      expect((await bed.exchange('GET', podsPath(team, '/broken'))).status).toBe(404);
    });

    test('returns the injected pod to a server-side dry run, and stores none', async ({ bed }) => {
      const team = await bed.createNamespace();
      const text = await bed.kubectl(
        ['-n', team, 'apply', '--dry-run=server', '-o', 'json', '-f', '-'],
        JSON.stringify(webPod('tried', ASKING)),
      );
      const pod: unknown = JSON.parse(text);
      expect(namesIn(isObject(pod) ? pod : {}, 'initContainers')).toEqual(['vault-agent']);
      expect((await bed.exchange('GET', podsPath(team, '/tried'))).status).toBe(404);
    });

    test("answers the README's check of an installation as the README shows it", async ({ bed }) => {
      const [, question = '', answer] = /^ {4}kubectl (run probe [\s\S]*?[^\\])\n {4}(.*)$/m.exec(manifest('README.md')) ?? [];
      const words = question.replaceAll('\\\n', ' ').split(/ +/);
      expect(await bed.kubectl(words.map((word) => word.replaceAll("'", '')))).toBe(`${answer}\n`);
    });

    test('keeps every field of a pod', async ({ bed }) => {
      const team = await bed.createNamespace();
      // A native sidecar is lost by clients with types from before Kubernetes 1.28; the last field does not exist yet.
      const spec: JsonObject = {
        containers: [
          {
            name: 'web',
            image: 'nginx:1.29',
            resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }],
            futureField: { a: 1 },
          },
        ],
        initContainers: [
          {
            name: 'mesh',
            image: 'mesh:1',
            restartPolicy: 'Always',
            startupProbe: { tcpSocket: { port: 15000 }, periodSeconds: 1 },
          },
          { name: 'migrate', image: 'migrate:1' },
        ],
        schedulingGates: [{ name: 'example.com/wait' }],
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: 'zone',
            whenUnsatisfiable: 'ScheduleAnyway',
            labelSelector: {},
            matchLabelKeys: ['pod-template-hash'],
          },
        ],
        volumes: [{ name: 'config', projected: { sources: [{ serviceAccountToken: { path: 'token', audience: 'vault' } }] } }],
        futureField: ['kept by us, dropped by this API server'],
      };
      const pod = await createPod(bed, team, webPod('rich', ASKING, spec), '?fieldValidation=Ignore');
      const plain = await createPod(bed, team, webPod('plain', {}, spec), '?fieldValidation=Ignore&dryRun=All');

      expect(containerOf(pod, 'mesh')).toMatchObject({ restartPolicy: 'Always', startupProbe: { tcpSocket: { port: 15000 } } });
      expect(namesIn(pod, 'initContainers')).toEqual(['vault-agent', 'mesh', 'migrate']);
      const changed = podDiff({ template: { ...plain, metadata: { annotations: ASKING } }, injected: pod, plain });
      expect(changed.filter((line) => line.startsWith('-'))).toEqual([]);
    });
  },
);
