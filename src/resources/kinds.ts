// The table of our four kinds: names, scope, and where the API server serves them.

export const GROUP = 'vaultauth.dev';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;
export const CATEGORY = 'vaultauth';

/** Holds an object until what it put into Vault is gone or remembered. */
export const FINALIZER = `${GROUP}/vault-cleanup`;
/** On a namespace: the backend of its roles that name none. */
export const BACKEND_LABEL = `${GROUP}/auth-backend`;
/** On a namespace: Warn or Enforce, where that is stricter than what the backend says. */
export const ADMISSION_MODE_LABEL = `${GROUP}/admission-mode`;
/** On a backend: disabling the mount on deletion needs its path here, for it revokes every token of the mount. */
export const CONFIRM_DELETE_ANNOTATION = `${GROUP}/confirm-delete`;
/** On a service account: "true" makes a role for it where the backend's autoRoles say Annotated. */
export const AUTO_ROLE_ANNOTATION = `${GROUP}/vault-role`;
/** On a service account: policies that its generated role asks for, separated by commas. */
export const AUTO_ROLE_POLICIES_ANNOTATION = `${GROUP}/vault-policies`;
/** On a VaultAuthRole that the controller made for a service account: the backend that asked for it. */
export const AUTO_ROLE_LABEL = `${GROUP}/auto-role-of`;

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

/** The four kinds, in the order in which they depend on one another. */
export const kinds: Readonly<Record<KindName, Kind>> = {
  VaultEndpoint: kind('VaultEndpoint', 'vaultendpoints', 'vep', 'Cluster'),
  VaultAuthBackend: kind('VaultAuthBackend', 'vaultauthbackends', 'vab', 'Cluster'),
  VaultACLPolicy: kind('VaultACLPolicy', 'vaultaclpolicies', 'vap', 'Cluster'),
  VaultAuthRole: kind('VaultAuthRole', 'vaultauthroles', 'var', 'Namespaced'),
};

/** The path of the collection on the API server, of all namespaces or of one; the objects are below it. */
export function collectionPath(name: KindName, namespace?: string): string {
  const { plural, scope } = kinds[name];
  const within = scope === 'Namespaced' && namespace !== undefined ? `/namespaces/${namespace}` : '';
  return `/apis/${API_VERSION}${within}/${plural}`;
}

/** The path of one object; of a namespaced kind the namespace must be given. */
export function objectPath(name: KindName, object: { readonly namespace?: string; readonly name: string }): string {
  return `${collectionPath(name, object.namespace)}/${object.name}`;
}

// The frame of each of our objects: metadata, spec, status.

/** What we read of an object's metadata. */
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

/** An object of one of our kinds as the API server sends it: the defaults of the schema are filled in. */
export interface Resource<Spec, Status> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: Spec;
  readonly status?: Status;
}
