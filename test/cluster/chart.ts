// What the vault-helm chart gives its injector: the webhook configuration and the environment, with its default values.

/** templates/injector-mutating-webhook.yaml with the chart's default values. */
export function chartConfiguration(name: string, namespace: string): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name },
    webhooks: [
      {
        name: 'vault.hashicorp.com',
        failurePolicy: 'Ignore',
        matchPolicy: 'Exact',
        sideEffects: 'None',
        timeoutSeconds: 30,
        admissionReviewVersions: ['v1', 'v1beta1'],
        clientConfig: { service: { name: 'vault-agent-injector-svc', namespace, path: '/mutate' }, caBundle: '' },
        rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], scope: 'Namespaced' }],
        objectSelector: {
          matchExpressions: [{ key: 'app.kubernetes.io/name', operator: 'NotIn', values: ['vault-agent-injector'] }],
        },
      },
    ],
  };
}

/** templates/injector-deployment.yaml: the variables that the chart sets, with metrics and leader election on. */
export function chartEnvironment(port: number, namespace: string, configuration: string, pod: string): Record<string, string> {
  return {
    AGENT_INJECT_LISTEN: `:${port}`,
    AGENT_INJECT_LOG_LEVEL: 'info',
    AGENT_INJECT_VAULT_ADDR: `http://vault.${namespace}.svc:8200`,
    AGENT_INJECT_VAULT_AUTH_PATH: 'auth/kubernetes',
    AGENT_INJECT_VAULT_IMAGE: 'hashicorp/vault:2.0.4',
    AGENT_INJECT_TLS_AUTO: configuration,
    AGENT_INJECT_TLS_AUTO_HOSTS: `vault-agent-injector-svc,vault-agent-injector-svc.${namespace},vault-agent-injector-svc.${namespace}.svc`,
    AGENT_INJECT_LOG_FORMAT: 'standard',
    AGENT_INJECT_REVOKE_ON_SHUTDOWN: 'false',
    AGENT_INJECT_TELEMETRY_PATH: '/metrics',
    AGENT_INJECT_USE_LEADER_ELECTOR: 'true',
    AGENT_INJECT_CPU_REQUEST: '250m',
    AGENT_INJECT_CPU_LIMIT: '500m',
    AGENT_INJECT_MEM_REQUEST: '64Mi',
    AGENT_INJECT_MEM_LIMIT: '128Mi',
    AGENT_INJECT_DEFAULT_TEMPLATE: 'map',
    AGENT_INJECT_TEMPLATE_CONFIG_EXIT_ON_RETRY_FAILURE: 'true',
    NAMESPACE: namespace,
    POD_NAME: pod,
  };
}
