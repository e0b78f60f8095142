// The reviews that are sent: as an API server sends them, with managed fields, a token volume and an owner.

/** Names of the reviews and how large each is, in bytes. */
export const SIZES = { typical: 10 * 1024, plain: 4 * 1024, large: 100 * 1024 } as const;
export type ReviewName = keyof typeof SIZES;

export const REVIEW_TITLES: Readonly<Record<ReviewName, string>> = {
  typical: 'typical, 10 KiB',
  plain: 'not annotated, 4 KiB',
  large: '60 containers, 100 KiB',
};

/** An AdmissionReview for the creation of a pod; all but `plain` ask to be injected with one secret. */
export function reviewOf(name: ReviewName): string {
  const containers = Array.from({ length: name === 'large' ? 60 : 2 }, (_, index) => container(index));
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: '2f6d1b5e-5d0a-4d55-9f0e-5c1b8a7d3e21',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace: 'shop',
      operation: 'CREATE',
      userInfo: {
        username: 'system:serviceaccount:kube-system:replicaset-controller',
        groups: ['system:serviceaccounts', 'system:authenticated'],
      },
      object: { apiVersion: 'v1', kind: 'Pod', metadata: metadataOf(name), spec: specOf(containers) },
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    },
  };
  for (let index = 0; JSON.stringify(review).length < SIZES[name]; index += 1)
    containers[index % containers.length]?.env.push({ name: `VARIABLE_${index}`, value: 'v'.repeat(24) });
  return JSON.stringify(review);
}

const container = (index: number) => ({
  name: `app-${index}`,
  image: 'registry.example/shop/web:1.0.0',
  env: [] as { name: string; value: string }[],
  resources: {},
  volumeMounts: [{ name: 'kube-api-access-7x2kq', readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }],
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
  imagePullPolicy: 'IfNotPresent',
});

const ANNOTATIONS = {
  'vault.hashicorp.com/agent-inject': 'true',
  'vault.hashicorp.com/role': 'shop-web',
  'vault.hashicorp.com/agent-inject-secret-database': 'secret/data/shop/database',
};

const metadataOf = (name: ReviewName) => ({
  generateName: 'web-7d9c5f6b8-',
  namespace: 'shop',
  labels: { app: 'web', 'pod-template-hash': '7d9c5f6b8' },
  annotations: name === 'plain' ? { note: 'nothing for us' } : ANNOTATIONS,
  ownerReferences: [
    { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-7d9c5f6b8', uid: 'u', controller: true, blockOwnerDeletion: true },
  ],
  // A third of a real review is this.
  managedFields: [
    {
      manager: 'kube-controller-manager',
      operation: 'Update',
      apiVersion: 'v1',
      fieldsType: 'FieldsV1',
      fieldsV1: managed(name === 'plain' ? 10 : 40),
    },
  ],
});

const managed = (count: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`f:field${index}`, { '.': {}, [`k:{"name":"app-${index}"}`]: {} }]),
  );

const specOf = (containers: readonly object[]) => ({
  volumes: [
    {
      name: 'kube-api-access-7x2kq',
      projected: {
        sources: [
          { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
          { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        ],
        defaultMode: 420,
      },
    },
  ],
  containers,
  restartPolicy: 'Always',
  terminationGracePeriodSeconds: 30,
  dnsPolicy: 'ClusterFirst',
  serviceAccountName: 'web',
  serviceAccount: 'web',
  securityContext: {},
  schedulerName: 'default-scheduler',
  priority: 0,
  enableServiceLinks: true,
  preemptionPolicy: 'PreemptLowerPriority',
});
