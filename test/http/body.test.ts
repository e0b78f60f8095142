// Bodies that are small as text and large once parsed: rejected unparsed.
import { hasMoreValues } from '../../src/http/body.ts';
import { send } from './client.ts';
import { metric, startServer, stopServers } from './fixture.ts';
import { realReview } from './real-review.ts';

afterAll(stopServers);

const more = (json: string, limit: number): boolean => hasMoreValues(Buffer.from(json), limit);

const LIMIT = 7 * 1024 * 1024;
const review = (spec: string): string =>
  `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","object":{"metadata":{},"spec":{${spec}}}}}`;

describe('counting values', () => {
  it.each([
    ['{"a":[1,2,3]}', 4],
    ['[{},{}]', 4],
    ['{"a":"1,2,{[","b\\",{":"\\\\"}', 2],
    ['{"é€":"\\",\\",","b":1}', 2],
    ['[[[[[[[[[[]]]]]]]]]]', 10],
  ])('of %s: %d', (json, count) => {
    expect(more(json, count)).toBe(false);
    expect(more(json, count - 1)).toBe(true);
  });

  it('ends at a string that is not closed', () => expect(more('["a,,,,,\\', 1)).toBe(false));
});

describe('a body of many small values', () => {
  it.each([
    ['tolerations', review(`"tolerations":[${'{},'.repeat(980_000)}{}]`)],
    ['nothing but objects', `[${'{},'.repeat(LIMIT / 3 - 2)}{}]`],
    ['nothing but lists within one another', '['.repeat(LIMIT)],
    ['keys', review(Array.from({ length: 250_000 }, (_, index) => `"k${index}":1`).join(','))],
  ])('%s: 413 twenty times in a row, unparsed, while others are served', async (_what, body) => {
    const real = realReview({ compat: false });
    const sizes: number[] = [];
    const server = await startServer({
      review: (bytes) => {
        sizes.push(bytes.length);
        return real(bytes);
      },
    });
    const other = review('');
    for (let count = 0; count < 20; count += 1) {
      const [hostile, small] = await Promise.all([send(server.port, body), send(server.port, other)]);
      expect(hostile).toMatchObject({ status: 413, body: 'the review has more than 200000 lists, objects and values\n' });
      expect(small.status).toBe(200);
    }
    expect(new Set(sizes)).toEqual(new Set([other.length]));
    expect(await metric(server.metrics, 'vault_auth_injector_requests_rejected_total{status="413"}')).toBe(20);
  });

  it('is reviewed when it is a pod of 1.5 MB of variables and managed fields, or 5 MB of text with commas', async () => {
    const server = await startServer({ review: realReview({ compat: false }) });
    const names = Array.from({ length: 14_000 }, (_, index) => `V${index}`);
    const env = names.map((name) => ({ name, value: 'some value' }));
    const fields = Object.fromEntries(
      names.map((name) => [`k:${JSON.stringify({ name })}`, { '.': {}, 'f:name': {}, 'f:value': {} }]),
    );
    const pod = JSON.stringify([{ name: 'web', env, args: [',{['.repeat(1_700_000)] }]);
    const managed = JSON.stringify([{ fieldsV1: { 'f:env': fields } }]);
    const body = review(`"containers":${pod}`).replace('"metadata":{}', `"metadata":{"managedFields":${managed}}`);
    expect((await send(server.port, body)).status).toBe(200);
  });
});
