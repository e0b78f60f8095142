// The command inject: which documents change, what is printed, and the exit code.
import { parseAllDocuments } from 'yaml';
import { inject } from '../../../src/cli/inject.ts';
import { objectAt, objectsOf, type JsonObject } from '../../../src/json/json.ts';
import { ADDRESS, runCommand, requestLines, temporaryFolder } from './run-command.ts';

const files = temporaryFolder();
afterAll(files.clear);

const DEPLOYMENT = `# The shop window.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  template:
    metadata:
      annotations:
${requestLines(8)}    spec:
      # One app.
      containers:
        - name: web
          image: "nginx"   # pinned elsewhere
`;
const OTHER = `apiVersion: v1
kind:   ConfigMap
metadata: {name: odd,   namespace: shop}
data:
    a:   "1"    # odd blanks


    b: 'x'
`;

const valuesOf = (text: string): JsonObject[] =>
  parseAllDocuments(text, { merge: true }).map((document) => document.toJS() as JsonObject);
const podOf = (value: JsonObject | undefined): JsonObject | undefined => objectAt(objectAt(value, 'spec'), 'template') ?? value;
const containersOf = (pod: JsonObject | undefined, list = 'containers'): (string | undefined)[] =>
  objectsOf(objectAt(pod, 'spec')?.[list]).map(({ name }) => name as string);

/** Lines of the first text that are not, in this order, in the second. */
const lost = (before: string, after: string): string[] => {
  const lines = after.split('\n');
  let at = 0;
  return before.split('\n').filter((line) => {
    const found = lines.indexOf(line, at);
    if (found !== -1) at = found + 1;
    return found === -1;
  });
};

describe('output', () => {
  test.each(['native', 'compat'])(
    'F20 gives agents of profile %s the user and the CA of an OpenShift namespace',
    async (profile) => {
      const state = files.write(
        'okd.yaml',
        `apiVersion: v1
kind: Namespace
metadata:
  name: okd
  annotations:
    openshift.io/sa.scc.uid-range: 1000650000/10000
    openshift.io/sa.scc.supplemental-groups: 1000650000/10000
`,
      );
      const more = [
        'agent-run-as-same-user: "true"',
        'ca-cert: /var/run/secrets/kubernetes.io/serviceaccount/service-ca.crt',
        'agent-inject-secret-key: kv/data/app/key',
      ];
      const pod = `apiVersion: v1
kind: Pod
metadata:
  name: app
  namespace: okd
  annotations:
${requestLines(4, more)}spec:
  containers:
    - {name: app, image: registry.example/app:1}
`;
      const flags = [...ADDRESS, `-profile=${profile}`, `-cluster-state=${state}`];
      const { out, errors } = await runCommand(inject, ['-f', files.write('app.yaml', pod), ...flags]);
      expect(errors).toEqual(['1 object, 1 pod: 1 injected']);
      const spec = objectAt(valuesOf(out)[0], 'spec');
      const agents = ['initContainers', 'containers']
        .flatMap((list) => objectsOf(spec?.[list]))
        .filter(({ name }) => name !== 'app');
      expect(agents.map((agent) => objectAt(agent, 'securityContext')?.['runAsUser'])).toEqual(agents.map(() => 1_000_650_000));
      // The API server adds the volume of profile compat when the pod is created.
      expect(out.includes('openshift-service-ca.crt')).toBe(profile === 'native');
    },
  );

  test('F25 reads octal numbers and words of YAML 1.1 as kubectl does, and prints them as they were written', async () => {
    const pod = `apiVersion: v1
kind: Pod
metadata:
  name: words
  annotations:
${requestLines(4, ['agent-inject-secret-db: kv/data/app/db'])}spec:
  shareProcessNamespace: yes
  containers:
    - {name: app, image: registry.example/app:1, securityContext: {runAsUser: 01750}}
`;
    const { code, out } = await runCommand(inject, ['-f', files.write('octal.yaml', pod), ...ADDRESS]);
    expect(code).toBe(0);
    expect(out).toContain('shareProcessNamespace: yes\n');
    expect(out).toContain('runAsUser: 01750');
    const agent = objectsOf(objectAt(valuesOf(out)[0], 'spec')?.['initContainers'])[0];
    expect(objectAt(agent, 'securityContext')?.['runAsUser']).toBe(1000);
  });

  test('adds agents to an annotated workload and keeps every line, with one blank before a comment', async () => {
    const text = `${DEPLOYMENT}---\n${OTHER}---\n# nothing here\n`;
    const { code, out, errors } = await runCommand(inject, ['-f', files.write('web.yaml', text), ...ADDRESS]);
    expect({ code, errors }).toEqual({ code: 0, errors: ['2 objects, 1 pod: 1 injected'] });
    expect(lost(text.replace('"   # pinned', '" # pinned'), out)).toEqual([]);
    expect(out).toContain(`---\n${OTHER}---\n# nothing here\n`);
    const pod = podOf(valuesOf(out)[0]);
    expect(containersOf(pod)).toEqual(['web']);
    expect(containersOf(pod, 'initContainers')).toEqual(['vault-agent']);
    expect(out.indexOf('initContainers:')).toBeLessThan(out.indexOf('# One app.'));
  });

  test('changes nothing when its output is injected again', async () => {
    const first = await runCommand(inject, ADDRESS, { stdin: DEPLOYMENT });
    const second = await runCommand(inject, [...ADDRESS, '-f', '-'], { stdin: first.out });
    expect(second).toEqual({ code: 0, out: first.out, errors: ['1 object, 1 pod: 0 injected, 1 already injected'] });
    expect((await runCommand(inject, [...ADDRESS, '-diff'], { stdin: first.out })).out).toBe('');
  });

  test('leaves the API token of profile compat to the API server and names its path in the agent configuration', async () => {
    const { out } = await runCommand(inject, [...ADDRESS, '-profile=compat'], { stdin: DEPLOYMENT });
    expect(out).not.toContain('kube-api-access');
    expect(out).not.toContain('/var/run/secrets');
    const agent = objectsOf(objectAt(podOf(valuesOf(out)[0]), 'spec')?.['containers'])[1];
    const config = objectsOf(agent?.['env']).find(({ name }) => name === 'VAULT_CONFIG')?.['value'];
    expect(Buffer.from(config as string, 'base64').toString()).toContain(
      '"token_path":"/var/run/secrets/kubernetes.io/serviceaccount/token"',
    );
  });

  test.each([
    ['Pod', 'v1', []],
    ['PodTemplate', 'v1', ['template']],
    ['ReplicationController', 'v1', ['spec', 'template']],
    ['ReplicaSet', 'apps/v1', ['spec', 'template']],
    ['DaemonSet', 'apps/v1', ['spec', 'template']],
    ['StatefulSet', 'apps/v1', ['spec', 'template']],
    ['Job', 'batch/v1', ['spec', 'template']],
    ['CronJob', 'batch/v1', ['spec', 'jobTemplate', 'spec', 'template']],
  ])('injects the pod of a %s', async (kind, apiVersion, path) => {
    const annotations = { 'vault.hashicorp.com/agent-inject': 'true', 'vault.hashicorp.com/role': 'web' };
    const pod = { metadata: { annotations }, spec: { containers: [{ name: 'web' }] } };
    const object = {
      apiVersion,
      kind,
      metadata: { generateName: 'x-' },
      ...path.reduceRight<object>((inner, key) => ({ [key]: inner }), pod),
    };
    const { code, out } = await runCommand(inject, ADDRESS, { stdin: JSON.stringify(object) });
    expect(code).toBe(0);
    const injected = path.reduce<JsonObject | undefined>(objectAt, JSON.parse(out) as JsonObject);
    expect(containersOf(injected)).toEqual(['web']);
    expect(containersOf(injected, 'initContainers')).toEqual(['vault-agent']);
  });

  test('finds the template of a kind in another group by its shape', async () => {
    const text = DEPLOYMENT.replace('apps/v1', 'other.example/v1');
    const { errors } = await runCommand(inject, ADDRESS, { stdin: text });
    expect(errors).toEqual(['1 object, 1 pod: 1 injected']);
    const silent = text.replaceAll(/^ *vault\.hashicorp\.com.*\n/gm, '');
    const { code, out } = await runCommand(inject, [...ADDRESS, '-auto-inject'], { stdin: silent });
    expect({ code, out }).toEqual({ code: 0, out: silent });
  });

  test('injects pods in a List within a List', async () => {
    const item = DEPLOYMENT.replace('# The shop window.\n', '')
      .replace('"   # pinned', '" # pinned')
      .replaceAll(/^(?=.)/gm, '        ')
      .replace('        ', '      - ');
    const text = `apiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: List\n    items:\n${item}`;
    const { out, errors } = await runCommand(inject, ADDRESS, { stdin: text });
    expect(errors).toEqual(['1 object, 1 pod: 1 injected']);
    expect(lost(text, out)).toEqual([]);
  });

  test('joins several sources, JSON included, to one YAML stream', async () => {
    const json = JSON.stringify({ apiVersion: 'v1', kind: 'Foo' });
    const names = [files.write('a.json', json), files.write('b.yaml', OTHER), files.write('c.json', json)];
    const { out } = await runCommand(
      inject,
      names.flatMap((name) => ['-f', name]),
    );
    expect(out).toBe(`---\n${json}\n---\n${OTHER}---\n${json}\n`);
    const { out: again } = await runCommand(inject, [], { stdin: out });
    expect(again).toBe(out);
  });
});

test('reads the manifests below a directory in the order of their names, without hidden and other files', async () => {
  const directory = temporaryFolder();
  try {
    for (const name of ['b.yml', 'a.yaml', '.hidden.yaml', 'notes.txt', 'c.json'])
      directory.write(name, JSON.stringify({ apiVersion: 'v1', kind: 'Foo', name }));
    const { code, out } = await runCommand(inject, ['-f', directory.path]);
    expect(code).toBe(0);
    expect(valuesOf(out).map(({ name }) => name)).toEqual(['a.yaml', 'b.yml', 'c.json']);
  } finally {
    directory.clear();
  }
});

describe('messages', () => {
  test('reports every problem of a denied pod with line and remedy, prints nothing and exits with 1', async () => {
    const broken = DEPLOYMENT.replace('role: web', 'agent-limits-mem: 128 MB').replace(
      'agent-inject: "true"',
      'agent-inject: "true"\n        vault.hashicorp.com/rol: web',
    );
    const file = files.write('broken.yaml', `${OTHER}---\n${broken}`);
    const { code, out, errors } = await runCommand(inject, ['-f', file, ...ADDRESS]);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(errors).toEqual([
      expect.stringMatching(
        /broken\.yaml:21: Deployment shop\/web: warning \[annotation-unknown\]: .*unknown annotation .*\/rol .*did you mean/,
      ),
      expect.stringMatching(/broken\.yaml:22: Deployment shop\/web: error \[annotation-value\]: .*invalid value "128 MB"/),
      expect.stringMatching(
        /broken\.yaml:11: Deployment shop\/web: error \[role-missing\]: .*: set vault\.hashicorp\.com\/role on the pod template/,
      ),
      '2 objects, 1 pod: 0 injected, 1 denied, so nothing is printed',
    ]);
  });

  test('warns about annotations on the Deployment instead of its template', async () => {
    const text = `apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  annotations:\n${requestLines(4)}spec:\n  template:\n    spec:\n      containers: [{name: web}]\n`;
    const { code, out, errors } = await runCommand(inject, ADDRESS, { stdin: text });
    expect({ code, out }).toEqual({ code: 0, out: text });
    expect(errors[0]).toBe(
      'standard input:1: Deployment default/web: warning [annotation-misplaced]: vault.hashicorp.com/agent-inject has no effect on a Deployment, only on its pod template: move it to the metadata of spec.template',
    );
  });

  test('reports no annotation of the controller on a Deployment of a cluster', async () => {
    const versions = '{"versions":{"main/kv/data/web":2}}';
    const text = `apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  annotations:\n    vaultauth.dev/rollout: '${versions}'\nspec:\n  template:\n    metadata:\n      annotations:\n${requestLines(8)}        vaultauth.dev/secret-versions: '{"main/kv/data/web":2}'\n    spec:\n      containers: [{name: web}]\n`;
    const { code, errors } = await runCommand(inject, ADDRESS, { stdin: text });
    expect({ code, errors }).toEqual({ code: 0, errors: ['1 object, 1 pod: 1 injected'] });
  });

  test('denies an annotation whose value is true without quotes', async () => {
    const { code, errors } = await runCommand(inject, ADDRESS, { stdin: DEPLOYMENT.replace('"true"', 'true') });
    expect(code).toBe(1);
    expect(errors[0]).toContain(
      'standard input:11: Deployment shop/web: error [pod-malformed]: vault.hashicorp.com/agent-inject is true',
    );
    expect(errors[0]).toContain('quote the value: "true"');
  });

  test('warns about a Deployment without a template, an object without a kind and an empty file', async () => {
    const text = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec:\n  template:\n---\nreplicas: 1\n';
    const { code, out, errors } = await runCommand(inject, ['-f', '-', '-f', files.write('empty.yaml', '')], { stdin: text });
    expect({ code, out }).toEqual({ code: 0, out: text });
    expect(errors.slice(0, 3)).toEqual([
      'standard input:1: warning: Deployment default/x: spec.template is not an object: there is no pod to inject; not changed',
      'standard input:7: warning: the document has no kind; not changed',
      expect.stringMatching(/empty\.yaml: warning: no manifest in this file/),
    ]);
  });

  test('prints a diff with the line numbers of the file, coloured on a terminal', async () => {
    const file = files.write('diff.yaml', `${OTHER}---\n${DEPLOYMENT}`);
    const plain = await runCommand(inject, ['--diff', '-f', file, ...ADDRESS]);
    expect(plain.code).toBe(0);
    const linesWith = (sign: string): number => plain.out.split('\n').filter((line) => line.startsWith(`${sign} `)).length;
    expect(plain.out.split('\n').slice(0, 9)).toEqual([
      `--- ${file}\tDeployment shop/web`,
      `+++ ${file}\tDeployment shop/web, injected`,
      `@@ -19,8 +19,${8 - linesWith('-') + linesWith('+')} @@ Deployment shop/web`,
      '       annotations:',
      '         vault.hashicorp.com/agent-inject: "true"',
      '         vault.hashicorp.com/role: web',
      expect.stringMatching(/^\+        vaultauth\.dev\/agent-config: '\{"auto_auth":/),
      '+        vault.hashicorp.com/agent-inject-status: injected',
      '     spec:',
    ]);
    const coloured = await runCommand(inject, ['--diff', '-f', file, ...ADDRESS], { colour: true });
    expect(coloured.out).toContain('\u{1b}[32m+      initContainers:\u{1b}[0m');
    expect(coloured.out).toMatch(/… \(\d+ characters\)/);
  });
});

describe('settings', () => {
  test('come from -n, the environment and a directory with the state of the cluster', async () => {
    const text =
      'apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  serviceAccountName: web\n  containers:\n    - name: web\n';
    const cluster = temporaryFolder();
    try {
      cluster.write(
        'cluster.yml',
        `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels: {vaultauth.dev/inject: enabled}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: web\n  namespace: shop\n  annotations: {vault.hashicorp.com/role: web}\n`,
      );
      const environment = {
        VAULT_AUTH_INJECTOR_VAULT_ADDR: 'https://vault.example:8200',
        VAULT_AUTH_INJECTOR_CLUSTER_STATE: cluster.path,
      };
      expect((await runCommand(inject, ['-n', 'shop'], { stdin: text, environment })).errors).toEqual([
        '1 object, 1 pod: 1 injected',
      ]);
      expect((await runCommand(inject, [], { stdin: text, environment })).errors).toEqual([
        '1 object, 1 pod: 0 injected, 1 not injected',
      ]);
      cluster.write('cluster.yml', 'kind: [');
      expect((await runCommand(inject, [], { stdin: text, environment })).code).toBe(2);
    } finally {
      cluster.clear();
    }
  });
});
