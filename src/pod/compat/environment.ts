// Environment of an agent container of profile compat, in the order of vault-k8s.
import type { FamilyOptions, Options } from '../../annotations/parse.ts';
import { objectAt, objectsOf, textOf, type Json, type JsonObject } from '../../json/json.ts';
import { processVariables } from '../program.ts';

export interface EnvironmentInput {
  readonly options: Options;
  readonly authConfig: FamilyOptions['authConfig'];
  /** PEM of Vault's CA, from the operator's settings; empty for none. */
  readonly caBytes: string;
  /** The generated configuration in base64; undefined when a ConfigMap brings the configuration. */
  readonly config: string | undefined;
}

interface Variable extends JsonObject {
  readonly name: string;
}

const AWS_NAMES = ['AWS_ROLE_ARN', 'AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_DEFAULT_REGION', 'AWS_REGION'];

const fromField = (name: string, fieldPath: string): Variable => ({ name, valueFrom: { fieldRef: { fieldPath } } });

/** What every agent container gets. */
const PLACE: readonly Variable[] = [
  fromField('NAMESPACE', 'metadata.namespace'),
  fromField('HOST_IP', 'status.hostIP'),
  fromField('POD_IP', 'status.podIP'),
];

const whenSet = (...pairs: readonly (readonly [string, string])[]): Variable[] => {
  const variables: Variable[] = [];
  for (const [name, value] of pairs) if (value !== '') variables.push({ name, value });
  return variables;
};

/** What EKS put into the app containers for AWS: the first literal value of each name. */
const awsVariables = (pod: JsonObject, region: string | undefined): Variable[] => {
  const found = new Map<string, string>();
  for (const container of objectsOf(objectAt(pod, 'spec')?.['containers']))
    for (const variable of objectsOf(container['env'])) {
      const name = textOf(variable, 'name') ?? '';
      const value = textOf(variable, 'value') ?? '';
      if (AWS_NAMES.includes(name) && value !== '' && !found.has(name)) found.set(name, value);
    }
  const variables = AWS_NAMES.flatMap((name) => whenSet([name, found.get(name) ?? '']));
  // The kubelet takes the last of two equal names, so the annotation wins.
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
  // vault-k8s forgets the namespace where a ConfigMap brings the configuration (Q12).
  ...whenSet(['VAULT_TLS_SERVER_NAME', options.tlsServerName], ['VAULT_NAMESPACE', options.namespace]),
];

/** The variables of one agent container; the pod is read for what EKS left in its app containers. */
export function environment(input: EnvironmentInput, pod: JsonObject): Json[] {
  const { options, config } = input;
  return [
    ...PLACE,
    ...whenSet(...processVariables(options)),
    ...(config === undefined ? connection(options) : [{ name: 'VAULT_CONFIG', value: config }]),
    ...whenSet(['VAULT_CACERT_BYTES', input.caBytes]),
    ...(options.authType === 'aws' ? awsVariables(pod, input.authConfig.get('region')?.value) : []),
  ];
}
