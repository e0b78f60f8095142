// Kinds of values that only settings have; the others are shared with annotations.
import { INVALID, type ValueKind } from '../annotations/value-kinds.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

const LEVELS: Readonly<Record<string, LogLevel>> = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  notice: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  err: 'error',
};

/** A log level, in any case, with the aliases of vault-k8s. */
export const logLevel: ValueKind<LogLevel> = {
  name: 'level',
  expected: 'one of trace, debug, info, warn, error',
  read: (raw) => {
    const word = raw.trim().toLowerCase();
    return (Object.hasOwn(LEVELS, word) ? LEVELS[word] : undefined) ?? INVALID;
  },
};

export interface ListenAddress {
  /** Empty: every address of the machine. */
  readonly host: string;
  readonly port: number;
}

const ADDRESS = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]*)):([0-9]{1,5})$/;
const MAX_PORT = 65_535;

/** Go's listen address: HOST:PORT, :PORT or [IPv6]:PORT; empty disables the listener. */
export const listenAddress: ValueKind<ListenAddress | undefined> = {
  name: 'address',
  expected: 'HOST:PORT, :PORT or [IPv6]:PORT',
  read: (raw) => {
    if (raw === '') return undefined;
    const match = ADDRESS.exec(raw);
    const port = Number(match?.[3]);
    return match && port <= MAX_PORT ? { host: match[1] ?? match[2] ?? '', port } : INVALID;
  },
};

const UNIT_MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const PERIOD = /^(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+$/;

/** A Go duration, in milliseconds. */
export const milliseconds: ValueKind<number> = {
  name: 'duration',
  expected: 'a duration such as 500ms, 10s or 1m30s',
  read: (raw) => {
    if (!PERIOD.test(raw)) return INVALID;
    return [...raw.matchAll(/([0-9.]+)(ms|s|m|h)/g)].reduce(
      (sum, [, amount, unit]) => sum + Number(amount) * (UNIT_MILLISECONDS[unit ?? ''] ?? 0),
      0,
    );
  },
};

const CERTIFICATE = '-----BEGIN CERTIFICATE-----';

/** A PEM document with certificates, plain or in base64, as vault-k8s accepts the CA of Vault; empty for none. */
export const pemOrBase64: ValueKind<string> = {
  name: 'PEM',
  expected: 'certificates as PEM or base64 of PEM',
  // The agent gets the document as it is.
  verbatim: true,
  read: (raw) => {
    const packed = raw.replaceAll(/[\r\n]/g, '');
    const isBase64 = packed !== '' && packed.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(packed);
    const pem = isBase64 ? Buffer.from(packed, 'base64').toString('utf8') : raw;
    return pem.trim() === '' || pem.includes(CERTIFICATE) ? pem : INVALID;
  },
};
