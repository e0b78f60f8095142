// From VaultAuthRole to login: a Deployment without Vault annotations, and a login with its pod's token at the mount and role that
// the webhook set.
import { type JsonObject, objectAt, objectsOf, textOf } from '../../../src/json/json.ts';
import { applyYAML, untilCondition } from '../../bed/controller.ts';
import { registerWebhook, startWebhook, untilInjecting } from '../../bed/webhook.ts';
import { annotationOf, podsPath } from '../pods.ts';
import { setStage, type Stage, tokenOf } from '../seeds/stage.ts';
import { backend, FLAGS } from './role-stage.ts';
import { eventually } from '../../support/eventually.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await setStage('openbao', { flags: FLAGS, isAdministrator: true });
  const { bed } = stage;
  await backend(stage, 'reviewed', {
    kubernetes: { host: bed.url, reviewer: { mode: 'Rotated' } },
    rbac: { manageAuthDelegator: true },
  });
  await backend(stage, 'client', { rbac: { manageAuthDelegator: true } });
  await backend(stage, 'signed', { type: 'jwt', jwt: { keys: { source: 'Push' } }, kubernetes: undefined });
  const webhook = await startWebhook(bed, { flags: [`-kubeconfig=${bed.kubeconfig}`] });
  await registerWebhook(bed, { name: 'ours', ...webhook });
  await untilInjecting(bed, 'default');
}, 600_000);
afterAll(() => stage.stop());

const team = (namespace: string, name: string): string => `
apiVersion: v1
kind: ServiceAccount
metadata: { name: web, namespace: ${namespace} }
---
apiVersion: vaultauth.dev/v1alpha1
kind: VaultAuthRole
metadata: { name: web, namespace: ${namespace} }
spec: { backendRef: { name: ${name} } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: ${namespace} }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata:
      labels: { app: web }
      annotations: { vaultauth.dev/inject: enabled }
    spec:
      serviceAccountName: web
      containers: [{ name: web, image: nginx }]
`;

/** The first injected pod of the Deployment. */
const podIn = async (namespace: string): Promise<JsonObject> => {
  let found: JsonObject | undefined;
  await eventually(
    'the Deployment has a pod',
    async () => {
      const { items } = await stage.bed.request<JsonObject>('GET', podsPath(namespace));
      found = objectsOf(items)[0];
      return found !== undefined;
    },
    {},
  );
  return found ?? {};
};

it.each(['reviewed', 'client', 'signed'])('logs in at the backend "%s" of its role', async (name) => {
  const { bed, vault } = stage;
  await untilCondition(bed, 'VaultAuthBackend', { name }, 'Ready=True', 60);
  const namespace = await bed.createNamespace({ labels: { roles: 'yes' } });
  await applyYAML(bed, team(namespace, name));
  await untilCondition(bed, 'VaultAuthRole', { namespace, name: 'web' }, 'Ready=True', 60);
  const pod = await podIn(namespace);
  const config = JSON.parse(String(annotationOf(pod, 'vaultauth.dev/agent-config'))) as {
    auto_auth: { method: [{ type: string; mount_path: string; config: { role: string } }] };
  };
  const [method] = config.auto_auth.method;
  const volume = objectsOf(objectAt(pod, 'spec')?.['volumes']).find((each) => each['name'] === 'vault-auth-token');
  const source = objectAt(objectsOf(objectAt(volume, 'projected')?.['sources'])[0], 'serviceAccountToken');
  const audience = textOf(source, 'audience');
  expect([method.type, method.mount_path, method.config.role, audience]).toEqual([
    name === 'signed' ? 'jwt' : 'kubernetes',
    `auth/${name}`,
    `test.${namespace}.web`,
    name === 'client' ? undefined : `vault://test/${name}`,
  ]);
  // As the kubelet requests it for the volume.
  const jwt = await tokenOf(bed, {
    namespace,
    serviceAccount: 'web',
    ...(audience === undefined ? {} : { audience }),
    pod: textOf(objectAt(pod, 'metadata'), 'name') ?? '',
  });
  let json: JsonObject = {};
  // With ClientJWT the right to create TokenReviews follows shortly after the role; the agent retries.
  await eventually('the pod logs in', async () => {
    const answer = await vault.login(method.mount_path.replace(/^auth\//, ''), method.config.role, jwt);
    ({ json } = answer);
    return answer.status === 200;
  });
  expect(objectAt(objectAt(json, 'auth'), 'metadata')).toMatchObject({
    service_account_name: 'web',
    service_account_namespace: namespace,
  });
});
