// Waits until the API server applies a right: it observes roles and bindings, and their deletion, a moment after they are written.
import type { Bed } from './bed.ts';
import { eventually } from '../support/eventually.ts';

export interface Right {
  readonly verb: string;
  readonly resource: string;
  /** Default: the core group. */
  readonly group?: string;
  /** Default: in all namespaces, or in none. */
  readonly namespace?: string;
}

/** What the ClusterRole system:auth-delegator gives. */
export const MAY_REVIEW: Right = { verb: 'create', group: 'authentication.k8s.io', resource: 'tokenreviews' };

/** The user name of a service account. */
export function userOf(namespace: string, account: string): string {
  return `system:serviceaccount:${namespace}:${account}`;
}

/**
 * Asks the API server's own authorizer until it says that the user may, or may no more; once it has said so it holds.
 * @throws after a minute
 */
export async function untilMay(bed: Bed, user: string, right: Right, may = true): Promise<void> {
  const { verb, resource, group = '', namespace } = right;
  const spec = { user, resourceAttributes: { verb, resource, group, ...(namespace === undefined ? {} : { namespace }) } };
  const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec };
  await eventually(`${user} ${may ? 'may' : 'may not'} ${verb} ${resource}`, async () => {
    const { status } = await bed.request<{ readonly status: { readonly allowed: boolean } }>(
      'POST',
      '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      review,
    );
    return status.allowed === may;
  });
}
