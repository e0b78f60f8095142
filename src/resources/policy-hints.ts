// What is risky in a policy that is allowed: templates whose values hold slashes, or come from who may edit a service account.

/** Metadata that both auth methods set themselves from the service account; nobody else can change it. */
const BUILT_IN_METADATA = new Set([
  'service_account_namespace',
  'service_account_name',
  'service_account_uid',
  'service_account_secret_name',
]);
const ALIAS_TEMPLATE = /\{\{\s*identity\.entity\.aliases\.[^.}\s]+\.([a-z_]+)(?:\.([^}\s]+))?\s*\}\}/g;

/** Sentences for people; the policy works without anybody minding them. */
export function policyWarnings(text: string): readonly string[] {
  const found = [...text.matchAll(ALIAS_TEMPLATE)];
  const keys = found.flatMap(([, member, key]) => (member === 'metadata' && key !== undefined ? [key] : []));
  const foreign = [...new Set(keys)].filter((key) => !BUILT_IN_METADATA.has(key));
  return [
    ...(found.some(([, member]) => member === 'name') ? [NAME_HINT] : []),
    ...(foreign.length > 0
      ? [`metadata ${foreign.join(', ')} comes from annotations: whoever may edit a service account chooses what it reaches`]
      : []),
  ];
}

const NAME_HINT =
  'the name of an alias is "namespace/name" where aliasNameSource is ServiceAccountName, and OpenBao 2.6 denies values with a slash: use metadata.service_account_namespace and metadata.service_account_name';
