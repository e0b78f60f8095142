// A certificate and its key from files, read again when they change.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type CertificateSource, holder, type ServingCertificate } from './source.ts';

/** The part of a logger that certificate sources use. */
export interface TlsLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface FileSourceOptions {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly log: TlsLog;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** How often the files are read without a notification of the file system. */
  readonly pollMs?: number;
}

/**
 * Reads both files, and again whenever their folders change: the kubelet replaces a mounted Secret by renaming the link `..data`,
 * which a watch on a file would miss. The poll covers file systems without notifications. A pair that is unreadable,
 * half written, expired or does not match never replaces a good one.
 */
export async function fileSource({
  certificateFile,
  keyFile,
  log,
  now = Date.now,
  pollMs = 10_000,
}: FileSourceOptions): Promise<CertificateSource> {
  const held = holder();
  let seen: string | undefined;
  let problem: string | undefined;
  let closed = false;

  const read = async (): Promise<void> => {
    const [certificate, key] = await Promise.all([readFile(certificateFile, 'utf8'), readFile(keyFile, 'utf8')]);
    if (closed || (problem === undefined && seen === certificate + key)) return;
    const pair = checkPair(certificate, key, now());
    if (pair.kind === 'bad') return report(`${certificateFile} and ${keyFile}: ${pair.problem}`);
    problem = undefined;
    if (seen === certificate + key) return;
    seen = certificate + key;
    held.replace(pair.serving);
    log.info(
      { certificate: certificateFile, names: pair.names, notAfter: pair.serving.notAfter },
      'serving a certificate from files',
    );
  };
  const report = (text: string): void => {
    if (text === problem) return;
    problem = text;
    log.warn(
      { problem: text },
      held.current() ? 'invalid certificate files, serving the previous certificate' : 'no certificate to serve yet',
    );
  };

  // One read at a time; a change during it causes one more.
  let reading: Promise<void> | undefined;
  let again = false;
  const refresh = (): Promise<void> => {
    if (reading) again = true;
    reading ??= read()
      .catch((error: unknown) => {
        if (!closed) report(`cannot read the certificate: ${error instanceof Error ? error.message : String(error)}`);
      })
      .then(() => {
        reading = undefined;
        if (!again || closed) return undefined;
        again = false;
        return refresh();
      });
    return reading;
  };
  const watches = folderWatches(new Set([dirname(certificateFile), dirname(keyFile)]), () => void refresh());
  const poll = setInterval(() => {
    watches.renew();
    void refresh();
  }, pollMs);
  await refresh();

  return {
    current: held.current,
    onChange: held.onChange,
    problem() {
      const certificate = held.current();
      if (!certificate) return problem ?? 'the certificate is being read';
      // An invalid new pair is logged and does not stop the service while the previous one is valid.
      if (now() < certificate.notAfter.getTime()) return undefined;
      return problem ?? `the certificate of ${certificateFile} expired at ${certificate.notAfter.toISOString()}`;
    },
    async close() {
      closed = true;
      clearInterval(poll);
      watches.close();
      await reading;
    },
  };
}

/** A program that writes both files gets this long to write the second one. */
const QUIET_MS = 100;

const folderWatches = (folders: ReadonlySet<string>, changed: () => void): { renew(): void; close(): void } => {
  const watchers = new Map<string, FSWatcher>();
  let timer: NodeJS.Timeout | undefined;
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(changed, QUIET_MS);
  };
  const start = (folder: string): void => {
    try {
      const watcher = watch(folder, soon);
      watcher.on('error', () => drop(folder));
      watchers.set(folder, watcher);
    } catch {
      // The folder does not exist yet, or the machine has no watches left: the poll continues and tries again.
    }
  };
  const drop = (folder: string): void => {
    watchers.get(folder)?.close();
    watchers.delete(folder);
  };
  const renew = (): void => {
    for (const folder of folders) if (!watchers.has(folder)) start(folder);
  };
  renew();
  return {
    renew,
    close() {
      clearTimeout(timer);
      for (const folder of folders) drop(folder);
    },
  };
};

type CheckedPair =
  | { readonly kind: 'good'; readonly serving: ServingCertificate; readonly names: string }
  | { readonly kind: 'bad'; readonly problem: string };

/** Parses a PEM chain (leaf first) and a PEM key, and checks that they match and are valid at `now` (milliseconds since 1970). */
function checkPair(certificate: string, key: string, now: number): CheckedPair {
  const leaf = reading(() => new X509Certificate(certificate));
  if (typeof leaf === 'string') return bad(`the certificate is not a PEM certificate (${leaf})`);
  const privateKey = reading((): KeyObject => createPrivateKey(key));
  // OpenSSL's message about an invalid key quotes none of it.
  if (typeof privateKey === 'string') return bad(`the key is not a PEM private key without passphrase (${privateKey})`);
  if (!leaf.checkPrivateKey(privateKey)) return bad('the key does not match the certificate');
  const problem = validity(leaf, now);
  if (problem !== undefined) return bad(problem);
  return {
    kind: 'good',
    serving: { certificate, key, notAfter: new Date(leaf.validTo) },
    names: leaf.subjectAltName ?? leaf.subject,
  };
}

/** Why a certificate is not valid at `now`; undefined when it is. */
export function validity(
  { validFrom, validTo }: { readonly validFrom: string; readonly validTo: string },
  now: number,
): string | undefined {
  if (now >= Date.parse(validTo)) return `the certificate expired at ${new Date(validTo).toISOString()}`;
  if (now < Date.parse(validFrom)) return `the certificate is not valid before ${new Date(validFrom).toISOString()}`;
  return undefined;
}

const bad = (problem: string): CheckedPair => ({ kind: 'bad', problem });

const reading = <T extends object>(read: () => T): T | string => {
  try {
    return read();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};
