// A webhook that changes nothing and names the entry that called it, in a warning on the answer.
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { isObject, objectAt, objectsOf, textOf, type JsonObject } from '../../src/json/json.ts';
import { RULES } from '../../src/kube/webhook-configuration.ts';
import type { Bed } from '../bed/bed.ts';
import type { ApiAnswer } from '../bed/request.ts';

export interface Recorder {
  /** The configuration with every entry calling here, and with the rules that a replica adds. */
  readonly redirected: (configuration: JsonObject) => JsonObject;
  readonly calls: () => number;
  readonly close: () => void;
}

const CALLED = 'called by ';

/** First labels of the names of the entries that were called for an answered request. */
export function entriesOf({ warnings }: ApiAnswer): readonly string[] {
  return warnings.filter((warning) => warning.startsWith(CALLED)).map((warning) => warning.slice(CALLED.length));
}

/** Starts it in this process, on a free port of 127.0.0.1. */
export async function startRecorder(bed: Bed): Promise<Recorder> {
  const { certificate, key } = bed.credentials.issueServing({ ipAddresses: ['127.0.0.1'] });
  let calls = 0;
  const server = createServer({ cert: certificate, key, keepAliveTimeout: 120_000 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      calls += 1;
      const review: unknown = JSON.parse(Buffer.concat(chunks).toString());
      const uid = isObject(review) ? objectAt(review, 'request')?.['uid'] : undefined;
      const entry = new URL(request.url ?? '', 'https://recorder').pathname.slice(1);
      const answer = { uid, allowed: true, warnings: [`${CALLED}${entry}`] };
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server that listens has such an address
  const { port } = server.address() as AddressInfo;
  const caBundle = Buffer.from(bed.ca).toString('base64');
  return {
    redirected: (configuration) => ({
      ...configuration,
      webhooks: objectsOf(configuration['webhooks']).map((entry) => ({
        ...entry,
        rules: RULES,
        clientConfig: { url: `https://127.0.0.1:${port}/${textOf(entry, 'name')?.split('.')[0]}`, caBundle },
      })),
    }),
    calls: () => calls,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
