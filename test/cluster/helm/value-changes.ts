// One change for each value of the chart, and what must stand in the rendering then.
import type { Json } from '../../../src/json/json.ts';

interface ValueChange {
  readonly value: Json;
  readonly shows: string;
  /** Other values without which it has no effect. */
  readonly needs?: Readonly<Record<string, Json>>;
}

const CONTROLLER = { 'controller.enabled': true };
const BOTH = { 'controller.enabled': true };
const CERT_MANAGER = { 'certificates.mode': 'CertManager' };
const OTHER_ISSUER = { ...CERT_MANAGER, 'certificates.certManager.issuerRef.name': 'corporate' };
const OWN = { 'certificates.mode': 'Secret', 'certificates.secretName': 'a', 'certificates.caBundle': 'QQ==' };
const SCALING = { 'webhook.autoscaling.enabled': true };
const POD_MONITOR = { 'monitoring.podMonitor.enabled': true };

/** What both components have, below `webhook.` or `controller.`. */
const component = (name: string, needs: Readonly<Record<string, Json>>): Readonly<Record<string, ValueChange>> =>
  Object.fromEntries(
    Object.entries<ValueChange>({
      replicas: { value: 5, shows: 'replicas: 5' },
      'podDisruptionBudget.enabled': { value: false, shows: '' },
      'podDisruptionBudget.maxUnavailable': { value: '40%', shows: 'maxUnavailable: 40%' },
      resources: { value: { limits: { memory: '999Mi' } }, shows: 'memory: 999Mi' },
      priorityClassName: { value: 'system-cluster-critical', shows: 'priorityClassName: system-cluster-critical' },
      nodeSelector: { value: { disk: 'ssd' }, shows: 'disk: ssd' },
      tolerations: { value: [{ key: 'dedicated', operator: 'Exists' }], shows: 'key: dedicated' },
      affinity: { value: { nodeAffinity: {} }, shows: 'nodeAffinity: {}' },
      topologySpread: { value: false, shows: '' },
      podAnnotations: { value: { 'team.example/on-call': 'platform' }, shows: 'team.example/on-call: platform' },
      podLabels: { value: { tier: 'infra' }, shows: 'tier: infra' },
      serviceAccountAnnotations: { value: { 'cloud.example/role': 'x' }, shows: 'cloud.example/role: x' },
      operationsPort: { value: 9091, shows: name === 'webhook' ? 'value: ":9091"' : '- -operations-listen=:9091' },
    }).map(([path, change]) => [`${name}.${path}`, { ...change, needs }]),
  );

/** By path in values.yaml. Without `shows` the rendering must only differ. */
export const VALUE_CHANGES: Readonly<Record<string, ValueChange>> = {
  nameOverride: { value: 'other', shows: 'name: vault-auth-injector-other' },
  fullnameOverride: { value: 'whole', shows: 'name: whole-ca' },
  labels: { value: { 'team.example/owner': 'platform' }, shows: 'team.example/owner: platform' },
  'image.registry': { value: 'registry.example', shows: 'image: registry.example/vault-auth-injector:' },
  'image.repository': { value: 'mirror/injector', shows: 'image: mirror/injector:' },
  'image.tag': { value: '9.9.9', shows: ':9.9.9' },
  'image.digest': { value: `sha256:${'a'.repeat(64)}`, shows: `image: vault-auth-injector@sha256:${'a'.repeat(64)}` },
  'image.pullPolicy': { value: 'Always', shows: 'imagePullPolicy: Always' },
  'image.pullSecrets': { value: ['pull'], shows: 'imagePullSecrets:\n        - name: pull' },
  openshift: { value: true, shows: '' },
  'selection.labelledNamespaces': { value: true, shows: 'name: namespace.vaultauth.dev' },
  'selection.clusterWide': { value: true, shows: 'VAULT_AUTH_INJECTOR_AUTO_INJECT' },
  'selection.workloadWarnings': { value: true, shows: 'path: /validate' },
  'selection.revision': { value: 'canary', shows: 'operator: In\n          values:\n            - "canary"' },
  'selection.excludedNamespaces': { value: ['storage'], shows: 'value: "storage"' },
  'selection.failurePolicy': { value: 'Ignore', shows: 'failurePolicy: Ignore' },
  'selection.timeoutSeconds': { value: 9, shows: 'timeoutSeconds: 9' },
  'certificates.mode': { value: 'CertManager', shows: 'cert-manager.io/inject-ca-from' },
  'certificates.secretName': { value: 'corporate', shows: 'secretName: corporate', needs: OWN },
  'certificates.caBundle': { value: 'Q0E=', shows: 'caBundle: Q0E=', needs: OWN },
  'certificates.certManager.issuerRef.name': { value: 'corporate', shows: 'name: corporate', needs: CERT_MANAGER },
  'certificates.certManager.issuerRef.kind': { value: 'ClusterIssuer', shows: 'kind: ClusterIssuer', needs: OTHER_ISSUER },
  'certificates.certManager.issuerRef.group': { value: 'pki.example', shows: 'group: pki.example', needs: OTHER_ISSUER },
  'certificates.certManager.duration': { value: '24h', shows: 'duration: 24h', needs: CERT_MANAGER },
  'certificates.certManager.renewBefore': { value: '8h', shows: 'renewBefore: 8h', needs: CERT_MANAGER },
  'webhook.enabled': { value: false, shows: '', needs: BOTH },
  'webhook.vaultAddress': { value: 'https://vault.example', shows: 'value: "https://vault.example"' },
  'webhook.settings': {
    value: { 'log-level': 'debug' },
    shows: '- name: VAULT_AUTH_INJECTOR_LOG_LEVEL\n              value: "debug"',
  },
  'webhook.events': { value: true, shows: 'VAULT_AUTH_INJECTOR_EVENTS' },
  'webhook.missedPods': { value: 'evict', shows: 'pods/eviction' },
  'webhook.uninstallHook': { value: false, shows: '' },
  'webhook.autoscaling.enabled': { value: true, shows: 'kind: HorizontalPodAutoscaler' },
  'webhook.autoscaling.minReplicas': { value: 3, shows: 'minReplicas: 3', needs: SCALING },
  'webhook.autoscaling.maxReplicas': { value: 9, shows: 'maxReplicas: 9', needs: SCALING },
  'webhook.autoscaling.targetCPUUtilizationPercentage': { value: 55, shows: 'averageUtilization: 55', needs: SCALING },
  ...component('webhook', {}),
  'webhook.hostNetwork': { value: true, shows: 'hostNetwork: true' },
  'webhook.reviewsPort': { value: 9443, shows: 'value: ":9443"' },
  'webhook.servicePort': { value: 8443, shows: 'port: 8443' },
  'controller.enabled': { value: true, shows: 'name: vault-auth-injector-controller' },
  'controller.settings': { value: { 'observe-only': true }, shows: 'VAULT_AUTH_INJECTOR_OBSERVE_ONLY', needs: CONTROLLER },
  'controller.uninstallHook': { value: false, shows: '', needs: CONTROLLER },
  'controller.rollouts': { value: true, shows: '- -rollouts', needs: CONTROLLER },
  'controller.authDelegator': { value: true, shows: 'name: vault-auth-injector-auth-delegator', needs: CONTROLLER },
  ...component('controller', CONTROLLER),
  'crds.enabled': { value: true, shows: 'kind: CustomResourceDefinition' },
  'crds.keep': { value: false, shows: '', needs: CONTROLLER },
  'networkPolicy.enabled': { value: false, shows: '' },
  'networkPolicy.metricsNamespaces': { value: ['observability'], shows: 'kubernetes.io/metadata.name: observability' },
  'networkPolicy.reviewCIDRs': { value: ['10.0.0.0/28'], shows: 'cidr: 10.0.0.0/28' },
  'networkPolicy.apiServerPorts': { value: [16443], shows: '- port: 16443' },
  'networkPolicy.vaultPorts': { value: [18200], shows: '- port: 18200', needs: CONTROLLER },
  'policies.verify': { value: 'Deny', shows: 'name: vault-auth-injector-verify' },
  'policies.verifySilent': { value: true, shows: 'name: vault-auth-injector-verify-silent' },
  'policies.freezeAgentConfig': { value: true, shows: 'name: vault-auth-injector-freeze-agent-config' },
  'policies.misplacedAnnotation': { value: true, shows: 'name: vault-auth-injector-misplaced-annotation-cronjob' },
  'monitoring.podMonitor.enabled': { value: true, shows: 'kind: PodMonitor' },
  'monitoring.serviceMonitor.enabled': { value: true, shows: 'name: vault-auth-injector-metrics' },
  'monitoring.prometheusRule.enabled': { value: true, shows: 'runbook: docs/runbooks/injector-down.md' },
  'monitoring.dashboard.enabled': { value: true, shows: 'dashboard.json: |' },
  'monitoring.dashboard.labels': {
    value: { board: 'yes' },
    shows: 'board: "yes"',
    needs: { 'monitoring.dashboard.enabled': true },
  },
  'monitoring.interval': { value: '77s', shows: 'interval: 77s', needs: POD_MONITOR },
  'monitoring.labels': { value: { release: 'prometheus' }, shows: 'release: prometheus', needs: POD_MONITOR },
  'objects.endpoints': { value: { main: { address: 'https://vault' } }, shows: 'kind: VaultEndpoint' },
  'objects.backends': { value: { main: { path: 'kubernetes' } }, shows: 'kind: VaultAuthBackend' },
  'objects.policies': { value: { read: { rules: '' } }, shows: 'kind: VaultACLPolicy' },
  'objects.roles': { value: { 'shop/web': {} }, shows: 'name: web\n  namespace: shop' },
};
