// What each step of a backend's reconcile receives and returns, and how the results of several steps become one.
import type { BackendConditionUpdate, VaultAuthBackend, VaultAuthBackendStatus } from '../../resources/backend.ts';
import { type Difference, isObserved } from '../../resources/common-fields.ts';
import type { ControllerContext } from '../runtime/context.ts';
import type { ReadyVault } from '../runtime/vault-registry.ts';

/** What every step receives. */
export interface ReconcileInput {
  readonly context: ControllerContext;
  readonly backend: VaultAuthBackend;
  readonly vault: ReadyVault;
  readonly state: BackendState;
  /** The status of the last run, as far as it describes this mount. */
  readonly previous: VaultAuthBackendStatus;
  /** Nothing is written, neither to Vault nor to Kubernetes. */
  readonly observeOnly: boolean;
  readonly signal: AbortSignal;
}

/** What a step reached. The next steps need `value`; without one the run ends here. */
export interface StepResult<Value> {
  readonly conditions: readonly BackendConditionUpdate[];
  readonly status: Partial<VaultAuthBackendStatus>;
  /** Fields of the previous status that no longer hold. */
  readonly forget: readonly (keyof VaultAuthBackendStatus)[];
  readonly value: Value | undefined;
  /** Undefined: it did what it could. */
  readonly failure: StepFailure | undefined;
  /** Another controller finishes this soon, for example the token in a Secret. */
  readonly isWaiting: boolean;
}

export interface StepFailure {
  /** Only a change of the object can help: no retry before the next resync. */
  readonly isFinal: boolean;
  /** How long the server asked for, in milliseconds; undefined: the back-off of the queue. */
  readonly retryAfterMs: number | undefined;
}

/** A step that reached this; what is not given is empty. */
export function stepResult<Value>(reached: Partial<StepResult<Value>>): StepResult<Value> {
  return { conditions: [], status: {}, forget: [], value: undefined, failure: undefined, isWaiting: false, ...reached };
}

export interface CombinedResult {
  readonly conditions: readonly BackendConditionUpdate[];
  /** Complete, but for the fields that are the same after every run. */
  readonly status: Partial<VaultAuthBackendStatus>;
  readonly failure: StepFailure | undefined;
  readonly isWaiting: boolean;
}

/**
 * One result of several steps: a later step replaces what an earlier one reported. After a failure the previous status stays
 * for everything that no step reached, so that one lost answer does not make conditions disappear.
 */
export function combine(previous: VaultAuthBackendStatus, steps: readonly StepResult<unknown>[]): CombinedResult {
  const conditions = new Map<string, BackendConditionUpdate>();
  for (const step of steps)
    for (const condition of step.conditions) {
      // Ready reports the first False condition. This one moves behind those of earlier steps, which are its cause.
      if (step.failure) conditions.delete(condition.type);
      conditions.set(condition.type, condition);
    }
  const failure = steps.find((step) => step.failure)?.failure;
  const reached = Object.assign({}, ...steps.map(({ status }) => status)) as Partial<VaultAuthBackendStatus>;
  const forgotten = new Set<string>(steps.flatMap(({ forget }) => forget));
  const kept = Object.fromEntries(Object.entries(previous).filter(([field]) => !forgotten.has(field)));
  return {
    conditions: failure ? [...conditions.values(), ...unreached(previous, conditions)] : [...conditions.values()],
    status: { ...kept, drift: failure ? (previous.drift ?? []) : [], ...reached },
    failure,
    isWaiting: steps.some(({ isWaiting }) => isWaiting),
  };
}

/** Conditions of the previous run whose types are not among these. */
export function unreached(
  { conditions = [] }: VaultAuthBackendStatus,
  reached: Pick<ReadonlyMap<string, unknown>, 'has'>,
): readonly BackendConditionUpdate[] {
  return conditions.filter(
    ({ type }) => type !== 'Ready' && type !== 'Deletable' && !reached.has(type),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- they were updates when they were written
  ) as readonly BackendConditionUpdate[];
}

/** Whether nothing may be written for this backend: the process, its endpoint or the backend itself is in observe mode. */
export function isObserveOnly({ vault, listers }: ControllerContext, backend: VaultAuthBackend): boolean {
  const endpoint = listers.endpoints.get(backend.spec.endpointRef.name);
  return vault.observeOnly || isObserved(backend, ...(endpoint ? [endpoint] : []));
}

/**
 * Whether the previous status describes this server: hashes and key IDs that were written to another cluster mean nothing here.
 */
export function isSameVaultCluster({ previous, vault }: Pick<ReconcileInput, 'previous' | 'vault'>): boolean {
  return previous.mount !== undefined && (previous.mount.clusterID ?? vault.clusterID) === vault.clusterID;
}

/** In-memory state of one backend between its runs. All of it may be lost at any time, at the cost of one more read or write. */
export interface BackendState {
  readonly uid: string;
  /** The reviewer's token that was written last, and the one before until a login works with the new one. */
  reviewer: ReviewerJWT | undefined;
  previousReviewer: ReviewerJWT | undefined;
  /** The last repair, which stays in the status for one resync interval so that an operator can read it. */
  repaired:
    | { readonly at: number; readonly drift: readonly Difference[]; readonly condition: BackendConditionUpdate }
    | undefined;
  /** When each retired signing key was first missing from the published keys. */
  readonly missingSince: Map<string, number>;
  /** The ID of the key that the API server signed the last token with. */
  signingKey: string | undefined;
  probedAt: number | undefined;
  /** Vault applies a new CA only to new connections: one more probe is due then. */
  probeAgainAt: number | undefined;
  /** Failed probes in a row. */
  probeFailures: number;
  /** A failed probe causes no rewrite of the token before this. */
  rewriteAfter: number;
}

/** A token of the reviewer that was or will be written to Vault. Times in milliseconds since 1970; undefined if the token has no such claim. */
export interface ReviewerJWT {
  readonly token: string;
  readonly issuedAt: number | undefined;
  readonly expiresAt: number | undefined;
}

export interface BackendStates {
  /** The state of the backend with this name; empty if that was another object. */
  readonly of: (name: string, uid: string) => BackendState;
  readonly delete: (name: string) => void;
}

/** The states of all backends. */
export function backendStates(): BackendStates {
  const states = new Map<string, BackendState>();
  return {
    of: (name, uid) => {
      const existing = states.get(name);
      if (existing?.uid === uid) return existing;
      const state = emptyState(uid);
      states.set(name, state);
      return state;
    },
    delete: (name) => void states.delete(name),
  };
}

const emptyState = (uid: string): BackendState => ({
  uid,
  reviewer: undefined,
  previousReviewer: undefined,
  repaired: undefined,
  missingSince: new Map(),
  signingKey: undefined,
  probedAt: undefined,
  probeAgainAt: undefined,
  probeFailures: 0,
  rewriteAfter: 0,
});
