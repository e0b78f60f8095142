// Kubernetes quantities: read as apimachinery's resource.ParseQuantity reads them, written in its canonical form.

const QUANTITY = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?[0-9]+)?$/;
const DECIMAL_EXPONENT: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY_POWER: Readonly<Record<string, number>> = { Ki: 1, Mi: 2, Gi: 3, Ti: 4, Pi: 5, Ei: 6 };
const DECIMAL_SUFFIX = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const BINARY_SUFFIX = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
/** Smaller fractions are rounded up, away from zero. */
const NANO = 1_000_000_000n;
/** Digits of an exponent: 10 to the power of a longer one would fill the memory. */
const MAX_EXPONENT_DIGITS = 3;

const canonicalDecimal = (nanos: bigint): string => {
  let value = nanos;
  let step = 0;
  while (value !== 0n && step < DECIMAL_SUFFIX.length - 1 && value % 1000n === 0n) {
    value /= 1000n;
    step += 1;
  }
  return value === 0n ? '0' : `${value}${DECIMAL_SUFFIX[step]}`;
};

const canonicalExponent = (nanos: bigint): string => {
  let value = nanos;
  let exponent = -9;
  while (value !== 0n && value % 1000n === 0n) {
    value /= 1000n;
    exponent += 3;
  }
  return value === 0n ? '0' : exponent === 0 ? `${value}` : `${value}e${exponent}`;
};

const canonicalBinary = (nanos: bigint): string => {
  const size = nanos < 0n ? -nanos : nanos;
  // Below 1024, and for fractions, apimachinery falls back to the decimal form.
  if (size < 1024n * NANO || nanos % NANO !== 0n) return canonicalDecimal(nanos);
  let value = nanos / NANO;
  let step = 0;
  while (step < BINARY_SUFFIX.length - 1 && value % 1024n === 0n) {
    value /= 1024n;
    step += 1;
  }
  return `${value}${BINARY_SUFFIX[step]}`;
};

interface Read {
  readonly nanos: bigint;
  readonly form: 'binary' | 'decimal' | 'exponent';
}

const readQuantity = (raw: string): Read | undefined => {
  const match = QUANTITY.exec(raw);
  if (!match) return undefined;
  const [, sign = '', whole = '', fraction = '', suffix = ''] = match;
  if (whole === '' && fraction === '') return undefined;
  const isExponent = /^[eE][+-]?[0-9]/.test(suffix);
  if (isExponent && suffix.replace(/^[eE][+-]?0*/, '').length > MAX_EXPONENT_DIGITS) return undefined;
  const power = BINARY_POWER[suffix];
  const exponent = (isExponent ? Number(suffix.slice(1)) : (DECIMAL_EXPONENT[suffix] ?? 0)) - fraction.length + 9;
  let nanos = BigInt(whole + fraction) * (power === undefined ? 1n : 1024n ** BigInt(power));
  if (exponent >= 0) nanos *= 10n ** BigInt(exponent);
  else {
    const divisor = 10n ** BigInt(-exponent);
    nanos = (nanos + divisor - 1n) / divisor;
  }
  return {
    nanos: sign === '-' ? -nanos : nanos,
    form: power === undefined ? (isExponent ? 'exponent' : 'decimal') : 'binary',
  };
};

/**
 * The canonical form of a quantity ("1000m" is "1", "1024Mi" is "1Gi", "0.5" is "500m"), or undefined for any other text.
 * Rule: k8s.io/apimachinery/pkg/api/resource, CanonicalizeBytes.
 */
export function parseQuantity(raw: string): string | undefined {
  const read = readQuantity(raw);
  if (!read) return undefined;
  return read.form === 'exponent' ? canonicalExponent(read.nanos) : quantityOf(read.nanos, read.form);
}

/** A quantity in billionths, to compare and add quantities; undefined for any other text. */
export function nanosOf(raw: string): bigint | undefined {
  return readQuantity(raw)?.nanos;
}

/** The canonical form of an amount in billionths: binary for bytes, decimal for everything else. */
export function quantityOf(nanos: bigint, form: 'binary' | 'decimal'): string {
  return form === 'binary' ? canonicalBinary(nanos) : canonicalDecimal(nanos);
}
