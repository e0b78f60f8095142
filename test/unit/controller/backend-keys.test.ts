// Which keys Vault must hold while those of the cluster change.
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
  it('takes what is published, and a new key at once', () => {
    expect(plan([old], [], [], new Map(), 0)).toEqual({ pems: [old], kids: [kidOf(old)], retiring: [] });
    expect(plan([old, next], [old], [old], new Map(), 0).pems).toEqual([old, next]);
  });

  it('keeps a key that is published no more for a while, and then lets it go', () => {
    const missed = new Map<string, number>();
    expect(plan([next], [old, next], [old, next], missed, 100)).toMatchObject({ pems: [next, old], retiring: [kidOf(old)] });
    expect(plan([next], [old, next], [old, next], missed, 100 + KEEP - 1).pems).toEqual([next, old]);
    expect(plan([next], [old, next], [old, next], missed, 100 + KEEP).pems).toEqual([next]);
    // The write failed: it is not kept for another while.
    expect(plan([next], [old, next], [old, next], missed, 101 + KEEP).pems).toEqual([next]);
    expect(plan([next], [next], [next], missed, 102 + KEEP).pems).toEqual([next]);
    expect(missed.size).toBe(0);
  });

  it('keeps it when another API server publishes it again', () => {
    const missed = new Map<string, number>();
    plan([next], [old, next], [old, next], missed, 0);
    expect(plan([old, next], [old, next], [old, next], missed, KEEP * 2).retiring).toEqual([]);
    expect(plan([next], [old, next], [old, next], missed, KEEP * 2 + 1).pems).toEqual([next, old]);
  });

  it('keeps nothing that somebody else has put into Vault, and nothing that is no key', () => {
    expect(plan([old], [old, foreign, 'no key'], [old], new Map(), 0).pems).toEqual([old]);
  });

  it('knows a key by what it is, not by how it is written', () => {
    expect(kidOf(`\n${old.trim()}`)).toBe(kidOf(old));
  });
});
