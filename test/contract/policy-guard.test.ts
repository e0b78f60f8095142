// No policy text passes as unprivileged that grants access to sys/, auth/ or identity/, however it is written.
import fc from 'fast-check';
import { policyText } from '../../src/resources/policy-text.ts';
import { textOf } from '../../src/json/json.ts';
import { writePolicy } from '../../src/vault/policies.ts';
import { aclPolicy } from '../support/objects.ts';
import { type ContractServer, onEachServer } from './servers.ts';

const REACHED = ['sys/auth', 'sys/mounts', 'sys/policies/acl/x', 'auth/token/create', 'identity/entity'];
const ALL = '{ capabilities = ["create", "read", "update", "sudo"] }';
const JSON_ALL = '{"capabilities":["create","read","update","sudo"]}';

/** Privileged policies that a simple check would overlook. */
const HOSTILE = [
  `path "sys/*" ${ALL}`,
  `path "*" ${ALL}`,
  `path "+/*" ${ALL}`,
  `path "s*" ${ALL}`,
  `path "auth/token/create" ${ALL}`,
  `path"sys/*"${ALL}`,
  `"path" "sys/*" ${ALL}`,
  `PATH "sys/*" ${ALL}`,
  `path "/sys/*" ${ALL}`,
  `path "sys/*" "x" ${ALL}`,
  `path "x" "sys/*" ${ALL}`,
  `path = { "sys/*" = ${ALL} }`,
  `path { "sys/*" ${ALL} }`,
  `path = [{ "sys/*" = ${ALL} }]`,
  `path "s\\u0079s/*" ${ALL}`,
  `path "\\x73ys/*" ${ALL}`,
  `name = 1/* " */ path "sys/*" ${ALL} # "`,
  `name = 1// " \npath "sys/*" ${ALL} # "`,
  `name = "x"/* " */ path "sys/*" ${ALL} # "`,
  `name = 1# "\npath "sys/*" ${ALL} # "`,
  `name = <<EOT\n"\nEOT\npath "sys/*" ${ALL} # "`,
  `/* /* */ path "sys/*" ${ALL} # */`,
  `# x\rpath "sys/*" ${ALL}`,
  `\uFEFFpath "sys/*" ${ALL}`,
  `{"path":{"sys/*":${JSON_ALL}}}`,
  `{"path":[{"sys/*":${JSON_ALL}}]}`,
  `{"pa\\u0074h":{"sys/*":${JSON_ALL}}}`,
  `{"path":{"\\u0073ys/*":${JSON_ALL}}}`,
  `{"path":{"sys\\/*":${JSON_ALL}}}`,
  `{"path":{"secret/*":${JSON_ALL}},"path":{"sys/*":${JSON_ALL}}}`,
  Buffer.from(`path "sys/*" ${ALL}\n`).toString('base64'),
];

const fragment = fc.constantFrom(
  'path ',
  '"path" ',
  'name ',
  '"name"',
  '"sys/*"',
  '"secret/*"',
  '"x"',
  'x',
  '1',
  ALL,
  '{',
  '}',
  '[',
  ']',
  '=',
  ':',
  ',',
  '"',
  '\\',
  '\n',
  '\r',
  '#',
  '//',
  '/*',
  '*/',
  '<<E\n',
  '\nE\n',
  ' ',
  '${',
  `path "sys/*" ${ALL}`,
  `{"path":{"sys/*":${JSON_ALL}}}`,
);

/** A token whose only policy is "guarded", which each case writes. */
const holderOf = async ({ root }: ContractServer): Promise<string> => {
  await writePolicy(root, 'guarded', 'path "x" {}');
  const body = { policies: ['guarded'], no_default_policy: true, no_parent: true };
  const { auth } = await root.request({ method: 'POST', path: 'auth/token/create', body });
  return textOf(auth, 'client_token') ?? '';
};

onEachServer(
  [],
  () => Promise.resolve(),
  (_product, server) => {
    /** The paths that a policy of this text grants; none when the server rejects the text. */
    const reach = async ({ root }: ContractServer, token: string, text: string): Promise<readonly string[]> => {
      const isTaken = await writePolicy(root, 'guarded', text).then(
        () => true,
        () => false,
      );
      if (!isTaken) return [];
      taken += 1;
      const { data = {} } = await root.request({
        method: 'POST',
        path: 'sys/capabilities',
        body: { token, paths: [...REACHED] },
      });
      return REACHED.filter((path) => JSON.stringify(data[path]) !== '["deny"]');
    };
    let taken = 0;

    it('the servers do grant access by an overlooked text', async () => {
      const token = await holderOf(server());
      expect(await reach(server(), token, HOSTILE[0] ?? '')).toEqual(['sys/auth', 'sys/mounts', 'sys/policies/acl/x']);
      expect(await reach(server(), token, 'path "secret/*" {}')).toEqual([]);
    });

    it.each(HOSTILE)('%j', async (policy) => {
      const verdict = policyText(aclPolicy(policy), () => undefined);
      const reached = verdict.ok ? await reach(server(), await holderOf(server()), verdict.text) : [];
      expect(reached).toEqual([]);
    });

    it('rejects combinations of such pieces', async () => {
      const holder = await holderOf(server());
      taken = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(fragment, { minLength: 1, maxLength: 14 }), async (fragments) => {
          const verdict = policyText(aclPolicy(fragments.join('')), () => undefined);
          if (verdict.ok) expect(await reach(server(), holder, verdict.text)).toEqual([]);
        }),
        { numRuns: 1500 },
      );
      expect(taken).toBeGreaterThan(20);
    }, 300_000);
  },
);
