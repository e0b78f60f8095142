// The manifests of a first installation agree with one another and with the program.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { objectAt, type JsonObject } from '../../../src/json/json.ts';
import { flag } from '../../../src/annotations/value-kinds.ts';
import { allNames } from '../../../src/annotations/names.ts';
import { ADMISSION_LABEL, INJECT_LABEL } from '../../../src/selection/decide.ts';
import { readSettings } from '../../../src/settings/read.ts';
import { ROOT } from '../../support/sources.ts';
import { at, filesIn, objectsIn, only } from './documents.ts';

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { readonly version: string };
const NAME = 'vault-auth-injector';
const FILES = filesIn('manifests').filter((file) => !file.endsWith('kustomization.yaml'));
const objects = FILES.flatMap(objectsIn);
const deployment = only(objects, 'Deployment');
const pod = at(deployment, 'spec', 'template');
const container = at(pod, 'spec', 'containers', 0);
const labels = at(pod, 'metadata', 'labels');
const configuration = only(objects, 'MutatingWebhookConfiguration');
const entries = at(configuration, 'webhooks') as readonly JsonObject[];
const args = at(container, 'args') as readonly string[];
const environment = at(container, 'env') as readonly { readonly name: string; readonly value?: string }[];
const variables = Object.fromEntries(environment.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
const reading = readSettings('webhook', args.slice(1), variables);
const settings = reading.ok ? reading.value.settings : undefined;

const ports = at(container, 'ports') as readonly { readonly name: string; readonly containerPort: number }[];
const portOf = (name: unknown): number | undefined => ports.find((port) => port.name === name)?.containerPort;

const rules = (kind: string): unknown => at(only(objects, kind), 'rules');

describe('the kustomization', () => {
  const kustomization = only(objectsIn('manifests/kustomization.yaml'), 'Kustomization');

  it('has every file, the configuration first, and no namespace', () => {
    const resources = at(kustomization, 'resources') as readonly string[];
    expect(resources.map((name) => `manifests/${name}`).toSorted()).toEqual(FILES);
    expect(resources[0]).toBe('webhook.yaml');
    expect(at(kustomization, 'sortOptions', 'order')).toBe('fifo');
    expect(objects.map(({ kind }) => kind)).not.toContain('Namespace');
  });

  it('sets the image that the Deployment names', () => {
    expect(String(at(container, 'image')).split(':')).toEqual([at(kustomization, 'images', 0, 'name'), version]);
  });
});

it('the chart has the version of the package', () => {
  expect(objectsIn('chart/Chart.yaml')).toMatchObject([{ version, appVersion: version }]);
});

describe('objects', () => {
  it('are named alike, in one namespace, with one label', () => {
    for (const object of objects) {
      expect(at(object, 'metadata', 'name')).toBe(object['kind'] === 'Secret' ? settings?.tlsSecretName : NAME);
      expect(at(object, 'metadata', 'labels', 'app.kubernetes.io/name')).toBe(NAME);
      expect([undefined, NAME]).toContain(at(object, 'metadata', 'namespace'));
    }
  });

  it('select the pods of the Deployment', () => {
    const selectors = [
      at(deployment, 'spec', 'selector', 'matchLabels'),
      at(only(objects, 'Service'), 'spec', 'selector'),
      at(only(objects, 'PodDisruptionBudget'), 'spec', 'selector', 'matchLabels'),
      at(only(objects, 'NetworkPolicy'), 'spec', 'podSelector', 'matchLabels'),
      ...(at(pod, 'spec', 'topologySpreadConstraints') as readonly unknown[]).map((spread) =>
        at(spread, 'labelSelector', 'matchLabels'),
      ),
    ];
    for (const selector of selectors) expect(selector).toEqual(labels);
  });

  it('run in a namespace that is restricted and never waits for itself', () => {
    const of = at(only(objectsIn('namespace/namespace.yaml'), 'Namespace'), 'metadata', 'labels');
    expect(of).toMatchObject({ 'pod-security.kubernetes.io/enforce': 'restricted', [ADMISSION_LABEL]: 'disabled' });
    expect(labels).not.toHaveProperty([INJECT_LABEL]);
  });
});

describe('the process', () => {
  it('gets variables that it knows, and no flag that would override them', () => {
    expect(args).toEqual(['webhook']);
    expect(reading).toMatchObject({ ok: true, value: { warnings: [] } });
    expect(settings).toMatchObject({
      tlsAuto: at(configuration, 'metadata', 'name'),
      vaultAddress: expect.stringMatching(/^https?:/),
    });
  });

  it('listens where Service, webhook and probes call', () => {
    const [servicePort] = at(only(objects, 'Service'), 'spec', 'ports') as readonly JsonObject[];
    expect(portOf(servicePort?.['targetPort'])).toBe(settings?.listen?.port);
    expect(portOf('operations')).toBe(settings?.operationsListen?.port);
    for (const entry of entries)
      expect(at(entry, 'clientConfig', 'service')).toEqual({
        name: NAME,
        namespace: NAME,
        path: '/mutate',
        port: servicePort?.['port'],
      });
    expect(at(container, 'readinessProbe', 'httpGet')).toEqual({ path: '/readyz', port: 'operations' });
    expect(at(container, 'livenessProbe', 'httpGet')).toEqual({ path: '/healthz', port: 'operations' });
    const allowed = (at(only(objects, 'NetworkPolicy'), 'spec', 'ingress') as readonly JsonObject[]).map((rule) =>
      portOf(at(rule, 'ports', 0, 'port')),
    );
    expect(allowed).toEqual([settings?.listen?.port, settings?.operationsListen?.port]);
  });

  it('is ended only after it has drained', () => {
    const grace = Number(at(pod, 'spec', 'terminationGracePeriodSeconds')) * 1000;
    expect(grace).toBeGreaterThanOrEqual((settings?.drainMax ?? Infinity) + 10_000);
  });

  it('knows its namespace, and reads the API access where Kubernetes puts it', () => {
    expect(environment.slice(0, 2).map(({ name }) => name)).toEqual(['NAMESPACE', 'POD_NAME']);
    expect(at(pod, 'spec', 'automountServiceAccountToken')).toBe(false);
    expect(at(container, 'volumeMounts', 0, 'mountPath')).toBe('/var/run/secrets/kubernetes.io/serviceaccount');
    const sources = at(pod, 'spec', 'volumes', 0, 'projected', 'sources') as readonly JsonObject[];
    expect(
      sources.map((source) => at(Object.values(source)[0], 'items', 0, 'path') ?? at(Object.values(source)[0], 'path')),
    ).toEqual(['token', 'ca.crt', 'namespace']);
  });

  it('has bounded memory, an unthrottled processor and no privileges', () => {
    expect(at(container, 'resources')).toEqual({ requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '384Mi' } });
    expect(at(container, 'securityContext')).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(at(pod, 'spec', 'securityContext')).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  });
});

describe('rights', () => {
  it('are one Secret by name and creating it, and in its namespace reading what the configuration calls', () => {
    expect(rules('Role')).toEqual([
      { apiGroups: [''], resources: ['services'], verbs: ['get'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list'] },
      { apiGroups: [''], resources: ['secrets'], resourceNames: [settings?.tlsSecretName], verbs: ['get', 'update'] },
      { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
    ]);
  });

  it('are one webhook configuration by name, and reading namespaces, service accounts and limit ranges', () => {
    expect(rules('ClusterRole')).toEqual([
      {
        apiGroups: ['admissionregistration.k8s.io'],
        resources: ['mutatingwebhookconfigurations'],
        resourceNames: [settings?.tlsAuto],
        verbs: ['get', 'watch', 'patch'],
      },
      { apiGroups: [''], resources: ['namespaces', 'serviceaccounts', 'limitranges'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['nodes'], verbs: ['list'] },
      {
        apiGroups: ['vaultauth.dev'],
        resources: ['vaultendpoints', 'vaultauthbackends', 'vaultauthroles'],
        verbs: ['get', 'list', 'watch'],
      },
    ]);
  });

  it.each(['Role', 'ClusterRole'])('of the %s belong to our service account', (kind) => {
    const binding = only(objects, `${kind}Binding`);
    expect(at(binding, 'roleRef')).toEqual({ apiGroup: 'rbac.authorization.k8s.io', kind, name: NAME });
    expect(at(binding, 'subjects')).toEqual([
      { kind: 'ServiceAccount', name: at(pod, 'spec', 'serviceAccountName'), namespace: NAME },
    ]);
  });
});

describe('the entries', () => {
  it('differ only in name and selection', () => {
    const common = entries.map((entry) =>
      Object.fromEntries(Object.entries(entry).filter(([key]) => !['name', 'objectSelector', 'matchConditions'].includes(key))),
    );
    expect(entries.map(({ name }) => name)).toEqual(['label.vaultauth.dev', 'annotation.vaultauth.dev']);
    expect(common[0]).toEqual(common[1]);
    expect(common[0]).toMatchObject({
      failurePolicy: 'Fail',
      timeoutSeconds: 5,
      sideEffects: 'None',
      reinvocationPolicy: 'IfNeeded',
      matchPolicy: 'Equivalent',
      admissionReviewVersions: ['v1'],
    });
    expect(objectAt(common[0], 'clientConfig')).not.toHaveProperty('caBundle');
  });

  it('exclude the namespaces that the program excludes, and our own', () => {
    const [excluded] = at(entries[0], 'namespaceSelector', 'matchExpressions') as readonly JsonObject[];
    // The program adds its own namespace, which NAMESPACE names.
    expect(excluded?.['values']).toEqual([...(settings?.excludedNamespaces ?? []), NAME]);
  });

  it('spell our names as the program does', () => {
    const text = JSON.stringify(entries);
    for (const name of allNames('agentInject')) expect(text).toContain(`'${name}'`);
    expect(text).toContain(`"key":"${INJECT_LABEL}"`);
    expect(text).toContain(`"key":"${ADMISSION_LABEL}"`);
  });

  it('leave out exactly the spellings that the program reads as no', () => {
    const expression = String(at(entries[1], 'matchConditions', 1, 'expression'));
    const listed = /\[name\] in \[([^\]]*)\]/
      .exec(expression)?.[1]
      ?.split(',')
      .map((text) => text.trim().slice(1, -1));
    expect(listed?.every((spelling) => flag.read(spelling) === false)).toBe(true);
    const others = ['0', 'f', 'F', 'false', 'False', 'FALSE', '', 'no', 'off', 'fAlSe', 'n'].filter(
      (spelling) => !listed?.includes(spelling),
    );
    expect(others.filter((spelling) => flag.read(spelling) === false)).toEqual([]);
  });
});

const variantOf = (variant: string): JsonObject => only(objectsIn(`variants/${variant}/kustomization.yaml`), 'Kustomization');
const addedBy = (variant: string): unknown => at(objectsIn(`variants/${variant}/entry.yaml`)[0], 'webhooks', 0);

describe('the variants', () => {
  it('build upon one another', () => {
    expect(at(variantOf('namespaces'), 'resources')).toEqual(['../../manifests']);
    expect(at(variantOf('cluster-wide'), 'resources')).toEqual(['../namespaces']);
  });

  it('add one entry each, on the same Service; the last one calls for pods that do not ask', () => {
    const [namespaces, clusterWide] = ['namespaces', 'cluster-wide'].map(addedBy);
    expect(namespaces).toMatchObject({ name: 'namespace.vaultauth.dev', failurePolicy: 'Fail', timeoutSeconds: 5 });
    expect(clusterWide).toMatchObject({ name: 'auto.vaultauth.dev', failurePolicy: 'Ignore', timeoutSeconds: 3 });
    for (const entry of [namespaces, clusterWide]) expect(at(entry, 'clientConfig')).toEqual(at(entries[0], 'clientConfig'));
  });

  it('switch the program on where it has to know', () => {
    const patch: unknown = parse(String(at(variantOf('cluster-wide'), 'patches', 1, 'patch')));
    const read = readSettings('webhook', [], {
      ...variables,
      [String(at(patch, 0, 'value', 'name'))]: String(at(patch, 0, 'value', 'value')),
    });
    expect(read).toMatchObject({ ok: true, value: { settings: { autoInject: true } } });
  });
});
