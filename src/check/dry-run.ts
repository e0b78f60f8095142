// Whether the API server reaches the webhook: a pod that requests injection is created as a dry run.
import { annotationName } from '../annotations/names.ts';
import { type JsonObject, objectAt, objectsOf } from '../json/json.ts';
import { KubeError } from '../kube/errors.ts';
import { INJECT_LABEL } from '../selection/decide.ts';
import type { ClusterReader } from './cluster-reader.ts';
import { type CheckName, fail, type Line, ok, warn } from './catalogue.ts';

export interface DryRunOptions {
  /** Where the pod would be created; it must not be excluded from injection. */
  readonly probeNamespace: string;
}

interface Target {
  readonly configuration: string;
  readonly name: string;
}

interface Symptom {
  readonly pattern: RegExp;
  readonly check: CheckName;
  readonly message: string;
  readonly remedy: string;
}

/** Errors of the API server when it cannot call a webhook; the first match counts. */
const SYMPTOMS: readonly Symptom[] = [
  {
    pattern: /unknown authority|unable to load root certificates|certificate signed by/,
    check: 'ca-bundle',
    message: 'the API server does not trust the certificate of the webhook',
    remedy:
      'publish the CA that signed it in clientConfig.caBundle; with -tls-auto the webhook does so, and its log has the reason when it cannot',
  },
  {
    pattern: /certificate is valid for|doesn't contain any IP SANs|cannot validate certificate/,
    check: 'certificate',
    message: 'the certificate of the webhook is for another host',
    remedy: 'set -tls-auto-hosts to NAME.NAMESPACE.svc of the Service, or issue the certificate for that name',
  },
  {
    pattern: /certificate has expired/,
    check: 'certificate',
    message: 'the certificate of the webhook has expired, or a clock is wrong',
    remedy: 'renew it; with -tls-auto restart the webhook and read its log',
  },
  {
    pattern: /could not find the requested resource|404/,
    check: 'path',
    message: 'the webhook does not serve the registered path',
    remedy: 'set clientConfig.service.path to /mutate',
  },
  {
    pattern: /connection refused|no such host|no endpoints available|no service port|no route to host|EOF|reset by peer/,
    check: 'reachable',
    message: 'the API server cannot connect to the webhook',
    remedy:
      'let the API server reach the pods on the port "reviews" (NetworkPolicy, firewall of the control plane), and see that they run',
  },
  {
    pattern: /context deadline exceeded|Client\.Timeout|timed? ?out/,
    check: 'reachable',
    message: 'the webhook does not answer in time',
    remedy:
      'let the API server reach the pods on the port "reviews" (NetworkPolicy, firewall of the control plane), and see their CPU',
  },
];

/** Creates a pod as a dry run. Throws KubeError when these credentials may not. */
export async function checkDryRun(
  reader: ClusterReader,
  entries: readonly Target[],
  { probeNamespace }: DryRunOptions,
): Promise<readonly Line[]> {
  try {
    const pod = await reader.client.request<JsonObject>({
      method: 'POST',
      path: `/api/v1/namespaces/${encodeURIComponent(probeNamespace)}/pods`,
      query: { dryRun: 'All' },
      body: probePod(),
      timeoutMs: 35_000,
    });
    const { containers, initContainers } = objectAt(pod, 'spec') ?? {};
    const isInjected = [...objectsOf(containers), ...objectsOf(initContainers)].length > 1;
    if (isInjected) return [ok('reachable', `a pod in ${probeNamespace} is injected (dry run)`)];
    return [
      warn(
        'reachable',
        `a pod in ${probeNamespace} that requests injection is admitted without it (dry run)`,
        `see why with explain; if the namespace is excluded, name another one with -n; with failurePolicy Ignore the webhook may not answer: kubectl logs of its pods`,
      ),
    ];
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    return [lineOf(error, entries, probeNamespace)];
  }
}

const lineOf = (error: KubeError, entries: readonly Target[], namespace: string): Line => {
  const { message } = error;
  const called = entries.find(({ name }) => message.includes(`webhook "${name}"`));
  if (called && /failed calling webhook|failed to call webhook/.test(message)) {
    const cause = message.replace(/^.*failed to call webhook: /s, '');
    const symptom = SYMPTOMS.find(({ pattern }) => pattern.test(cause));
    return symptom
      ? fail(symptom.check, `${symptom.message}: ${cause}`, symptom.remedy)
      : fail('reachable', `the API server cannot call the webhook: ${cause}`, 'see the log of the webhook');
  }
  // A denial is an answer of the webhook.
  if (called) return ok('reachable', `the webhook answers a pod in ${namespace} (dry run)`);
  if (error.status === 404) return warn('reachable', `there is no namespace ${namespace}`, 'name another one with -n');
  if (/cannot create resource "pods"/.test(message)) throw error;
  if (error.status >= 400 && error.status < 500)
    return warn(
      'reachable',
      `not tried, because ${namespace} does not admit the pod: ${message}`,
      'name another namespace with -n',
    );
  throw error;
};

/** A pod that every entry selects and that restricted namespaces admit. */
const probePod = (): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    generateName: 'vault-auth-injector-check-',
    labels: { [INJECT_LABEL]: 'enabled' },
    annotations: { [annotationName('role')]: 'check' },
  },
  spec: {
    securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'check',
        image: 'check',
        resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { cpu: '10m', memory: '16Mi' } },
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  },
});
