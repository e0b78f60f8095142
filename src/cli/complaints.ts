// What only the whole of a server's settings shows: values that can be read one by one and yet cannot be meant.
import { existsSync } from 'node:fs';
import { ALLOW_ALL, GUARDED_NAMES } from '../admission/guard.ts';
import { nearestWord } from '../annotations/suggest.ts';
import { cipherSuites } from '../http/tls-options.ts';
import type { ReadSettings, Settings } from '../settings/read.ts';

export type ServerCommand = 'webhook' | 'agent-inject';

const certificates = ({ tlsCertFile, tlsKeyFile, tlsAuto, tlsAutoHosts }: Settings): string[] => {
  if ((tlsCertFile === '') !== (tlsKeyFile === '')) return ['-tls-cert-file and -tls-key-file belong together: set both'];
  if (tlsCertFile !== '') return [];
  if (tlsAuto === '') return ['no certificate to serve: set -tls-auto and -tls-auto-hosts, or -tls-cert-file and -tls-key-file'];
  return tlsAutoHosts.length === 0 ? ['a self-managed certificate needs the names of the Service: set -tls-auto-hosts'] : [];
};

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
      return `-allow: ${JSON.stringify(name)} is no guarded annotation${nearest === undefined ? `, expected some of ${GUARDED_NAMES.join(', ')}` : `; did you mean ${nearest}?`}`;
    });

const SCHEME = /^(?:https?|unix):\/\//;

/** vault-k8s takes any text for these, and so does its successor. */
const ownRules = ({ settings, positionals }: ReadSettings): string[] => {
  const { vaultAddress = '', vaultCacertBytes, logFormat } = settings;
  return [
    ...(positionals.length > 0 ? [`${JSON.stringify(positionals[0])} is no flag`] : []),
    ...(vaultAddress !== '' && !SCHEME.test(vaultAddress)
      ? [`-vault-address: ${JSON.stringify(vaultAddress)} is no address, expected for example https://vault.example:8200`]
      : []),
    ...(vaultCacertBytes !== '' && !vaultCacertBytes.includes('-----BEGIN CERTIFICATE-----')
      ? ['-vault-cacert-bytes holds no certificate, expected PEM text, or the same in base64']
      : []),
    ...(logFormat === 'json' || logFormat === 'standard'
      ? []
      : [`-log-format: ${JSON.stringify(logFormat)} cannot be read, expected json or standard`]),
  ];
};

/** One line per problem; none when the server can start. */
export function complaints(command: ServerCommand, read: ReadSettings): string[] {
  const { settings } = read;
  return [
    ...(settings.listen ? [] : ['-listen must not be empty']),
    ...(command === 'agent-inject' && !settings.vaultAddress
      ? ['no Vault address: set -vault-address or AGENT_INJECT_VAULT_ADDR']
      : []),
    ...(settings.clusterState === '' || existsSync(settings.clusterState)
      ? []
      : [`-cluster-state: there is no directory ${settings.clusterState}`]),
    ...(command === 'webhook' ? ownRules(read) : []),
    ...certificates(settings),
    ...suites(settings),
    ...allowances(settings),
  ];
}
