// The command certs: writes a CA and a serving certificate to files, for development and for clusters without -tls-auto.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { type FlagSpec, parseFlags } from '../settings/flags.ts';
import { issueCa, issueLeaf, type KeyPair } from '../tls/issue.ts';
import { asksForHelp, type Terminal } from './terminal.ts';

/** The part of a terminal that this command uses. */
export type CertsTerminal = Pick<Terminal, 'stdout' | 'stderr'>;

const USAGE = `vault-auth-injector certs -out DIR [flags]

Creates a CA and a serving certificate: ca.crt, ca.key, tls.crt, tls.key, and ca-bundle.txt for caBundle.

  -out DIR         directory to write to; created if missing
  -service NAME    name of the Service; with -namespace, the certificate has all of its DNS names
  -namespace NS    namespace of the Service
  -dns NAME,…      further DNS names
  -ip ADDRESS,…    further IP addresses
  -days N          validity of the serving certificate, default 365; the CA is valid for ten years
  -renew           keep the CA in DIR and replace the serving certificate only
  -force           replace all files in DIR, including the CA

Without -service, -dns and -ip the certificate is for this machine: localhost, 127.0.0.1 and ::1.
`;

const FLAGS: ReadonlyMap<string, FlagSpec> = new Map(
  ['out', 'service', 'namespace', 'dns', 'ip', 'days', 'renew', 'force'].map((name) => [
    name,
    { isSwitch: name === 'renew' || name === 'force' },
  ]),
);

/** Runs the command; returns the exit code: 0, or 2 with one line on stderr. */
export function certs(words: readonly string[], { stdout, stderr }: CertsTerminal): Promise<number> {
  if (asksForHelp(words)) {
    stdout(USAGE);
    return Promise.resolve(0);
  }
  try {
    stdout(make(requestOf(words), Date.now()));
    return Promise.resolve(0);
  } catch (error) {
    stderr(`vault-auth-injector certs: ${error instanceof Error ? error.message : String(error)}\n`);
    return Promise.resolve(2);
  }
}

interface Request {
  readonly out: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly days: number;
  readonly renew: boolean;
  readonly force: boolean;
}

const requestOf = (words: readonly string[]): Request => {
  const { values, positionals, problems } = parseFlags(words, FLAGS, { stopAtPositional: false });
  if (problems.length > 0) throw new Error(`${problems.join('; ')} (certs -help lists the flags)`);
  if (positionals.length > 0) throw new Error(`unexpected ${JSON.stringify(positionals[0])} (certs -help lists the flags)`);
  const list = (name: string): readonly string[] =>
    (values.get(name) ?? '')
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  const out = values.get('out') ?? '';
  if (out === '') throw new Error('-out is missing: the directory to write to');
  const days = Number(values.get('days') ?? 365);
  if (!Number.isInteger(days) || days < 1 || days > MAX_DAYS)
    throw new Error(`-days must be a whole number from 1 to ${MAX_DAYS}, not ${values.get('days')}`);
  const wrongAddress = list('ip').find((address) => isIP(address) === 0);
  if (wrongAddress !== undefined) throw new Error(`-ip: ${JSON.stringify(wrongAddress)} is not an IP address`);
  const named = [...serviceNames(values.get('service'), values.get('namespace')), ...list('dns')];
  const wrongName = named.find((name) => name.length > 253 || !DNS_NAME.test(name));
  if (wrongName !== undefined) throw new Error(`${JSON.stringify(wrongName)} is not a DNS name`);
  const forThisMachine = named.length === 0 && list('ip').length === 0;
  return {
    out,
    dnsNames: forThisMachine ? ['localhost'] : named,
    ipAddresses: forThisMachine ? ['127.0.0.1', '::1'] : list('ip'),
    days,
    renew: isOn(values.get('renew')),
    force: isOn(values.get('force')),
  };
};

const MAX_DAYS = 3650;
// RFC 1123 labels; a wildcard may stand for the first.
const DNS_NAME = /^(\*\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;

const isOn = (value: string | undefined): boolean => value !== undefined && value !== 'false';

/** The API server calls `NAME.NS.svc`; the other names are for clients such as curl. */
const serviceNames = (service: string | undefined, namespace: string | undefined): readonly string[] => {
  if ((service ?? '') === '' && (namespace ?? '') === '') return [];
  if (!service || !namespace) throw new Error('-service and -namespace must be set together');
  return [service, `${service}.${namespace}`, `${service}.${namespace}.svc`, `${service}.${namespace}.svc.cluster.local`];
};

const make = ({ out, dnsNames, ipAddresses, days, renew, force }: Request, now: number): string => {
  const path = (name: string): string => join(out, name);
  const present = FILES.filter((name) => existsSync(path(name)));
  if (present.length > 0 && !force && !renew)
    throw new Error(`${present.join(', ')} already in ${out}: use -renew to keep the CA, or -force to replace all`);
  const notBefore = new Date(now - 300_000);
  const until = (count: number): Date => new Date(now + count * 86_400_000);
  const ca = renew
    ? readAuthority(path)
    : issueCa({ commonName: 'vault-auth-injector CA', notBefore, notAfter: until(MAX_DAYS) });
  const leaf = issueLeaf({
    ca,
    commonName: 'vault-auth-injector',
    dnsNames,
    ipAddresses,
    usages: ['server'],
    notBefore,
    notAfter: until(days),
  });
  makeFolder(out);
  const write = (name: string, text: string, mode = 0o644): void => {
    // writeFileSync applies the mode to a new file only.
    rmSync(path(name), { force: true });
    writeFileSync(path(name), text, { mode });
  };
  if (!renew) {
    write('ca.crt', ca.certificate);
    write('ca.key', ca.key, 0o600);
  }
  write('tls.crt', leaf.certificate);
  write('tls.key', leaf.key, 0o600);
  write('ca-bundle.txt', Buffer.from(ca.certificate).toString('base64'));
  const names = [...dnsNames, ...ipAddresses].join(', ');
  return `${renew ? 'Kept the CA and created' : 'Created a CA and'} a certificate for ${names}, valid until ${until(days).toISOString().slice(0, 10)}, in ${out}.\nServe with -tls-cert-file ${path('tls.crt')} -tls-key-file ${path('tls.key')}; caBundle is in ${path('ca-bundle.txt')}.\n`;
};

/** A recursive mkdir of Node.js 20 and 22 never returns where the file system answers ENOENT for the last part, as in /proc. */
const makeFolder = (folder: string): void => {
  const missing: string[] = [];
  for (let path = resolve(folder); !existsSync(path); path = dirname(path)) missing.unshift(path);
  for (const path of missing) mkdirSync(path);
};

const FILES = ['ca.crt', 'ca.key', 'tls.crt', 'tls.key', 'ca-bundle.txt'] as const;

const readAuthority = (path: (name: string) => string): KeyPair => {
  try {
    return { certificate: readFileSync(path('ca.crt'), 'utf8'), key: readFileSync(path('ca.key'), 'utf8') };
  } catch (error) {
    throw new Error(
      `-renew needs ca.crt and ca.key of an earlier run: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
};
