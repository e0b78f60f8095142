// The API server's response to a TokenRequest.
import type { KubeClient } from '../../../src/kube/client.ts';
import { requestToken } from '../../../src/kube/tokens.ts';

const asked = (answer: unknown) => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the test scripts the response
  const client = { request: async () => answer, close: () => undefined } as KubeClient;
  return requestToken(client, 'team', 'web', { audiences: [], expirationSeconds: 600 });
};

test('returns the token with its expiry', async () =>
  expect(await asked({ status: { token: 'a.b.c', expirationTimestamp: '1970-01-01T00:10:00Z' } })).toEqual({
    token: 'a.b.c',
    expiresAt: 600_000,
  }));

test.each([{}, { status: {} }, { status: { token: 'a.b.c' } }, { status: { expirationTimestamp: '1970-01-01T00:10:00Z' } }])(
  '%j is no token',
  (answer) => expect(asked(answer)).rejects.toMatchObject({ reason: 'Unreadable' }),
);
