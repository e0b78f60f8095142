// Environment of an agent container of profile compat, in the order of vault-k8s.
import type { FamilyOptions, Options } from '../../annotations/parse.ts';
import { processVariables } from '../agent.ts';
import type { Pod } from '../pod.ts';
import { awsVariables, POD_FIELDS, whenSet, type Variable } from '../pod-variables.ts';

export interface EnvironmentInput {
  readonly options: Options;
  readonly authConfig: FamilyOptions['authConfig'];
  /** PEM of Vault's CA; empty for none. */
  readonly caBytes: string;
  /** The generated configuration in base64; undefined if a ConfigMap contains the configuration. */
  readonly config: string | undefined;
}

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
export function environment(input: EnvironmentInput, pod: Pod): Variable[] {
  const { options, config } = input;
  return [
    ...POD_FIELDS,
    ...whenSet(...processVariables(options)),
    ...(config === undefined ? connection(options) : [{ name: 'VAULT_CONFIG', value: config }]),
    ...whenSet(['VAULT_CACERT_BYTES', input.caBytes]),
    ...(options.authType === 'aws' ? awsVariables(pod, input.authConfig.get('region')?.value) : []),
  ];
}
