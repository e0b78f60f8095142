// The three prefixes of one vocabulary. No other file knows them.

/** Every annotation of vault-k8s means the same under each of them; a message names the one that the user wrote. */
export const PREFIXES = ['vault.hashicorp.com/', 'openbao.org/', 'vaultauth.dev/'] as const;

/** Our own prefix, for names that no predecessor has. */
export const OWN_PREFIX = 'vaultauth.dev/';

/** The prefix of names that documentation and remedies use. */
export const FAMILIAR_PREFIX = 'vault.hashicorp.com/';

/** The part after one of our prefixes, or undefined when the annotation is none of ours. */
export function nameWithin(annotation: string): string | undefined {
  for (const prefix of PREFIXES) if (annotation.startsWith(prefix)) return annotation.slice(prefix.length);
  return undefined;
}
