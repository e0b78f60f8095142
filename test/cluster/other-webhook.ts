// Another team's webhook: changes every pod once, for example by a container "late", as a service mesh would.
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { isObject, type JsonObject, objectAt, objectsOf } from '../../src/json/json.ts';
import type { Bed } from '../bed/bed.ts';

export interface OtherWebhook {
  readonly url: string;
  readonly authority: string;
  /** How often it was called. */
  readonly calls: () => number;
  readonly close: () => void;
}

/** What it adds, as a JSON Patch; nothing where there is nothing to do. */
type Change = (pod: JsonObject) => readonly JsonObject[];

/** A container that pods do not have yet. */
export const addContainer: Change = (pod) => {
  const isThere = objectsOf(objectAt(pod, 'spec')?.['containers']).some(({ name }) => name === 'late');
  return isThere ? [] : [{ op: 'add', path: '/spec/containers/-', value: { name: 'late', image: 'late:1' } }];
};

/** Something that does not concern us. */
export const addLabel: Change = (pod) =>
  objectAt(objectAt(pod, 'metadata'), 'labels')?.['mesh'] === 'on'
    ? []
    : [{ op: 'add', path: '/metadata/labels', value: { mesh: 'on' } }];

/** Starts it in this process, on a free port of 127.0.0.1. */
export async function startOtherWebhook(bed: Bed, change: Change = addContainer): Promise<OtherWebhook> {
  const { certificate, key } = bed.credentials.issueServing({ ipAddresses: ['127.0.0.1'] });
  let calls = 0;
  const server = createServer({ cert: certificate, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      calls += 1;
      response.setHeader('Content-Type', 'application/json').end(answerTo(Buffer.concat(chunks).toString(), change));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return {
    url: `https://127.0.0.1:${portOf(server)}/mutate`,
    authority: bed.ca,
    calls: () => calls,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function answerTo(text: string, change: Change): string {
  const review: unknown = JSON.parse(text);
  const request = isObject(review) ? objectAt(review, 'request') : undefined;
  const patch = change(objectAt(request, 'object') ?? {});
  const changed =
    patch.length === 0 ? {} : { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') };
  const response = { uid: request?.['uid'], allowed: true, ...changed };
  return JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response });
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server that listens has such an address
const portOf = (server: Server): number => (server.address() as AddressInfo).port;
