// The agent's program, by product, and what every profile tells its process.
import type { Options } from '../annotations/parse.ts';

export const PROGRAM: Readonly<Record<Options['flavour'], string>> = { vault: 'vault', openbao: 'bao' };

/** Variables that mean the same to both products, by name; an empty value stands for none. */
export function processVariables(options: Options): readonly (readonly [string, string])[] {
  return [
    ['GOMAXPROCS', options.goMaxProcs],
    ['VAULT_CLIENT_TIMEOUT', options.clientTimeout],
    ['VAULT_MAX_RETRIES', options.clientMaxRetries],
    ['VAULT_LOG_LEVEL', options.logLevel],
    ['VAULT_LOG_FORMAT', options.logFormat],
    ['HTTPS_PROXY', options.proxyAddress],
  ];
}
