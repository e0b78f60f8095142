// The files of deploy/ that are rendered from the chart, as Helm renders them.
import { parseAllDocuments } from 'yaml';
import { isObject, type JsonObject } from '../../../src/json/json.ts';
import { CHART, type Helm } from '../../bed/helm.ts';

const NAME = 'vault-auth-injector';
const GENERATED = '# Rendered from deploy/chart by `make chart UPDATE=1`; a test compares. Change the chart, not this file.\n';

/** What `helm template` gives for the release and namespace `vault-auth-injector`, with `--set` values. */
export function render(helm: Helm, values: readonly string[], ...words: readonly string[]): Promise<string> {
  return helm.run([
    'template',
    NAME,
    CHART,
    '--no-hooks',
    '--namespace',
    NAME,
    ...values.flatMap((value) => ['--set', value]),
    ...words,
  ]);
}

/** The objects of a rendering. */
export function objectsOf(text: string): readonly JsonObject[] {
  return parseAllDocuments(text)
    .map((document): unknown => document.toJS())
    .filter(isObject);
}

const CONTROLLER = ['webhook.enabled=false', 'controller.enabled=true', 'crds.enabled=false'];

interface Rendered {
  /** File below deploy/. */
  readonly file: string;
  /** Template below templates/ of the chart. */
  readonly template: string;
  readonly values: readonly string[];
  /** Only this entry of the configuration, as a patch for it. */
  readonly entry?: string;
}

const same = (folder: string, component: string, names: readonly string[], values: readonly string[]): readonly Rendered[] =>
  names.map((name) => ({ file: `${folder}/${name}.yaml`, template: `${component}/${name}.yaml`, values }));

const COMMON = ['deployment', 'network-policy', 'pod-disruption-budget', 'rbac', 'service', 'service-account'];

const REPORTS = ['webhook.events=true', 'webhook.missedPods=report'];

const FILES: readonly Rendered[] = [
  ...same('manifests', 'webhook', [...COMMON, 'ca-secret', 'webhook'], []),
  ...same('controller', 'controller', COMMON, CONTROLLER),
  {
    file: 'variants/rollouts/rbac.yaml',
    template: 'controller/rollouts-rbac.yaml',
    values: [...CONTROLLER, 'controller.rollouts=true'],
  },
  {
    file: 'variants/rollouts/only-annotations.yaml',
    template: 'controller/rollouts-policy.yaml',
    values: [...CONTROLLER, 'controller.rollouts=true'],
  },
  {
    file: 'variants/auth-delegator/rbac.yaml',
    template: 'controller/auth-delegator-rbac.yaml',
    values: [...CONTROLLER, 'controller.authDelegator=true'],
  },
  { file: 'variants/reports/rbac.yaml', template: 'webhook/reports-rbac.yaml', values: REPORTS },
  {
    file: 'variants/namespaces/entry.yaml',
    template: 'webhook/webhook.yaml',
    values: ['selection.labelledNamespaces=true'],
    entry: 'namespace',
  },
  {
    file: 'variants/cluster-wide/entry.yaml',
    template: 'webhook/webhook.yaml',
    values: ['selection.clusterWide=true'],
    entry: 'auto',
  },
  {
    file: 'variants/workload-warnings/entry.yaml',
    template: 'webhook/webhook.yaml',
    values: ['selection.workloadWarnings=true'],
    entry: 'workloads',
  },
];

/** A folder for kustomize, and the values with which the chart gives the same objects. */
export const OVERLAYS: readonly { readonly folder: string; readonly values: readonly string[] }[] = [
  { folder: 'manifests', values: [] },
  { folder: 'controller', values: CONTROLLER },
  { folder: 'variants/namespaces', values: ['selection.labelledNamespaces=true'] },
  { folder: 'variants/cluster-wide', values: ['selection.clusterWide=true'] },
  { folder: 'variants/reports', values: REPORTS },
  { folder: 'variants/workload-warnings', values: ['selection.workloadWarnings=true'] },
  { folder: 'variants/rollouts', values: [...CONTROLLER, 'controller.rollouts=true'] },
  { folder: 'variants/auth-delegator', values: [...CONTROLLER, 'controller.authDelegator=true'] },
];

/** Every rendered file: its path below deploy/ and its text. */
export async function renderedFiles(helm: Helm): Promise<readonly (readonly [string, string])[]> {
  const renderings = new Map<string, Promise<string>>();
  return Promise.all(
    FILES.map(async ({ file, template, values, entry }) => {
      const key = values.join();
      const rendering = renderings.get(key) ?? render(helm, values);
      renderings.set(key, rendering);
      const text = documentsOf(await rendering, template).join('---\n');
      return [file, `${GENERATED}${entry === undefined ? text : entryOf(text, entry)}`] as const;
    }),
  );
}

/** The documents of one template, in Helm's order of installation. */
const documentsOf = (rendering: string, template: string): readonly string[] => {
  const source = `# Source: ${NAME}/templates/${template}\n`;
  return rendering
    .split(/^---\n/m)
    .filter((text) => text.startsWith(source))
    .map((text) => `${text.slice(source.length).trimEnd()}\n`);
};

/** One entry with the comment above it, in a configuration without other fields. */
const entryOf = (configuration: string, name: string): string => {
  const [, ...entries] = configuration.split(/^(?=(?: {2}# .*\n)+ {2}- name: )/m);
  const wanted = entries.find((text) => text.includes(`  - name: ${name}.vaultauth.dev\n`));
  if (wanted === undefined) throw new Error(`the configuration has no entry ${name}`);
  const head = [
    'apiVersion: admissionregistration.k8s.io/v1',
    'kind: MutatingWebhookConfiguration',
    'metadata:',
    `  name: ${NAME}`,
  ];
  return `# One more entry for the configuration of deploy/manifests.\n${[...head, 'webhooks:', wanted].join('\n')}`;
};
