// A certificate from files whose authority, from a file too, is published on a configuration: -tls-cert-file with -tls-auto.
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../kube/client.ts';
import { readWebhookConfiguration, type WebhookConfiguration } from '../kube/webhook-configuration.ts';
import { jittered } from '../net/backoff.ts';
import { certificatesOf } from './bundle.ts';
import type { TlsLog } from './files.ts';
import { distrust, isPublished, publish } from './publication.ts';
import { repeat, type RoundOutcome } from './repeat.ts';
import type { CertificateSource } from './source.ts';

export interface PublishedFilesOptions {
  /** Where the certificate comes from; closed with this source. */
  readonly files: CertificateSource;
  /** PEM, one or more authorities: becomes the caBundle as it is. */
  readonly authorityFile: string;
  readonly client: KubeClient;
  /** The MutatingWebhookConfiguration whose entries get it. */
  readonly configuration: string;
  readonly log: TlsLog;
  readonly everyMs?: number;
}

/** The source of the files, not ready before every entry of the configuration trusts the authority; both are looked at again and again. */
export function publishedFileSource({
  files,
  authorityFile,
  client,
  configuration: name,
  log,
  everyMs = 5000,
}: PublishedFilesOptions): CertificateSource {
  let problem: string | undefined = `${authorityFile} has not been published yet`;
  const told = (text: string | undefined): void => {
    if (text !== undefined && text !== problem) log.warn({ problem: text }, 'cannot publish the authority of the certificate');
    problem = text;
  };

  const lookOnce = async (signal: AbortSignal): Promise<RoundOutcome> => {
    const authority = await readFile(authorityFile, 'utf8');
    if (certificatesOf(authority).length === 0) throw new Error(`${authorityFile} has no certificate in PEM`);
    let live: WebhookConfiguration | undefined = await readWebhookConfiguration(client, name, signal);
    let outcome: RoundOutcome = 'well';
    if (live && !isPublished(live, authority)) {
      live = await publish(client, live, authority, signal);
      outcome = 'changed';
      if (!live) return outcome;
      log.info(
        { configuration: name, entries: live.entries.length, file: authorityFile },
        'published the authority of the certificate',
      );
    }
    told(distrust(name, live ?? 'absent', authority));
    return outcome;
  };
  const repetition = repeat({
    round: (signal) =>
      lookOnce(signal).catch((error: unknown): RoundOutcome => {
        if (!signal.aborted) told(error instanceof Error ? error.message : String(error));
        return 'failed';
      }),
    idle: (signal) => sleep(jittered(everyMs), undefined, { signal }),
  });

  return {
    current: () => files.current(),
    onChange: (listener) => files.onChange(listener),
    problem: () => files.problem() ?? problem,
    async close() {
      await Promise.all([repetition.close(), files.close()]);
    },
  };
}
