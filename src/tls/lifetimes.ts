// Lifetimes of the self-managed CA and of its leaves: what follows from them, and how short they may be. Without the code that issues.

export interface CaPolicy {
  readonly caLifeMs: number;
  readonly leafLifeMs: number;
  /** How long the next CA is published before it signs: API servers observe a changed configuration within seconds. */
  readonly settleMs: number;
}

/** A policy with these lifetimes in milliseconds; with short ones, for a rehearsal of the rotation, the rest is short as well. */
export function caPolicy(caLifeMs: number, leafLifeMs: number): CaPolicy {
  return { caLifeMs, leafLifeMs, settleMs: Math.min(60_000, caLifeMs / 12) };
}

/** Floors of the lifetimes, in milliseconds; `floorProblems` has the reasons. */
const MIN_LEAF_LIFE_MS = 20_000;
const LEAVES_IN_CA = 3;

/** Why a rotation with these lifetimes could lose reviews; empty when it cannot. */
export function floorProblems(caLifeMs: number, leafLifeMs: number): readonly string[] {
  return [
    ...(leafLifeMs < MIN_LEAF_LIFE_MS
      ? [
          `-tls-leaf-life: expected ${MIN_LEAF_LIFE_MS / 1000}s or more: a leaf is renewed after two thirds of it, and the rest must suffice for a request that fails and is repeated`,
        ]
      : []),
    ...(caLifeMs < LEAVES_IN_CA * leafLifeMs
      ? [
          `-tls-ca-life: expected ${LEAVES_IN_CA} times -tls-leaf-life or more: the leaves of a previous CA must expire before the next rotation`,
        ]
      : []),
  ];
}

/** How long certificates with such a lifetime are backdated, for clients whose clocks are slow: five minutes, less if they live shorter. */
export function backdateOf(lifeMs: number): number {
  return Math.min(5 * 60_000, lifeMs / 10);
}
