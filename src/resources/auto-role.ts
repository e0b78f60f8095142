// Whether a backend wants a role for a service account by itself (autoRoles): asked by the controller, which makes it, and by the
// webhook, which has to know that it will come.
import { type LabelSelector, selectorMatches } from './label-selector.ts';
import type { JsonObject } from '../json/json.ts';
import type { VaultAuthBackend } from './backend.ts';
import { API_VERSION, AUTO_ROLE_ANNOTATION, AUTO_ROLE_LABEL, AUTO_ROLE_POLICIES_ANNOTATION } from './kinds.ts';
import { isPolicyReference, MAX_POLICIES } from './role.ts';

/** What of a backend's spec decides. */
export interface AutoRoleRules {
  readonly tenancy: { readonly namespaceSelector?: LabelSelector };
  readonly autoRoles: {
    readonly mode: 'Off' | 'Annotated' | 'All';
    readonly namespaceSelector?: LabelSelector;
    readonly includeDefault: boolean;
  };
}

/** `annotation` is what AUTO_ROLE_ANNOTATION says on the service account. */
export function autoRoleApplies(
  { tenancy, autoRoles }: AutoRoleRules,
  namespaceLabels: Readonly<Record<string, string>>,
  serviceAccount: string,
  annotation: string | undefined,
): boolean {
  if (autoRoles.mode === 'Off') return false;
  if (
    !selectorMatches(tenancy.namespaceSelector, namespaceLabels) ||
    !selectorMatches(autoRoles.namespaceSelector, namespaceLabels)
  )
    return false;
  switch (autoRoles.mode) {
    case 'Annotated':
      return annotation === 'true';
    case 'All':
      return serviceAccount !== 'default' || autoRoles.includeDefault || annotation === 'true';
  }
}

// The role that a backend wants for a service account by itself (autoRoles): a VaultAuthRole like any other, owned by the account.

type Texts = Readonly<Record<string, string>>;

export interface AutoRoleInput {
  readonly backend: VaultAuthBackend;
  readonly namespace: { readonly name: string; readonly labels: Texts };
  readonly serviceAccount: { readonly name: string; readonly uid: string; readonly annotations: Texts };
}

export interface AutoRole {
  /** To be applied; a role of this name that somebody wrote wins. */
  readonly manifest: JsonObject;
  /** What the annotation asks for and no role can: not names of policies, or too many. */
  readonly ignored: readonly string[];
}

/** The role for a service account; undefined where the backend wants none. It asks: what it gets is judged as for every role. */
export function autoRoleOf(situation: AutoRoleInput): AutoRole | undefined {
  const { backend, namespace, serviceAccount } = situation;
  const { name: account, annotations } = serviceAccount;
  if (!autoRoleApplies(backend.spec, namespace.labels, account, annotations[AUTO_ROLE_ANNOTATION])) return undefined;
  const { template } = backend.spec.autoRoles;
  const asked = (serviceAccount.annotations[AUTO_ROLE_POLICIES_ANNOTATION] ?? '')
    .split(',')
    .map((policy) => policy.trim())
    .filter((policy) => policy !== '');
  const all = [...new Set([...template.policies, ...asked])];
  const policies = all.filter(isPolicyReference).slice(0, MAX_POLICIES);
  const { name, uid } = serviceAccount;
  return {
    manifest: {
      apiVersion: API_VERSION,
      kind: 'VaultAuthRole',
      metadata: {
        name,
        namespace: namespace.name,
        labels: { [AUTO_ROLE_LABEL]: autoRoleLabel(backend.metadata.name) },
        // Gone with its service account.
        ownerReferences: [{ apiVersion: 'v1', kind: 'ServiceAccount', name, uid }],
      },
      spec: {
        backendRef: { name: backend.metadata.name },
        serviceAccounts: [name],
        policies,
        ...(template.tokenExpirationSeconds === undefined ? {} : { tokenExpirationSeconds: template.tokenExpirationSeconds }),
        ...(template.token === undefined ? {} : { token: { ...template.token } }),
      },
    },
    ignored: all.filter((policy) => !policies.includes(policy)),
  };
}

/** The value of the label on roles that a backend makes: values of labels are shorter than names of objects. */
export function autoRoleLabel(backend: string): string {
  return backend.slice(0, 63).replace(/[^a-z0-9]+$/, '');
}
