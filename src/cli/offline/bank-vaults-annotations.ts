// The annotations of bank-vaults, and what each is here. Its first webhook and the later one have different prefixes and a few different names.
// https://bank-vaults.dev/docs/mutating-webhook/annotations/ lists them.
import { annotationName } from '../../annotations/names.ts';
import type { OptionKey } from '../../annotations/table.ts';
import { flag } from '../../annotations/value-kinds.ts';

const PREFIX = 'vault.security.banzaicloud.io/';
const LATER_PREFIX = 'secrets-webhook.security.bank-vaults.io/';

/** Annotations that replace one of bank-vaults, by their names here; or why nothing does. */
type Equivalent =
  | { readonly set: readonly (readonly [OptionKey, string])[]; readonly note?: string }
  | { readonly unneeded: string }
  | { readonly missing: string };

export interface BankVaultsAnnotation {
  /** As the manifest has it. */
  readonly annotation: string;
  readonly value: string;
  readonly equivalent: Equivalent;
}

const same =
  (key: OptionKey) =>
  (value: string): Equivalent => ({ set: [[key, value]] });

const whenSet =
  (reason: Equivalent) =>
  (value: string): Equivalent =>
    flag.read(value) === true ? reason : { unneeded: 'it is off' };

const unneeded = (reason: string) => (): Equivalent => ({ unneeded: reason });
const missing = (remedy: string) => (): Equivalent => ({ missing: remedy });

const AGENT_MODE: Equivalent = {
  missing: `write the templates of its ConfigMap as ${annotationName('secrets')}, or give the agent its whole configuration with ${annotationName('agentConfigmap')}`,
};
const CONSUL_TEMPLATE = missing(
  `write the templates of its ConfigMap as fields "template" of ${annotationName('secrets')}: the agent has the same language`,
);
const NO_BINARY = unneeded('no binary is copied into the pod');
const VARIABLES = unneeded('the variables are part of the container');
const AGENT_SECURITY = unneeded('the agent has the restricted settings anyway');

const EQUIVALENTS: Readonly<Record<string, (value: string) => Equivalent>> = {
  'vault-addr': same('service'),
  'vault-role': same('role'),
  'vault-path': (value) => ({ set: [['authPath', `auth/${value.replaceAll(/^\/+|\/+$/g, '').replace(/^auth\//, '')}`]] }),
  'vault-namespace': same('namespace'),
  'vault-skip-verify': whenSet({
    set: [['tlsSkipVerify', 'true']],
    note: 'give the agent the CA certificate instead',
  }),
  'vault-tls-secret': (value) => ({
    set: [
      ['tlsSecret', value],
      ['caCert', '/vault/tls/ca.crt'],
    ],
  }),
  'vault-client-timeout': same('clientTimeout'),
  'vault-auth-method': (value) =>
    ['', 'jwt', 'kubernetes'].includes(value)
      ? { unneeded: 'the agent logs in with the token of the service account' }
      : { missing: `choose the auth method of the agent with ${annotationName('authType')} and auth-config-NAME` },
  'vault-ignore-missing-secrets': whenSet({
    unneeded: 'variables of keys are made optional with "?" at their end',
  }),
  'vault-env-from-path': missing(
    `name each key as a variable, as the field env of an entry of ${annotationName('secrets')}: Kubernetes has to know the names`,
  ),
  'vault-env-passthrough': missing(
    'set the VAULT_ variables that the app reads in its container: the webhook neither sets nor removes any',
  ),
  'vault-env-daemon': unneeded('the agent renews leases beside the app'),
  'vault-env-delay': unneeded('the app starts once the agent has rendered its variables'),
  'vault-env-image': NO_BINARY,
  'vault-env-image-pull-policy': NO_BINARY,
  'registry-skip-verify': unneeded('no registry is asked for the entrypoint'),
  'mutate-probes': VARIABLES,
  'log-level': same('logLevel'),
  'enable-json-log': whenSet({ set: [['logFormat', 'json']] }),
  'run-as-user': (value) => (value === '0' ? { unneeded: 'it is the default' } : { set: [['agentRunAsUser', value]] }),
  'run-as-group': (value) => (value === '0' ? { unneeded: 'it is the default' } : { set: [['agentRunAsGroup', value]] }),
  'run-as-non-root': AGENT_SECURITY,
  'readonly-root-fs': AGENT_SECURITY,
  'psp-allow-privilege-escalation': AGENT_SECURITY,
  'transit-key-id': unneeded('it is part of the templates that decrypt'),
  'transit-path': unneeded('it is part of the templates that decrypt'),
  'transit-batch-size': unneeded('the agent decrypts each value by itself'),
  'vault-serviceaccount': missing('run the pod with this service account: the agent logs in as the pod'),
  'token-auth-mount': missing('let the agent log in by itself, or read the token from a file with auth-type token_file'),
  'service-account-token-volume-name': missing(
    `name the volume of the token with ${annotationName('agentServiceAccountTokenVolumeName')}, or leave it out`,
  ),
  'vault-image': unneeded('the operator sets the image of the agent'),
  'vault-image-pull-policy': unneeded('the operator sets the image of the agent'),
  'vault-agent': whenSet(AGENT_MODE),
  'vault-agent-configmap': () => AGENT_MODE,
  'vault-agent-once': whenSet({ set: [['agentPrePopulateOnly', 'true']] }),
  'vault-agent-share-process-namespace': whenSet({ set: [['agentShareProcessNamespace', 'true']] }),
  'vault-agent-cpu': same('agentLimitsCpu'),
  'vault-agent-cpu-limit': same('agentLimitsCpu'),
  'vault-agent-cpu-request': same('agentRequestsCpu'),
  'vault-agent-memory': same('agentLimitsMem'),
  'vault-agent-memory-limit': same('agentLimitsMem'),
  'vault-agent-memory-request': same('agentRequestsMem'),
  'vault-agent-env-variables': missing('set what the agent needs with its annotations'),
  'vault-configfile-path': same('secretVolumePath'),
  'vault-ct-configmap': CONSUL_TEMPLATE,
  'vault-ct-image': unneeded('no consul-template runs'),
  'vault-ct-pull-policy': unneeded('no consul-template runs'),
  'vault-ct-once': whenSet({ set: [['agentPrePopulateOnly', 'true']] }),
  'vault-ct-share-process-namespace': whenSet({ set: [['agentShareProcessNamespace', 'true']] }),
  'vault-ct-cpu': unneeded('no consul-template runs'),
  'vault-ct-memory': unneeded('no consul-template runs'),
  'vault-ct-secrets-mount-path': same('secretVolumePath'),
  'vault-ct-inject-in-initcontainers': unneeded('init containers get the secrets too'),
  provider: unneeded('the operator sets the product'),
};

/** Names of the later webhook, by those of the first one. */
const LATER_NAMES: readonly (readonly [RegExp, string])[] = [
  [/^bao-/, 'vault-'],
  [/^secret-init-json-log$/, 'enable-json-log'],
  [/^secret-init-/, 'vault-env-'],
  [/^vault-(from-path|passthrough)$/, 'vault-env-$1'],
  [/^vault-(transit-.*|token-auth-mount|service-account-token-volume-name|log-level)$/, '$1'],
];

/** The name of an annotation of bank-vaults, as its first webhook has it; undefined for all others. */
export function bankVaultsName(annotation: string): string | undefined {
  if (annotation.startsWith(PREFIX)) return annotation.slice(PREFIX.length);
  if (!annotation.startsWith(LATER_PREFIX)) return undefined;
  return LATER_NAMES.reduce((name, [pattern, first]) => name.replace(pattern, first), annotation.slice(LATER_PREFIX.length));
}

/** The annotations of bank-vaults among those of a pod, by name. `mutate` is left out: it decides whether the others count. */
export function bankVaultsAnnotations(annotations: ReadonlyMap<string, string>): ReadonlyMap<string, BankVaultsAnnotation> {
  const found = new Map<string, BankVaultsAnnotation>();
  for (const [annotation, value] of annotations) {
    const name = bankVaultsName(annotation);
    if (name === undefined || name === 'mutate') continue;
    const read = Object.hasOwn(EQUIVALENTS, name) ? EQUIVALENTS[name] : undefined;
    found.set(name, {
      annotation,
      value,
      equivalent: read?.(value) ?? { missing: 'remove it: bank-vaults has no such annotation' },
    });
  }
  return found;
}
