// Quantities, with the examples of Kubernetes' documentation and tests.
import { parseQuantity } from '../../../src/annotations/quantity.ts';

/** Quantities and the canonical form that the API server stores. */
const CANONICAL: readonly (readonly [string, string])[] = [
  ['0', '0'],
  ['00', '0'],
  ['0Mi', '0'],
  ['0m', '0'],
  ['1', '1'],
  ['+1', '1'],
  ['-1', '-1'],
  ['0.5', '500m'],
  ['.5', '500m'],
  ['1.', '1'],
  ['1000m', '1'],
  ['1500m', '1500m'],
  ['250m', '250m'],
  ['100m', '100m'],
  ['1000', '1k'],
  ['1024', '1024'],
  ['1000M', '1G'],
  ['1234567M', '1234567M'],
  ['128M', '128M'],
  ['64Mi', '64Mi'],
  ['128Mi', '128Mi'],
  ['1Ki', '1Ki'],
  ['1024Ki', '1Mi'],
  ['1024Mi', '1Gi'],
  ['1025Mi', '1025Mi'],
  ['1.5Gi', '1536Mi'],
  ['0.5Mi', '512Ki'],
  ['0.5Ki', '512'],
  ['1.1Ki', '1126400m'],
  ['.001Ki', '1024m'],
  ['.000001Ki', '1024u'],
  ['.000000001Ki', '1024n'],
  ['.000000000001Ki', '2n'],
  ['-1Ki', '-1Ki'],
  ['1u', '1u'],
  ['1000u', '1m'],
  ['1n', '1n'],
  ['0.1n', '1n'],
  ['1e3', '1e3'],
  ['1E3', '1e3'],
  ['12e6', '12e6'],
  ['1e2', '100'],
  ['1e-3', '1e-3'],
  ['100e-9', '100e-9'],
  ['1E', '1E'],
  ['1Ei', '1Ei'],
  ['128m', '128m'],
];

describe('a quantity', () => {
  it.each(CANONICAL)('%s has the canonical form %s', (raw, canonical) => expect(parseQuantity(raw)).toBe(canonical));

  it.each(CANONICAL)('the canonical form of %s is %s again', (_raw, canonical) =>
    expect(parseQuantity(canonical)).toBe(canonical),
  );

  it.each([
    '',
    ' ',
    '500mi',
    '128mb',
    '128g',
    '128gi',
    '128 MB',
    '128MB',
    '1ki',
    '1KI',
    '1K',
    'Mi',
    '.',
    '+',
    '-.',
    '1..2',
    '1.2.3',
    '0x10',
    '1e',
    '1e1.5',
    '1Kii',
    '١',
  ])('%j is not valid', (raw) => expect(parseQuantity(raw)).toBeUndefined());

  it('is read in bounded time and memory', () => {
    expect(parseQuantity('1e999999999')).toBeUndefined();
    expect(parseQuantity(`1e-${'9'.repeat(50)}`)).toBeUndefined();
    expect(parseQuantity('9'.repeat(5000))).toMatch(/^9+$/);
  });
});
