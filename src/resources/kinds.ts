// The four kinds: names, scope, API paths, labels and annotations, and the frame of their objects.

export const GROUP = 'vaultauth.dev';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;
export const CATEGORY = 'vaultauth';

/** Blocks deletion until the role, policy or mount in Vault is deleted, or its deletion is recorded as pending. */
export const FINALIZER = `${GROUP}/vault-cleanup`;
/** On a namespace: the backend of its roles without backendRef. */
export const BACKEND_LABEL = `${GROUP}/auth-backend`;
/** On a namespace: Warn or Enforce, when stricter than the admission mode of the backend. */
export const ADMISSION_MODE_LABEL = `${GROUP}/admission-mode`;
/** On a backend: the path of the mount, as confirmation that deletion disables it and revokes all its tokens. */
export const CONFIRM_DELETE_ANNOTATION = `${GROUP}/confirm-delete`;
/** On a service account: "true" requests an automatic role. */
export const AUTO_ROLE_ANNOTATION = `${GROUP}/vault-role`;
/** On a service account: comma-separated policies that its automatic role requests. */
export const AUTO_ROLE_POLICIES_ANNOTATION = `${GROUP}/vault-policies`;
/** On an automatic VaultAuthRole: the backend of the role. */
export const AUTO_ROLE_LABEL = `${GROUP}/auto-role-of`;

/** On a pod, as a label with the value `rollout`: the controller restarts its workload when one of its secrets changes. */
export const ON_CHANGE_LABEL = `${GROUP}/on-change`;
/** On the same pod: the VaultEndpoint, and the paths whose versions count. The webhook writes it. */
export const ON_CHANGE_SECRETS_ANNOTATION = `${GROUP}/on-change-secrets`;
/** On a pod template: the versions for which its pods were started last. A change of it restarts the workload. */
export const SECRET_VERSIONS_ANNOTATION = `${GROUP}/secret-versions`;
/** On a workload: how far the controller has got with the versions of its secrets. */
export const ROLLOUT_ANNOTATION = `${GROUP}/rollout`;

export type KindName = 'VaultEndpoint' | 'VaultAuthBackend' | 'VaultACLPolicy' | 'VaultAuthRole';

export interface Kind {
  readonly kind: KindName;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly scope: 'Cluster' | 'Namespaced';
}

const kind = (name: KindName, plural: string, shortName: string, scope: Kind['scope']): Kind => ({
  kind: name,
  plural,
  singular: name.toLowerCase(),
  shortNames: [shortName],
  scope,
});

/** The four kinds; each depends only on earlier ones. */
export const kinds: Readonly<Record<KindName, Kind>> = {
  VaultEndpoint: kind('VaultEndpoint', 'vaultendpoints', 'vep', 'Cluster'),
  VaultAuthBackend: kind('VaultAuthBackend', 'vaultauthbackends', 'vab', 'Cluster'),
  VaultACLPolicy: kind('VaultACLPolicy', 'vaultaclpolicies', 'vap', 'Cluster'),
  VaultAuthRole: kind('VaultAuthRole', 'vaultauthroles', 'var', 'Namespaced'),
};

/** The API path of a kind: in one namespace, or in all. */
export function collectionPath(name: KindName, namespace?: string): string {
  const { plural, scope } = kinds[name];
  const within = scope === 'Namespaced' && namespace !== undefined ? `/namespaces/${namespace}` : '';
  return `/apis/${API_VERSION}${within}/${plural}`;
}

/** The API path of an object; a namespaced kind requires the namespace. */
export function objectPath(name: KindName, object: { readonly namespace?: string; readonly name: string }): string {
  return `${collectionPath(name, object.namespace)}/${object.name}`;
}

/** The fields of an object's metadata that we read. */
export interface ObjectMeta {
  readonly name: string;
  /** Absent for cluster-scoped kinds. */
  readonly namespace?: string;
  readonly uid: string;
  readonly generation: number;
  readonly resourceVersion: string;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** An object of one of our kinds as the API server returns it, with the defaults of the schema. */
export interface Resource<Spec, Status> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: Spec;
  readonly status?: Status;
}
