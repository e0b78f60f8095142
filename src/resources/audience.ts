// Which audience the tokens of a backend have.

export interface AudienceRules {
  /** The token that logs in is also the one that asks the API server. */
  readonly isClientJWT: boolean;
  /** spec.defaults.audience. */
  readonly given: string | undefined;
  readonly clusterName: string;
  readonly path: string;
}

/** The API server's own where it is empty. */
export function audienceOfBackend({ isClientJWT, given, clusterName, path }: AudienceRules): string {
  return isClientJWT ? '' : (given ?? `vault://${clusterName}/${path}`);
}
