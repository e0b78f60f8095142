// The diff that the demonstration shows holds what injection added, all of it, and nothing that the API server did by itself.
import { podDiff } from './pod-diff.ts';

const container = { name: 'web', image: 'nginx', ports: [{ containerPort: 80 }] };
const template = { metadata: { labels: { app: 'web' }, annotations: { asks: 'yes' } }, spec: { containers: [container] } };

/** What the API server makes of the container and the pod around it. */
const defaults = { terminationMessagePath: '/dev/termination-log', imagePullPolicy: 'Always' };
const token = (suffix: string) => ({
  name: `kube-api-access-${suffix}`,
  mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
});
const stored = (suffix: string) => ({
  ...container,
  ...defaults,
  ports: [{ containerPort: 80, protocol: 'TCP' }],
  resources: {},
  volumeMounts: [token(suffix)],
});
const plain = {
  metadata: { name: 'uninjected', labels: { app: 'web' } },
  spec: { containers: [stored('aaaaa')], dnsPolicy: 'ClusterFirst', volumes: [{ name: 'kube-api-access-aaaaa' }] },
};

it('is empty for a pod that was not injected', () => {
  const pod = {
    metadata: { name: 'web-1', labels: { app: 'web', 'pod-template-hash': '1' }, annotations: { asks: 'yes' } },
    spec: { ...plain.spec, containers: [stored('bbbbb')], volumes: [{ name: 'kube-api-access-bbbbb' }] },
  };
  expect(podDiff({ template, injected: pod, plain })).toEqual([]);
});

it('shows added containers, mounts, volumes and annotations without defaults', () => {
  const agent = {
    name: 'agent',
    image: 'vault',
    ...defaults,
    resources: {},
    volumeMounts: [{ name: 'secrets', mountPath: '/vault' }],
  };
  const web = stored('ccccc');
  const pod = {
    metadata: { labels: { app: 'web' }, annotations: { asks: 'yes', status: 'injected' } },
    spec: {
      ...plain.spec,
      containers: [{ ...web, volumeMounts: [...web.volumeMounts, { name: 'secrets', mountPath: '/vault' }] }, agent],
      volumes: [{ name: 'kube-api-access-ccccc' }, { name: 'secrets', emptyDir: { medium: 'Memory' } }],
    },
  };
  const lines = podDiff({ template, injected: pod, plain });
  expect(lines.filter((line) => line.startsWith('-'))).toEqual([]);
  expect(lines.filter((line) => line.startsWith('+')).map((line) => line.slice(1).trim())).toEqual([
    'status: injected',
    'volumeMounts:',
    '- name: secrets',
    'mountPath: /vault',
    '- name: agent',
    'image: vault',
    'volumeMounts:',
    '- name: secrets',
    'mountPath: /vault',
    'volumes:',
    '- name: secrets',
    'emptyDir:',
    'medium: Memory',
  ]);
});

it('shows what was changed in a container that was there', () => {
  const pod = {
    ...plain,
    metadata: template.metadata,
    spec: { ...plain.spec, containers: [{ ...stored('ddddd'), image: 'other' }] },
  };
  expect(podDiff({ template, injected: pod, plain }).filter((line) => /^[+-]/.test(line))).toEqual([
    '-      image: nginx',
    '+      image: other',
  ]);
});
