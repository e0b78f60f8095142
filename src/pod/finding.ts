// What can keep a pod from getting its agent, as data. Sentences and remedies are in the catalogue of problems.

export type PodFinding =
  | { readonly code: 'pod-malformed'; readonly path: string; readonly wanted: string }
  | { readonly code: 'role-missing' }
  | { readonly code: 'address-missing' }
  | { readonly code: 'image-missing' }
  | { readonly code: 'token-missing' }
  | { readonly code: 'token-volume-unknown'; readonly volume: string; readonly mounted: boolean; readonly pod: string }
  | { readonly code: 'token-volume-kind'; readonly volume: string }
  | { readonly code: 'same-user-unknown'; readonly container: string }
  | { readonly code: 'same-user-root'; readonly container: string }
  | { readonly code: 'process-namespace-refused' }
  | { readonly code: 'process-namespace-kept' }
  | { readonly code: 'container-unknown'; readonly annotation: string; readonly container: string }
  | { readonly code: 'container-taken'; readonly container: string }
  | { readonly code: 'volume-taken'; readonly volume: string }
  | { readonly code: 'mount-taken'; readonly container: string; readonly path: string }
  | {
      readonly code: 'directory-taken';
      readonly annotation: string;
      readonly path: string;
      /** The agent's own directory that it is, or lies in. */
      readonly own: string;
    }
  | { readonly code: 'patch-rejected'; readonly annotation: string; readonly because: string }
  | { readonly code: 'telemetry-value'; readonly annotation: string; readonly value: string; readonly wanted: string }
  | { readonly code: 'telemetry-unknown'; readonly annotation: string; readonly nearest: string | undefined }
  | { readonly code: 'config-too-large'; readonly bytes: number; readonly most: number }
  | { readonly code: 'profile-lacks'; readonly annotation: string; readonly profile: 'compat' | 'native' }
  | {
      readonly code: 'limit-range';
      readonly limitRange: string;
      readonly of: 'Container' | 'Pod';
      /** Such as max.memory, and the value that the LimitRange has there. */
      readonly rule: string;
      readonly says: string;
      /** What of the agent breaks it: an amount of its own, or the least that it runs with. */
      readonly amount: 'request' | 'limit' | 'need';
      readonly value: string;
      /** The annotation that names the amount, if one does. */
      readonly annotation: string | undefined;
    }
  | { readonly code: 'token-loosened'; readonly user: number }
  | { readonly code: 'mounts-too-many'; readonly count: number; readonly most: number }
  | { readonly code: 'annotations-too-large'; readonly most: number }
  | { readonly code: 'path-empty'; readonly annotation: string };
