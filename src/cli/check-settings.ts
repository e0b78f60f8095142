// Rules between the settings of a server: each value is valid by itself, but not together with the others.
import { existsSync } from 'node:fs';
import { ALLOW_ALL, GUARDED_NAMES } from '../admission/guard.ts';
import { nearestWord } from '../annotations/suggest.ts';
import { cipherSuites } from '../http/tls-options.ts';
import type { ReadSettings, Settings } from '../settings/read.ts';
import { floorProblems } from '../tls/lifetimes.ts';

export type ServerCommand = 'webhook' | 'agent-inject';

const certificates = ({ tlsCertFile, tlsKeyFile, tlsAuto }: Settings): string[] => {
  if ((tlsCertFile === '') !== (tlsKeyFile === '')) return ['-tls-cert-file and -tls-key-file must be set together'];
  if (tlsCertFile !== '') return [];
  return tlsAuto === '' ? ['no serving certificate: set -tls-auto, or -tls-cert-file and -tls-key-file'] : [];
};

const lives = ({ tlsCaLife, tlsLeafLife }: Settings): readonly string[] => floorProblems(tlsCaLife, tlsLeafLife);

const suites = ({ tlsCipherSuites }: Settings): string[] => {
  try {
    cipherSuites(tlsCipherSuites.join(','));
    return [];
  } catch (error) {
    return [`-tls-cipher-suites: ${error instanceof Error ? error.message : String(error)}`];
  }
};

const allowances = ({ allow }: Settings): string[] =>
  allow
    .filter((name) => name !== ALLOW_ALL && !GUARDED_NAMES.includes(name))
    .map((name) => {
      const nearest = nearestWord(name, GUARDED_NAMES);
      return `-allow: ${JSON.stringify(name)} is not a guarded annotation${nearest === undefined ? `, expected some of ${GUARDED_NAMES.join(', ')}` : `; did you mean ${nearest}?`}`;
    });

/** agent-inject ignores further words, as vault-k8s does. */
const ownRules = ({ positionals }: ReadSettings): string[] =>
  positionals.length > 0 ? [`${JSON.stringify(positionals[0])} is not a flag`] : [];

/** One line per problem; empty when the server can start. */
export function checkServerSettings(command: ServerCommand, read: ReadSettings): string[] {
  const { settings } = read;
  return [
    ...(settings.listen ? [] : ['-listen must not be empty']),
    ...(command === 'agent-inject' && !settings.vaultAddress
      ? ['no Vault address: set -vault-address or AGENT_INJECT_VAULT_ADDR']
      : []),
    ...(settings.clusterState === '' || existsSync(settings.clusterState)
      ? []
      : [`-cluster-state: no such file or directory: ${settings.clusterState}`]),
    ...(command === 'webhook' ? ownRules(read) : []),
    ...certificates(settings),
    ...lives(settings),
    ...suites(settings),
    ...allowances(settings),
  ];
}
