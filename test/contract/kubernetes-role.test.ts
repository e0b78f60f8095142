// Roles of the Kubernetes method on both products, field by field.
import type { JsonObject } from '../../src/json/json.ts';
import { deleteRole, listRoles, readRole } from '../../src/vault/roles.ts';
import { writeTune } from '../../src/vault/mounts.ts';
import { onEachServer, type ProductName, write } from './servers.ts';

const BINDING = { bound_service_account_names: ['app'], bound_service_account_namespaces: ['team-a'] };
const BASE = { ...BINDING, audience: 'vault' };
/** The stored role when only its binding was written. */
const UNSET = {
  alias_name_source: 'serviceaccount_uid',
  bound_service_account_namespace_selector: '',
  token_bound_cidrs: [],
  token_explicit_max_ttl: 0,
  token_max_ttl: 0,
  token_no_default_policy: false,
  token_num_uses: 0,
  token_period: 0,
  token_policies: [],
  token_ttl: 0,
  token_type: 'default',
};
const ZEROS = { ...UNSET, token_type: '' };
const FULL = {
  ...BASE,
  alias_name_source: 'serviceaccount_name',
  bound_service_account_namespace_selector: '{"matchLabels":{"a":"b"}}',
  token_bound_cidrs: ['10.0.0.0/8'],
  token_explicit_max_ttl: 7200,
  token_max_ttl: 3600,
  token_no_default_policy: true,
  token_num_uses: 3,
  token_period: 60,
  token_policies: ['p'],
  token_ttl: 900,
  token_type: 'service',
};

type Expected = string | Readonly<Record<ProductName, string>>;

onEachServer(
  [],
  () => Promise.resolve(),
  (product, server) => {
    const isVault = product === 'vault';
    const strictly = isVault ? {} : { token_strictly_bind_ip: false };
    let path = '';
    let count = 0;
    beforeAll(async () => {
      path = await server().mount('kubernetes');
    });
    const put = (name: string, body: JsonObject): Promise<string> => write(server().root, `auth/${path}/role/${name}`, body);
    const get = (name: string): Promise<JsonObject | undefined> => readRole(server().root, path, name);
    const fresh = async (body: JsonObject = BASE): Promise<string> => {
      count += 1;
      await put(`role-${count}`, body);
      return `role-${count}`;
    };

    test('1.1 an absent role is a 404 without a message; deleting it is not an error; without roles the list is empty', async () => {
      const empty = await server().mount('kubernetes');
      expect(await listRoles(server().root, empty)).toEqual([]);
      expect(await readRole(server().root, empty, 'x')).toBeUndefined();
      await deleteRole(server().root, empty, 'x');
      expect(await write(server().root, `auth/${empty}/role/x`, BASE, 'PUT')).toBe('204');
      expect(await listRoles(server().root, empty)).toEqual(['x']);
      await deleteRole(server().root, empty, 'x');
      expect(await listRoles(server().root, empty)).toEqual([]);
    });

    test('1.1 names consist of letters, digits, "_", "-" and ".", and are stored in lower case', async () => {
      expect(await put('Team-A.App_x', BASE)).toBe('204');
      expect(await listRoles(server().root, path)).toContain('team-a.app_x');
      expect(await get('TEAM-A.APP_X')).toMatchObject(BASE);
      for (const name of ['-a', 'a.', 'a:b', 'a/b'])
        expect(await put(name, BASE)).toBe('404 1 error occurred: * unsupported path');
    });

    test('1.3.2 a write merges: absent fields stay, except the namespace selector', async () => {
      const name = await fresh(FULL);
      expect(await put(name, { token_ttl: 60 })).toBe('204');
      expect(await get(name)).toEqual({ ...FULL, ...strictly, token_ttl: 60, bound_service_account_namespace_selector: '' });
    });

    test('1.3.2 zeros clear fields in one write; the zero of alias_name_source is its default, empty text is rejected', async () => {
      const name = await fresh(FULL);
      expect(await put(name, { ...BINDING, ...ZEROS, audience: '' })).toMatch(isVault ? /^200 .*audience/ : /^204$/);
      expect(await get(name)).toEqual({ ...BINDING, ...UNSET, ...strictly });
      expect(await put(name, { alias_name_source: '' })).toMatch(/^400 invalid alias_name_source/);
    });

    test('1.3.2 null clears some fields and keeps others, so it is never sent', async () => {
      const name = await fresh({ ...BASE, token_ttl: 60, token_policies: ['p'] });
      await put(name, { audience: null, token_ttl: null, token_policies: null });
      const role = await get(name);
      expect([role?.['audience'], role?.['token_ttl'], role?.['token_policies']]).toEqual([undefined, 60, []]);
    });

    test('1.3.4 an unknown parameter is dropped; only Vault warns, and only beside another warning', async () => {
      count += 1;
      expect(await put(`u-${count}`, { ...BASE, bound_audiences: ['x'] })).toBe('204');
      const answer = await put(`u-${count}`, { ...BINDING, audience: '', bound_audiences: ['x'] });
      expect(answer).toMatch(isVault ? /^200 .*Endpoint ignored these unrecognized parameters: \[bound_audiences\]/ : /^204$/);
      expect(await get(`u-${count}`)).not.toHaveProperty('bound_audiences');
    });

    test('1.4 audience is one string, returned only when not empty; without one Vault warns at each write', async () => {
      const name = await fresh(BINDING);
      expect(await get(name)).not.toHaveProperty('audience');
      const answer = await put(name, { token_ttl: 60 });
      expect(answer).toMatch(isVault ? /^200 .*audience/ : /^204$/);
      expect(await put(name, { audience: 'vault' })).toBe('204');
      expect((await get(name))?.['audience']).toBe('vault');
    });

    const name = 'bound_service_account_names';
    const namespaces = 'bound_service_account_namespaces';
    const selector = 'bound_service_account_namespace_selector';
    test.each<[string, JsonObject, Expected]>([
      ['names are required', { [namespaces]: ['a'] }, `400 "${name}" can not be empty`],
      ['names cannot be emptied', { ...BASE, [name]: [] }, `400 "${name}" can not be empty`],
      ['"*" is not mixed with names', { ...BASE, [name]: ['*', 'a'] }, `400 can not mix "*" with values`],
      ['"*" alone is taken', { ...BASE, [name]: ['*'] }, '204'],
      ['globs are taken', { ...BASE, [name]: ['app-*'] }, '204'],
      [
        'namespaces or a selector are required',
        { [name]: ['a'] },
        `400 "${namespaces}" can not be empty if "${selector}" is not set`,
      ],
      ['"*" is not mixed with namespaces', { ...BASE, [namespaces]: ['*', 'a'] }, `400 can not mix "*" with values`],
      ['a selector is enough', { [name]: ['a'], audience: 'v', [selector]: 'matchLabels:\n  a: b' }, '204'],
      [
        'a selector knows labels alone',
        { ...BASE, [selector]: '{"matchExpressions":[{"key":"a","operator":"Exists"}]}' },
        `400 invalid "${selector}" configured`,
      ],
      [
        'alias_name_source is one of two',
        { ...BASE, alias_name_source: 'x' },
        '400 invalid alias_name_source, must be one of: serviceaccount_uid, serviceaccount_name',
      ],
      [
        'token_ttl is not negative',
        { ...BASE, token_ttl: -1 },
        '400 error converting input for field "token_ttl": cannot provide negative value \'-1\'',
      ],
      [
        'token_ttl is not above token_max_ttl',
        { ...BASE, token_ttl: 100, token_max_ttl: 50 },
        "400 'token_ttl' cannot be greater than 'token_max_ttl'",
      ],
      ['token_ttl above the mount’s maximum is taken without a word', { ...BASE, token_ttl: '9999h' }, '204'],
      [
        'token_max_ttl above the mount’s maximum is taken with a warning',
        { ...BASE, token_max_ttl: '9999h' },
        "200 max_ttl is greater than the system or backend mount's maximum TTL value; issued tokens' max TTL value will be truncated",
      ],
      ['token_num_uses is not negative', { ...BASE, token_num_uses: -1 }, "400 'token_num_uses' cannot be negative"],
      ['token_type is one of four', { ...BASE, token_type: 'junk' }, `400 invalid 'token_type' value "junk"`],
      [
        'batch tokens have no period',
        { ...BASE, token_type: 'batch', token_period: 60 },
        "400 'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens",
      ],
      [
        'batch tokens have no number of uses',
        { ...BASE, token_type: 'batch', token_num_uses: 1 },
        "400 'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with limited use count",
      ],
      [
        'token_bound_cidrs are networks',
        { ...BASE, token_bound_cidrs: ['junk'] },
        '400 error parsing address "junk": Unable to convert "junk" to an IPv4 or IPv6 address, or a UNIX Socket',
      ],
    ])('1.4 %s', async (_, body, answer) => {
      count += 1;
      expect(await put(`f-${count}`, body)).toBe(typeof answer === 'string' ? answer : answer[product]);
    });

    test('1.4 token_period is at most the max TTL of the mount', async () => {
      const tuned = await server().mount('kubernetes');
      await writeTune(server().root, tuned, { max_lease_ttl: '1h' });
      expect(await write(server().root, `auth/${tuned}/role/x`, { ...BASE, token_period: '2h' })).toMatch(/^400 .*period/);
    });

    test.each<[string, JsonObject, JsonObject]>([
      [
        'durations are seconds',
        { token_ttl: '15m', token_max_ttl: '1h', token_explicit_max_ttl: '2h', token_period: '60' },
        { token_ttl: 900, token_max_ttl: 3600, token_explicit_max_ttl: 7200, token_period: 60 },
      ],
      ['policies keep case, order and doubles', { token_policies: ['B', 'a', 'a'] }, { token_policies: ['B', 'a', 'a'] }],
      ['a text with commas is a list', { token_policies: 'x, Y' }, { token_policies: ['x', 'Y'] }],
      ['a name with a comma in a list stays one name', { token_policies: ['x,y'] }, { token_policies: ['x,y'] }],
      [
        '/32 and /128 lose their masks',
        { token_bound_cidrs: ['10.0.0.1/32', '10.1.0.0/16', '::1/128'] },
        { token_bound_cidrs: ['10.0.0.1', '10.1.0.0/16', '::1'] },
      ],
      [
        'a selector stays as it was typed',
        { [selector]: '{ "matchLabels": {"a":"b"} }' },
        { [selector]: '{ "matchLabels": {"a":"b"} }' },
      ],
      [
        'the deprecated names are mirrored, and read when they were set',
        { policies: ['old'], ttl: 50 },
        { policies: ['old'], ttl: 50, token_policies: ['old'], token_ttl: 50 },
      ],
    ])('1.4 %s', async (_, body, seen) => {
      expect(await get(await fresh({ ...BASE, ...body }))).toMatchObject(seen);
    });

    test('1.4 token_strictly_bind_ip is OpenBao’s: Vault drops it without a warning', async () => {
      const role = await get(await fresh({ ...BASE, token_strictly_bind_ip: true }));
      expect(role?.['token_strictly_bind_ip']).toBe(isVault ? undefined : true);
      if (isVault) return;
      expect(await put('strict', { ...BASE, token_strictly_bind_ip: true, token_bound_cidrs: ['10.0.0.0/8'] })).toMatch(/^400 /);
    });

    test('1.4 alias_metadata is dropped without a warning', async () => {
      expect(await put('alias', { ...BASE, alias_metadata: { a: 'b' } })).toBe('204');
      expect(await get('alias')).not.toHaveProperty('alias_metadata');
    });
  },
);
