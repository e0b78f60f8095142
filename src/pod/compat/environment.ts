// Environment of an agent container of profile compat, in the order of vault-k8s.
import type { FamilyOptions, Options } from '../../annotations/parse.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { processVariables } from '../agent.ts';
import type { Pod } from '../pod.ts';

export interface EnvironmentInput {
  readonly options: Options;
  readonly authConfig: FamilyOptions['authConfig'];
  /** PEM of Vault's CA; empty for none. */
  readonly caBytes: string;
  /** The generated configuration in base64; undefined if a ConfigMap contains the configuration. */
  readonly config: string | undefined;
}

interface Variable extends JsonObject {
  readonly name: string;
}

const AWS_NAMES = ['AWS_ROLE_ARN', 'AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_DEFAULT_REGION', 'AWS_REGION'];

const fromField = (name: string, fieldPath: string): Variable => ({ name, valueFrom: { fieldRef: { fieldPath } } });

/** Variables of the downward API that every agent container gets. */
const POD_FIELDS: readonly Variable[] = [
  fromField('NAMESPACE', 'metadata.namespace'),
  fromField('HOST_IP', 'status.hostIP'),
  fromField('POD_IP', 'status.podIP'),
];

const whenSet = (...pairs: readonly (readonly [string, string])[]): Variable[] => {
  const variables: Variable[] = [];
  for (const [name, value] of pairs) if (value !== '') variables.push({ name, value });
  return variables;
};

/** Variables that EKS adds to app containers for AWS: the first literal value of each name. */
const awsVariables = ({ spec }: Pod, region: string | undefined): Variable[] => {
  const found = new Map<string, string>();
  for (const { env } of spec.containers ?? [])
    for (const { name, value } of env ?? [])
      if (name && value && AWS_NAMES.includes(name) && !found.has(name)) found.set(name, value);
  const variables = AWS_NAMES.flatMap((name) => whenSet([name, found.get(name) ?? '']));
  // The kubelet uses the last of two equal names, so the annotation overrides the container's value.
  return region === undefined ? variables : [...variables, ...whenSet(['AWS_REGION', region])];
};

const connection = (options: Options): Variable[] => [
  ...whenSet(
    ['VAULT_ADDR', options.service ?? ''],
    ['VAULT_CACERT', options.caCert],
    ['VAULT_CAPATH', options.caPath === '' ? options.caKey : options.caPath],
    ['VAULT_CLIENT_CERT', options.clientCert],
    ['VAULT_CLIENT_KEY', options.clientKey],
  ),
  { name: 'VAULT_SKIP_VERIFY', value: String(options.tlsSkipVerify) },
  // vault-k8s leaves the namespace out if a ConfigMap contains the configuration (Q12).
  ...whenSet(['VAULT_TLS_SERVER_NAME', options.tlsServerName], ['VAULT_NAMESPACE', options.namespace]),
];

/** The variables of one agent container, with those that EKS added to the app containers of the pod. */
export function environment(input: EnvironmentInput, pod: Pod): Json[] {
  const { options, config } = input;
  return [
    ...POD_FIELDS,
    ...whenSet(...processVariables(options)),
    ...(config === undefined ? connection(options) : [{ name: 'VAULT_CONFIG', value: config }]),
    ...whenSet(['VAULT_CACERT_BYTES', input.caBytes]),
    ...(options.authType === 'aws' ? awsVariables(pod, input.authConfig.get('region')?.value) : []),
  ];
}
