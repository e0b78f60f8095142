// What can be odd about the way a pod was chosen, as data.

export type SelectionFinding =
  | { readonly code: 'label-value'; readonly label: string }
  | { readonly code: 'label-contradiction'; readonly label: string }
  | { readonly code: 'namespace-excluded'; readonly namespace: string }
  | { readonly code: 'windows-unsupported' };
