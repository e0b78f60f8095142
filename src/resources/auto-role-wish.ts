// Whether a backend wants a role for a service account by itself (autoRoles): asked by the controller, which makes it, and by the
// webhook, which has to know that it will come.
import type { LabelSelector } from './selector.ts';
import { selectorMatches } from './selects.ts';

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
