// What can be amiss between a pod and the objects that it logs in by, as data. Sentences are in ../role-problems.

export type RoleFinding =
  | { readonly code: 'vault-role-missing'; readonly namespace: string; readonly role: string; readonly backend: string }
  | { readonly code: 'vault-role-ambiguous'; readonly account: string; readonly roles: readonly string[] }
  | {
      readonly code: 'vault-role-binding';
      readonly role: string;
      readonly account: string;
      readonly bound: readonly string[];
    }
  | { readonly code: 'vault-role-unprogrammed'; readonly role: string; readonly because: string }
  | { readonly code: 'vault-role-unready'; readonly role: string; readonly because: string }
  | { readonly code: 'vault-role-pending'; readonly namespace: string; readonly role: string; readonly backend: string }
  | {
      readonly code: 'vault-role-conflict';
      readonly annotation: string;
      readonly value: string;
      /** What the object says, which counts. */
      readonly wanted: string;
      /** Kind and name of the object. */
      readonly object: string;
    }
  | {
      readonly code: 'vault-role-audience';
      /** The volume of the pod's own token that the agent logs in with. */
      readonly volume: string;
      /** Of that token; undefined: the API server's own. */
      readonly audience: string | undefined;
      readonly wanted: string;
    }
  | {
      readonly code: 'vault-object-missing';
      readonly kind: 'VaultAuthBackend' | 'VaultEndpoint';
      readonly name: string;
      /** Who names it. */
      readonly by: string;
    };

/** What became of a finding; `would-refuse`: the mode Enforce would refuse the pod. */
export interface Judgement {
  readonly code: RoleFinding['code'];
  readonly verdict: 'warned' | 'would-refuse' | 'refused';
}
