// What clusters send to an admission webhook: pods of a thousand different workloads, a few replicas of each, shuffled.
// Reviews look as an API server writes them, with managed fields, an owner and a token volume of a random name.

/** A pod that asks for secrets, one that asks for nothing, and one that asks for secrets and has sixty containers. */
export type Size = 'typical' | 'plain' | 'large';

export interface Workload {
  readonly size: Size;
  /** Its annotations have a mistake, for which its pods are denied. */
  readonly isDenied: boolean;
  readonly replicas: number;
  /** An AdmissionReview as JSON, in which REPLICA and LAP stand where pods differ. */
  readonly template: string;
}

/** Stands for five digits that differ from pod to pod, in the uid of the review and in the name of the token volume. */
export const REPLICA = '@REPLICA@';
/** Stands for five digits that differ from lap to lap: when all pods have been sent, as many new workloads follow. */
export const LAP = '@LAP@';

const digits = (value: number): string => String(value % 100_000).padStart(5, '0');

/** The review of one pod. */
export function podReview(template: string, replica: number, lap: number): string {
  return template.replaceAll(REPLICA, digits(replica)).replaceAll(LAP, digits(lap));
}

const COUNT = 1000;
const MOST_REPLICAS = 10;

type Choice = Pick<Workload, 'size' | 'isDenied'>;

const workloads = (choose: (index: number) => Choice): readonly Workload[] => {
  const random = randomNumbers();
  return Array.from({ length: COUNT }, (_, index) => {
    const choice = choose(index);
    return { ...choice, replicas: 1 + Math.floor(random() * MOST_REPLICAS), template: reviewOf(choice, index) };
  });
};

/** Of ten workloads six ask for nothing and one is denied; of fifty, one is large. */
const mixed = (index: number): Choice => {
  const digit = index % 10;
  if (digit < 6) return { size: 'plain', isDenied: false };
  return { size: index % 50 === 6 ? 'large' : 'typical', isDenied: digit === 9 };
};

/** What is sent in one measurement. */
export const SETS = {
  mixed: () => workloads(mixed),
  typical: () => workloads(() => ({ size: 'typical', isDenied: false })),
  plain: () => workloads(() => ({ size: 'plain', isDenied: false })),
  large: () => workloads(() => ({ size: 'large', isDenied: false })),
  denied: () => workloads(() => ({ size: 'typical', isDenied: true })),
  /** One body over and over, which a server with caches answers fastest and no cluster sends. */
  same: () => {
    const choice: Choice = { size: 'typical', isDenied: false };
    return [{ ...choice, replicas: 1, template: podReview(reviewOf(choice, 0), 1, 1) }];
  },
} as const satisfies Readonly<Record<string, () => readonly Workload[]>>;
export type SetName = keyof typeof SETS;

export const SET_TITLES: Readonly<Record<SetName, string>> = {
  mixed: 'all sizes, every tenth workload denied',
  typical: 'typical, 9 KiB',
  plain: 'not annotated, 4 KiB',
  large: '60 containers, 100 KiB',
  denied: 'typical, all denied',
  same: 'typical, one body over and over',
};

/** The index of a workload once for each of its replicas, in the same random order in every run. */
export function shuffledPods(set: readonly Workload[]): readonly number[] {
  const random = randomNumbers();
  const keyed = set.flatMap(({ replicas }, index) => Array.from({ length: replicas }, () => ({ index, key: random() })));
  return keyed.sort((left, right) => left.key - right.key).map(({ index }) => index);
}

/** Numbers from 0 to 1, always the same ones (mulberry32). */
const randomNumbers = (): (() => number) => {
  let state = 1;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixedBits = Math.imul(state ^ (state >>> 15), 1 | state);
    mixedBits = (mixedBits + Math.imul(mixedBits ^ (mixedBits >>> 7), 61 | mixedBits)) ^ mixedBits;
    return ((mixedBits ^ (mixedBits >>> 14)) >>> 0) / 2 ** 32;
  };
};

const BYTES: Readonly<Record<Size, number>> = { typical: 9 * 1024, plain: 4 * 1024, large: 100 * 1024 };
const CONTAINERS: Readonly<Record<Size, number>> = { typical: 2, plain: 2, large: 60 };
const NAMESPACES = 100;

const reviewOf = ({ size, isDenied }: Choice, index: number): string => {
  const name = `web-${index}-${LAP}`;
  const namespace = `team-${index % NAMESPACES}`;
  const containers = Array.from({ length: CONTAINERS[size] }, (_, container) => containerOf(name, container));
  const annotations =
    size === 'plain' ? { note: 'no secrets' } : { ...annotationsOf(name, index), ...(isDenied && mistakeOf(index)) };
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: `2f6d1b5e-5d0a-4d55-9f0e-5c1b8a7${REPLICA}`,
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace,
      operation: 'CREATE',
      userInfo: {
        username: 'system:serviceaccount:kube-system:replicaset-controller',
        groups: ['system:serviceaccounts', 'system:authenticated'],
      },
      object: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: metadataOf(size, name, namespace, annotations),
        spec: specOf(name, containers),
      },
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    },
  };
  // Variables fill the review up; the markers are as long as what replaces them, give or take a few bytes.
  let length = JSON.stringify(review).length;
  for (let variable = 0; length < BYTES[size]; variable += 1) {
    const entry = { name: `VARIABLE_${variable}`, value: `${index}`.padEnd(24, 'v') };
    containers[variable % containers.length]?.env.push(entry);
    length += JSON.stringify(entry).length + 1;
  }
  return JSON.stringify(review);
};

/** One to three secrets; every fourth workload has a template, every third limits its agent. */
const annotationsOf = (name: string, index: number): Readonly<Record<string, string>> => ({
  'vault.hashicorp.com/agent-inject': 'true',
  'vault.hashicorp.com/role': name,
  ...Object.fromEntries(
    ['database', 'queue', 'mail']
      .slice(0, 1 + (index % 3))
      .map((secret) => [`vault.hashicorp.com/agent-inject-secret-${secret}`, `secret/data/${name}/${secret}`]),
  ),
  ...(index % 4 === 1 && {
    'vault.hashicorp.com/agent-inject-template-database': `{{ with secret "secret/data/${name}/database" }}user={{ .Data.data.user }}{{ end }}`,
  }),
  ...(index % 3 === 1 && { 'vault.hashicorp.com/agent-limits-cpu': `${200 + (index % 7) * 100}m` }),
});

/** Mistakes as people make them: no role, two secrets in one file, a boolean that is none. */
const mistakeOf = (index: number): Readonly<Record<string, string>> =>
  [
    { 'vault.hashicorp.com/role': '' },
    {
      'vault.hashicorp.com/agent-inject-secret-copy': 'secret/data/other',
      'vault.hashicorp.com/agent-inject-file-copy': 'database',
    },
    { 'vault.hashicorp.com/agent-pre-populate-only': 'perhaps' },
  ][Math.floor(index / 10) % 3] ?? {};

const TOKEN_VOLUME = `kube-api-access-${REPLICA}`;

const containerOf = (name: string, index: number) => ({
  name: `app-${index}`,
  image: `registry.example/${name}:1.0.0`,
  env: [] as { name: string; value: string }[],
  resources: {},
  volumeMounts: [{ name: TOKEN_VOLUME, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }],
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
  imagePullPolicy: 'IfNotPresent',
});

const metadataOf = (size: Size, name: string, namespace: string, annotations: Readonly<Record<string, string>>) => ({
  generateName: `${name}-7d9c5f6b8-`,
  namespace,
  labels: { app: name, 'pod-template-hash': '7d9c5f6b8' },
  annotations,
  ownerReferences: [
    {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      name: `${name}-7d9c5f6b8`,
      uid: 'a2c0b3f4-8a7b-4b6c-9d8e-1f2a3b4c5d6e',
      controller: true,
      blockOwnerDeletion: true,
    },
  ],
  // A third of a real review is this.
  managedFields: [
    {
      manager: 'kube-controller-manager',
      operation: 'Update',
      apiVersion: 'v1',
      fieldsType: 'FieldsV1',
      fieldsV1: managedFields(size === 'plain' ? 10 : 40),
    },
  ],
});

const managedFields = (count: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`f:field${index}`, { '.': {}, [`k:{"name":"app-${index}"}`]: {} }]),
  );

const specOf = (name: string, containers: readonly object[]) => ({
  volumes: [
    {
      name: TOKEN_VOLUME,
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
  serviceAccountName: name,
  serviceAccount: name,
  securityContext: {},
  schedulerName: 'default-scheduler',
  priority: 0,
  enableServiceLinks: true,
  preemptionPolicy: 'PreemptLowerPriority',
});
