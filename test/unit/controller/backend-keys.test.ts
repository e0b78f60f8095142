// Signing keys in Vault while the cluster rotates them.
import { generateKeyPairSync } from 'node:crypto';
import { kidOf, planKeys } from '../../../src/controller/backend/desired-config.ts';

const pem = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }).toString();
const [old, next, foreign] = [pem(), pem(), pem()];
const KEEP = 1000;

const plan = (
  published: readonly string[],
  inVault: readonly string[],
  recorded: readonly string[],
  missingSince: Map<string, number>,
  now: number,
) => planKeys({ published, inVault, recorded: recorded.map(kidOf), missingSince, now, keepMs: KEEP });

describe('planKeys', () => {
  it('adds a published key at once', () => {
    expect(plan([old], [], [], new Map(), 0)).toEqual({ pems: [old], kids: [kidOf(old)], retiring: [] });
    expect(plan([old, next], [old], [old], new Map(), 0).pems).toEqual([old, next]);
  });

  it('keeps a retired key for a while', () => {
    const missed = new Map<string, number>();
    expect(plan([next], [old, next], [old, next], missed, 100)).toMatchObject({ pems: [next, old], retiring: [kidOf(old)] });
    expect(plan([next], [old, next], [old, next], missed, 100 + KEEP - 1).pems).toEqual([next, old]);
    expect(plan([next], [old, next], [old, next], missed, 100 + KEEP).pems).toEqual([next]);
    // After a failed write the time does not start again.
    expect(plan([next], [old, next], [old, next], missed, 101 + KEEP).pems).toEqual([next]);
    expect(plan([next], [next], [next], missed, 102 + KEEP).pems).toEqual([next]);
    expect(missed.size).toBe(0);
  });

  it('restores a key that another API server publishes again', () => {
    const missed = new Map<string, number>();
    plan([next], [old, next], [old, next], missed, 0);
    expect(plan([old, next], [old, next], [old, next], missed, KEEP * 2).retiring).toEqual([]);
    expect(plan([next], [old, next], [old, next], missed, KEEP * 2 + 1).pems).toEqual([next, old]);
  });

  it('keeps no key of another owner, and nothing that is not a key', () => {
    expect(plan([old], [old, foreign, 'no key'], [old], new Map(), 0).pems).toEqual([old]);
  });

  it('identifies a key by its content, not by its PEM text', () => {
    expect(kidOf(`\n${old.trim()}`)).toBe(kidOf(old));
  });
});
