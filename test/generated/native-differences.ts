// What an agent of profile native lacks: the only exceptions of the test that compares it with vault-k8s' agent
// (test/conformance/native-reach.test.ts), printed into the guide for those who replace vault-k8s.
import { code, tableOf, withBlock, type Document } from './markdown.ts';

/** One exception. */
export interface NativeDifference {
  /** What templates and commands of vault-k8s' agent can use. */
  readonly what: string;
  /** What the pod author does or finds instead. */
  readonly native: string;
  /** Elements of the reach, such as `file /home/vault/.pid/`, or a denial, such as `denied profile-unsupported`. */
  readonly missing: RegExp;
}

export const NATIVE_DIFFERENCES: readonly NativeDifference[] = [
  {
    what: `user 100 and group 1000, or those that ${code('agent-run-as-user')} and ${code('agent-run-as-group')} set`,
    native: `the user of the app, unless these annotations are set; the names ${code('vault')} and ${code('openbao')} in templates are this user`,
    missing: /^user /,
  },
  {
    what: `${code('VAULT_CONFIG')}, with the configuration in base64`,
    native: `the file ${code('/vault/agent/agent.json')}`,
    missing: /^env VAULT_CONFIG=/,
  },
  {
    what: code('/home/vault/.pid'),
    native: 'the agent is process 1 of its container, unless the pod shares its process namespace',
    missing: /^file \/home\/vault\/\.pid\/$/,
  },
  {
    what: "the pod's token in another directory than the default one",
    native: `the agent's own token in ${code('/var/run/secrets/kubernetes.io/serviceaccount')}, beside ${code('ca.crt')} and ${code('namespace')}`,
    missing: /^file \/serviceaccount\/somewhere\//,
  },
  {
    what: `the listener on 127.0.0.1 that ${code('agent-enable-quit')} opens`,
    native: 'none: the agent of a Job ends by itself',
    missing: /^listener 127\.0\.0\.1:8200$/,
  },
  {
    what: ['agent-configmap', 'agent-cache-enable', 'agent-service-account-token-volume-name', 'agent-revoke-on-shutdown']
      .map(code)
      .join(', '),
    native: `denied ([${code('profile-unsupported')}](../problems.md#profile-unsupported)): remove them, or keep ${code('vaultauth.dev/profile: compat')} for the workload`,
    missing: /^denied profile-unsupported$/,
  },
  {
    what: 'a manifest that already contains the agents of profile compat',
    native: `denied ([${code('container-conflict')}](../problems.md#container-conflict)): inject the original manifest again`,
    missing: /^denied container-conflict$/,
  },
];

/** The guide with its table as it is now. */
export function nativeDifferencesDocument(): Document {
  const rows = NATIVE_DIFFERENCES.map(({ what, native }) => [what, native]);
  return withBlock('docs/guides/replace-vault-k8s.md', 'native-differences', tableOf(["vault-k8s' agent has", 'native'], rows));
}
