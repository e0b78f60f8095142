// The configuration of the Kubernetes method on both products, field by field.
import { readConfig, writeConfig } from '../../src/vault/mounts.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { onEachServer, read, write } from './servers.ts';

const CA_ERROR = 'The provided CA PEM data contains no valid certificates';
const FRAME = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

onEachServer(
  [],
  () => Promise.resolve(),
  (product, server) => {
    const isVault = product === 'vault';
    let path = '';
    let full: JsonObject;
    beforeAll(async () => {
      const { bed, mount } = server();
      path = await mount('kubernetes');
      const { credentials } = bed;
      full = {
        kubernetes_host: 'https://kubernetes.example/',
        kubernetes_ca_cert: credentials.authority,
        token_reviewer_jwt: 'any-bearer-canary',
        pem_keys: [credentials.issueServing({ dnsNames: ['keys'] }).certificate],
        issuer: 'https://issuer.example',
        disable_iss_validation: false,
        disable_local_ca_jwt: true,
        use_annotations_as_alias_metadata: true,
      };
    });
    const put = (body: JsonObject): Promise<string> => write(server().root, `auth/${path}/config`, body);
    const get = (): Promise<JsonObject> => read(server().root, `auth/${path}/config`);
    const minimal = (): JsonObject => ({ kubernetes_host: 'https://k', kubernetes_ca_cert: full['kubernetes_ca_cert'] ?? '' });

    test('1.1 a config that was never written is a 404 without a message (absent); a missing mount has one', async () => {
      const fresh = await server().mount('kubernetes');
      expect(await readConfig(server().root, fresh)).toBeUndefined();
      await expect(readConfig(server().root, 'nowhere')).rejects.toMatchObject({ kind: 'NotFound', errors: [expect.anything()] });
    });

    test('1.1 config cannot be deleted', async () => {
      expect(await write(server().root, `auth/${path}/config`, {}, 'DELETE')).toBe(
        '405 1 error occurred: * unsupported operation',
      );
    });

    test('1.2 a read returns every field but the reviewer token, of which only whether it is set (1.3.3)', async () => {
      expect(await put(full)).toBe('204');
      const { token_reviewer_jwt: _, use_annotations_as_alias_metadata: annotations, ...visible } = full;
      expect(await get()).toEqual({
        ...visible,
        pem_keys: [String((full['pem_keys'] as string[])[0]).trim()],
        token_reviewer_jwt_set: true,
        ...(isVault && { use_annotations_as_alias_metadata: annotations }),
      });
      expect(JSON.stringify(await get())).not.toContain('canary');
    });

    test('1.3.1 a write replaces everything: it erases absent fields, the reviewer token too, and resets flags to their defaults', async () => {
      await put(full);
      expect(await put(minimal())).toBe('204');
      expect(await get()).toEqual({
        ...minimal(),
        pem_keys: [],
        issuer: '',
        disable_iss_validation: true,
        disable_local_ca_jwt: false,
        token_reviewer_jwt_set: false,
        ...(isVault && { use_annotations_as_alias_metadata: false }),
      });
    });

    test('1.3.4 an unknown parameter is dropped without a warning', async () => {
      expect(await writeConfig(server().root, path, { ...minimal(), nonsense: 1, audiences: ['x'] })).toEqual([]);
      expect(Object.keys(await get())).not.toContain('nonsense');
    });

    test.each<[string, () => JsonObject, string | { readonly openbao: string; readonly vault: string }]>([
      ['kubernetes_host is required', () => ({}), '400 no host provided'],
      ['kubernetes_host is otherwise not looked at', () => ({ ...minimal(), kubernetes_host: '::not a url::' }), '204'],
      ['kubernetes_host may be plain HTTP', () => ({ ...minimal(), kubernetes_host: 'http://k' }), '204'],
      [
        'kubernetes_ca_cert must hold PEM',
        () => ({ ...minimal(), kubernetes_ca_cert: 'nope' }),
        { openbao: '204', vault: `400 ${CA_ERROR}` },
      ],
      ['kubernetes_ca_cert may hold junk in a PEM frame', () => ({ ...minimal(), kubernetes_ca_cert: FRAME }), '204'],
      [
        'kubernetes_ca_cert may be empty with disable_local_ca_jwt, for the trust of the system',
        () => ({ kubernetes_host: 'https://k', disable_local_ca_jwt: true }),
        { openbao: '400 kubernetes_ca_cert must be given when disable_local_ca_jwt is true', vault: '204' },
      ],
      [
        'pem_keys must be public keys or certificates',
        () => ({ ...minimal(), pem_keys: ['nope'] }),
        {
          openbao: '400 data does not contain any valid public keys',
          vault: '400 data does not contain any valid RSA or ECDSA public keys',
        },
      ],
      ['null of disable_local_ca_jwt is false', () => ({ ...minimal(), disable_local_ca_jwt: null }), '204'],
    ])('1.2 %s', async (_, body, answer) => {
      const expected = typeof answer === 'string' ? answer : answer[product];
      expect(await put(body())).toBe(expected);
    });
  },
);
