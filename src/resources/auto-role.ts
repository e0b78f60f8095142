// Automatic roles (spec.autoRoles of a backend): which service accounts get one, and its manifest. The webhook uses the same rule,
// because it admits a pod before the controller has created its role.
import { type LabelSelector, selectorMatches } from './label-selector.ts';
import type { JsonObject } from '../json/json.ts';
import type { VaultAuthBackend } from './backend.ts';
import { API_VERSION, AUTO_ROLE_ANNOTATION, AUTO_ROLE_LABEL, AUTO_ROLE_POLICIES_ANNOTATION } from './kinds.ts';
import { isPolicyReference, MAX_POLICIES } from './role.ts';

/** The fields of a backend's spec that decide. */
export interface AutoRoleRules {
  readonly tenancy: { readonly namespaceSelector?: LabelSelector };
  readonly autoRoles: {
    readonly mode: 'Disabled' | 'Annotated' | 'All';
    readonly namespaceSelector?: LabelSelector;
    readonly includeDefault: boolean;
  };
}

/** Whether a service account gets an automatic role; `annotation` is its value of AUTO_ROLE_ANNOTATION. */
export function autoRoleApplies(
  { tenancy, autoRoles }: AutoRoleRules,
  namespaceLabels: Readonly<Record<string, string>>,
  serviceAccount: string,
  annotation: string | undefined,
): boolean {
  if (autoRoles.mode === 'Disabled') return false;
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

type Texts = Readonly<Record<string, string>>;

export interface AutoRoleInput {
  readonly backend: VaultAuthBackend;
  readonly namespace: { readonly name: string; readonly labels: Texts };
  readonly serviceAccount: { readonly name: string; readonly uid: string; readonly annotations: Texts };
}

export interface AutoRole {
  /** For server-side apply, unless a VaultAuthRole of this name exists that a user wrote. */
  readonly manifest: JsonObject;
  /** Requested policies that a role cannot have: invalid names, or more than the maximum. */
  readonly ignored: readonly string[];
}

/** The automatic role of a service account, which the service account owns; undefined when it gets none. Tenancy rules apply to it. */
export function autoRoleOf(input: AutoRoleInput): AutoRole | undefined {
  const { backend, namespace, serviceAccount } = input;
  const { name: account, annotations } = serviceAccount;
  if (!autoRoleApplies(backend.spec, namespace.labels, account, annotations[AUTO_ROLE_ANNOTATION])) return undefined;
  const { template } = backend.spec.autoRoles;
  const requested = (serviceAccount.annotations[AUTO_ROLE_POLICIES_ANNOTATION] ?? '')
    .split(',')
    .map((policy) => policy.trim())
    .filter((policy) => policy !== '');
  const all = [...new Set([...template.policies, ...requested])];
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

/** The backend's name as value of AUTO_ROLE_LABEL: a label value is shorter than an object name. */
export function autoRoleLabel(backend: string): string {
  return backend.slice(0, 63).replace(/[^a-z0-9]+$/, '');
}
