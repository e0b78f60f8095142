// The recorded hash and times of a reviewer token, and when it is replaced.
import {
  expiresAtOf,
  hashOfToken,
  isHashOfToken,
  issuedAtOf,
  keyIDOf,
  rotateAt,
} from '../../../src/controller/backend/reviewer.ts';

const jwt = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;

describe('hashOfToken', () => {
  it('matches the same token only, with a salt of its own', () => {
    const token = jwt({ sub: 'reviewer' });
    const record = hashOfToken(token);
    expect(isHashOfToken(record, token)).toBe(true);
    expect(isHashOfToken(record, `${token}x`)).toBe(false);
    expect(isHashOfToken('', token)).toBe(false);
    expect(record).toMatch(/^[0-9a-f]{16}:[0-9a-f]{32}$/);
    expect(hashOfToken(token)).not.toBe(record);
  });

  it.each([
    ['a JWT', jwt({ exp: 100, iat: 40 }), 100_000, 40_000],
    ['a JWT that never expires', jwt({ iat: 40 }), undefined, 40_000],
    ['claims that are not numbers', jwt({ exp: '100', iat: null }), undefined, undefined],
    ['any bearer token', 'abcdef', undefined, undefined],
    ['three parts that are not a JWT', 'a.b.c', undefined, undefined],
    ['an empty token', '', undefined, undefined],
  ])('reads the times of %s', (_, token, expires, issued) => {
    expect([expiresAtOf(token), issuedAtOf(token)]).toEqual([expires, issued]);
  });
});

const reviewer = (issuedAt: string, expiresAt: string, mode = 'Rotated') => ({ mode, issuedAt, expiresAt });

describe('keyIDOf', () => {
  it.each([
    ['a JWT', `${Buffer.from('{"kid":"one"}').toString('base64url')}.e30.c2ln`, 'one'],
    ['a JWT without a key ID', jwt({}), undefined],
    ['a token that is not a JWT', 'abc', undefined],
  ])('%s', (_, token, kid) => {
    expect(keyIDOf(token)).toBe(kid);
  });
});

describe('rotateAt', () => {
  it('is half-way through the lifetime that the API server granted', () => {
    expect(rotateAt(reviewer('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'), undefined)).toBe(
      Date.parse('2026-01-01T12:00:00Z'),
    );
    // Less than requested.
    expect(rotateAt(reviewer('2026-01-01T00:00:00Z', '2026-01-01T01:00:00Z'), undefined)).toBe(
      Date.parse('2026-01-01T00:30:00Z'),
    );
  });

  it('is at once after the API server rotated its signing key', () => {
    const signed = { ...reviewer('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'), keyID: 'old' };
    expect(rotateAt(signed, 'new')).toBe(0);
    expect(rotateAt(signed, 'old')).toBe(Date.parse('2026-01-01T12:00:00Z'));
    expect(rotateAt(signed, undefined)).toBe(Date.parse('2026-01-01T12:00:00Z'));
  });

  it('is 0 without a token, or with one of another mode', () => {
    expect(rotateAt(undefined, undefined)).toBe(0);
    expect(rotateAt(reviewer('', ''), undefined)).toBe(0);
    expect(rotateAt(reviewer('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z', 'SecretRef'), undefined)).toBe(0);
  });
});
