// The bare server that everything is measured against: it reads a body, parses it as JSON, and answers a patch of typical
// size if the pod asks for it. No routing, limits, log or metrics: the floor for a webhook in Node.js.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

/** Serves on the loopback at the port of the first word, with the certificate and key of the second and third. */
export function startAnchor([port, certificate, key]: readonly string[]): void {
  const options = { cert: readFileSync(certificate ?? ''), key: readFileSync(key ?? ''), keepAliveTimeout: 120_000 };
  const server = createServer(options, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { request: review } = JSON.parse(Buffer.concat(chunks).toString('utf8'));
      const asks = review.object.metadata.annotations?.['vault.hashicorp.com/agent-inject'] === 'true';
      const body = `${HEAD}${JSON.stringify(review.uid)},"allowed":true${asks ? PATCH : ''}}}`;
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
      response.end(body);
    });
  });
  server.listen(Number(port), '127.0.0.1');
}

const HEAD = '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":';
/** Ready made, in the size of what a pod with one secret is given. */
const OPERATIONS = [
  { op: 'add', path: '/spec/volumes/-', value: { name: 'secrets', emptyDir: { medium: 'Memory' } } },
  { op: 'add', path: '/spec/containers/-', value: { name: 'agent', image: 'agent:1', args: ['a'.repeat(4000)] } },
];
const PATCH = `,"patchType":"JSONPatch","patch":"${Buffer.from(JSON.stringify(OPERATIONS)).toString('base64')}"`;
