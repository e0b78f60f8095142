// F21, argo-workflows 13314: pod templates of any kind are found, and no request for injection is left out in silence.
import { inject } from '../../../../src/cli/inject.ts';
import { explain } from '../../../../src/cli/explain.ts';
import { ADDRESS, runCommand, temporaryFolder } from '../run-command.ts';

const files = temporaryFolder();
afterAll(files.clear);

const REQUEST = '{vault.hashicorp.com/agent-inject: "true", vault.hashicorp.com/role: web}';
const TEMPLATE = `{metadata: {annotations: ${REQUEST}}, spec: {containers: [{name: web, image: web:1}]}}`;
const object = (apiVersion: string, kind: string, spec: string, metadata = ''): string =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: web${metadata}}\n${spec}\n`;
const run = (text: string, flags: readonly string[] = []) =>
  runCommand(inject, ['-f', files.write('object.yaml', text), ...ADDRESS, ...flags]);
const agentsIn = (text: string): number => text.split('name: vault-agent\n').length + text.split('name: vault-agent,').length - 2;

it.each<[string, string, string, number]>([
  ['argoproj.io/v1alpha1', 'Rollout', `spec: {template: ${TEMPLATE}}`, 1],
  ['serving.knative.dev/v1', 'Service', `spec: {template: ${TEMPLATE}}`, 1],
  ['serving.knative.dev/v1', 'Configuration', `spec: {template: ${TEMPLATE}}`, 1],
  ['keda.sh/v1alpha1', 'ScaledJob', `spec: {jobTargetRef: {template: ${TEMPLATE}}}`, 1],
  ['apps.openshift.io/v1', 'DeploymentConfig', `spec: {template: ${TEMPLATE}}`, 1],
  ['apps.kruise.io/v1beta1', 'StatefulSet', `spec: {template: ${TEMPLATE}}`, 1],
  ['apps.kruise.io/v1alpha1', 'BroadcastJob', `spec: {template: ${TEMPLATE}}`, 1],
  ['batch.volcano.sh/v1alpha1', 'Job', `spec: {tasks: [{template: ${TEMPLATE}}, {template: ${TEMPLATE}}]}`, 2],
  [
    'kubeflow.org/v1',
    'PyTorchJob',
    `spec: {pytorchReplicaSpecs: {Master: {template: ${TEMPLATE}}, Worker: {template: ${TEMPLATE}}}}`,
    2,
  ],
  ['ray.io/v1', 'RayCluster', `spec: {headGroupSpec: {template: ${TEMPLATE}}, workerGroupSpecs: [{template: ${TEMPLATE}}]}`, 2],
  ['jobset.x-k8s.io/v1alpha2', 'JobSet', `spec: {replicatedJobs: [{template: {spec: {template: ${TEMPLATE}}}}]}`, 1],
  ['example.com/v1', 'Whatever', `any: [{deep: {inside: [${TEMPLATE}]}}]`, 1],
])('F21 injects the pod templates of %s %s', async (apiVersion, kind, spec, count) => {
  const { code, out, errors } = await run(object(apiVersion, kind, spec));
  expect({ code, last: errors.at(-1) }).toEqual({
    code: 0,
    last: `1 object, ${count} pod${count === 1 ? '' : 's'}: ${count} injected`,
  });
  expect(agentsIn(out)).toBe(count);
  const again = await run(out);
  expect(again.out).toBe(out);
});

it('F21 names the template of an object that has several', async () => {
  const role = TEMPLATE.replace(', vault.hashicorp.com/role: web', '');
  const text = object(
    'ray.io/v1',
    'RayCluster',
    `spec:\n  headGroupSpec: {template: ${TEMPLATE}}\n  workerGroupSpecs:\n    - template: ${role}`,
  );
  const { code, errors } = await run(text);
  expect(code).toBe(1);
  expect(errors[0]).toContain('object.yaml:7: RayCluster default/web spec.workerGroupSpecs.0.template: error [role-missing]');
});

it.each<[string, string, string, string]>([
  [
    'argoproj.io/v1alpha1',
    'Workflow',
    `spec: {podMetadata: {annotations: ${REQUEST}}}`,
    'spec.podMetadata.annotations.vault.hashicorp.com/agent-inject',
  ],
  [
    'argoproj.io/v1alpha1',
    'CronWorkflow',
    `spec: {workflowSpec: {templates: [{metadata: {annotations: ${REQUEST}}}]}}`,
    'spec.workflowSpec.templates.0.metadata.annotations',
  ],
  ['sparkoperator.k8s.io/v1beta2', 'SparkApplication', `spec: {driver: {annotations: ${REQUEST}}}`, 'spec.driver.annotations'],
  [
    'monitoring.coreos.com/v1',
    'Prometheus',
    `spec: {podMetadata: {annotations: ${REQUEST}}, containers: [{name: x}]}`,
    'spec.podMetadata.annotations',
  ],
  ['tekton.dev/v1', 'TaskRun', `{}`.replace('{}', 'spec: {}'), 'metadata.annotations.vault.hashicorp.com/agent-inject'],
  ['helm.toolkit.fluxcd.io/v2', 'HelmRelease', `spec: {values: {podAnnotations: ${REQUEST}}}`, 'spec.values.podAnnotations'],
  [
    'argoproj.io/v1alpha1',
    'Application',
    'spec:\n  source:\n    helm:\n      values: |\n        podAnnotations:\n          vault.hashicorp.com/agent-inject: "true"',
    'the text spec.source.helm.values with vault.hashicorp.com/agent-inject',
  ],
  [
    'v1',
    'ConfigMap',
    'data:\n  pod.yaml: |\n    annotations:\n      "openbao.org/agent-inject" : "true"',
    'the text data.pod.yaml',
  ],
  ['example.com/v1', 'Labelled', 'spec: {podLabels: {vaultauth.dev/inject: enabled}}', 'spec.podLabels.vaultauth.dev/inject'],
  [
    'example.com/v1',
    'Empty',
    `spec: {template: {metadata: {annotations: ${REQUEST}}, spec: {}}}`,
    'spec.template.metadata.annotations',
  ],
])('F21 warns about a request in %s %s that it cannot fulfil', async (apiVersion, kind, spec, where) => {
  const metadata = kind === 'TaskRun' ? `, annotations: ${REQUEST}` : '';
  const text = object(apiVersion, kind, spec, metadata);
  const { code, out, errors } = await run(text);
  expect({ code, out }).toEqual({ code: 0, out: text });
  expect(errors).toHaveLength(2);
  expect(errors[0]).toContain(`object.yaml:1: warning: ${kind} default/web: ${where}`);
  expect(errors[0]).toContain('is in no pod template that this command finds');
  const explained = await runCommand(explain, ['-f', files.write('object.yaml', text), ...ADDRESS]);
  expect(explained.errors[0]).toBe(errors[0]);
});

it.each([
  [
    'a namespace',
    `apiVersion: v1\nkind: Namespace\nmetadata: {name: a, annotations: ${REQUEST}, labels: {vaultauth.dev/inject: enabled}}\n`,
  ],
  ['a service account', `apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a, annotations: ${REQUEST}}\n`],
  [
    'an object of the controller',
    'apiVersion: vaultauth.dev/v1alpha1\nkind: VaultAuthRole\nmetadata: {name: a, annotations: {vaultauth.dev/confirm: "a"}}\n',
  ],
  [
    'a selector',
    'apiVersion: example.com/v1\nkind: Policy\nmetadata: {name: a}\nspec: {matchLabels: {vaultauth.dev/inject: enabled}}\n',
  ],
  ['a Rollout of a Deployment', object('argoproj.io/v1alpha1', 'Rollout', 'spec: {workloadRef: {name: web}}')],
  [
    'a template without a request',
    object('example.com/v1', 'Other', 'spec: {template: {metadata: {}, spec: {containers: [{name: a}]}}}'),
  ],
])('says nothing about %s', async (_, text) => {
  expect((await run(text)).errors).toEqual(['1 object, no pod']);
});

describe('-template-path', () => {
  const flink = object(
    'flink.apache.org/v1beta1',
    'FlinkDeployment',
    `spec: {podTemplate: {metadata: {annotations: ${REQUEST}}, spec: {containers: []}}}`,
  );
  const teams = object('example.com/v1', 'Team', 'spec: {pods: [{template: {metadata: {}, spec: {containers: [{name: a}]}}}]}');

  it.each([
    ['a path', flink, 'spec.podTemplate', 'FlinkDeployment'],
    ['a path of a kind', flink, 'FlinkDeployment=spec.podTemplate', 'FlinkDeployment'],
    ['a path with a leading dot', flink, '.spec.podTemplate', 'FlinkDeployment'],
    ['a path through a list', teams, 'spec.pods[].template', 'Team'],
    ['a path through a list as JSONPath', teams, 'spec.pods[*].template', 'Team'],
  ])('F21 finds a template by %s', async (_, text, path, kind) => {
    const words = ['-f', files.write('object.yaml', text), ...ADDRESS, `-template-path=${path}`, '-o=json'];
    const { out, errors } = await runCommand(explain, words);
    expect(errors).toEqual([]);
    expect((JSON.parse(out) as { pods: { kind: string }[] }).pods.map((pod) => pod.kind)).toEqual([kind]);
  });

  it('F21 warns about a path that leads nowhere, and refuses one that cannot be read', async () => {
    const nowhere = await run(teams, ['-template-path', 'Team=spec.nothing']);
    expect(nowhere.errors[0]).toBe('-template-path Team=spec.nothing: warning: no object has a pod template at this path');
    const unreadable = await run(teams, ['-template-path', 'a..b']);
    expect(unreadable.code).toBe(2);
    expect(unreadable.errors[0]).toContain('-template-path: invalid value "a..b"');
  });
});
