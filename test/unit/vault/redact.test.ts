// Redaction of the secrets of a request, and of everything that looks like a token.
import { redactor } from '../../../src/vault/redact.ts';

const JWT = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzb21lYm9keSJ9.c2lnbmF0dXJlLW9mLWl0';

describe('redactor', () => {
  it('redacts secrets of the request, whole and in identifying parts', () => {
    const redact = redactor('own-token', { role: 'app', jwt: 'first-part-1.second-part-2.x', nested: { secret_id: 'a"b' } });
    expect(redact('own-token, first-part-1.second-part-2.x, app')).toBe('[redacted], [redacted], app');
    expect(redact('of second-part-2 and a"b, in JSON a\\"b')).toBe('of [redacted] and [redacted], in JSON [redacted]');
  });

  it.each([
    ['a JWT', JWT],
    ['a JWT that was cut', JWT.slice(0, 30)],
    ['a token of Vault', `hvs.${'A1_-'.repeat(8)}`],
    ['a batch token of Vault', `hvb.${'A1_-'.repeat(20)}`],
    ['a token of OpenBao', `s.${'aB3'.repeat(8)}`],
  ])('redacts %s of another request', (_, token) => {
    expect(redactor(undefined, undefined)(`refused "${token}", and more`)).toBe('refused "[redacted]", and more');
  });

  it('keeps other words', () => {
    const text =
      'hours.minutes, keyJar, auth/s.short/role/test.team.web, test.s.a-role-of-a-long-name, vaults.example.com/v1, eyJ';
    expect(redactor(undefined, {})(text)).toBe(text);
  });
});
