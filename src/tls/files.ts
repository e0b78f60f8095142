// A certificate and key from files, read again when they change.
import { type FSWatcher, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { checkPair } from './pair.ts';
import { type CertificateSource, holder } from './source.ts';

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
  /** How often the files are read even when nothing was heard of them. */
  readonly pollMs?: number;
}

/**
 * Reads both files, and again whenever their folders change: the kubelet replaces a mounted Secret by renaming the link `..data`,
 * which no watch on a file would see. File systems that report nothing are covered by the poll. A pair that is
 * unreadable, half written, expired or of two minds never replaces a good one.
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
      held.current() ? 'keeping the certificate before: the new one cannot be used' : 'no certificate to serve yet',
    );
  };

  // One reading at a time; what happens meanwhile leads to one more.
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
      // A bad new pair takes nobody out of service while the one before is valid; it was logged.
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

/** A program that writes two files is given this long to write the second before we look. */
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
      // No such folder yet, or no watches left on this machine: the poll goes on, and tries this again.
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
