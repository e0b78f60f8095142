// Ownership of policies in Vault: never touched in observe mode, in another namespace, or with another owner.
import type { ControllerContext } from '../../../src/controller/runtime/context.ts';
import { reconcilePolicy } from '../../../src/controller/policy/reconcile.ts';
import { type JsonObject, textOf } from '../../../src/json/json.ts';
import type { VaultACLPolicy, VaultACLPolicyStatus } from '../../../src/resources/acl-policy.ts';
import { FINALIZER } from '../../../src/resources/kinds.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import { aclPolicy } from '../../support/objects.ts';
import { endpoint } from '../../support/objects.ts';

/** A server with one policy that the object created; `spec` is that of the endpoint. */
const setUp = (
  spec: { readonly namespace?: string; readonly managementPolicy?: 'Observe' } = {},
  others: readonly VaultACLPolicy[] = [],
  text = 'path "a" {}',
) => {
  const texts = new Map([['own-secrets', text]]);
  const events: string[] = [];
  let status: VaultACLPolicyStatus | undefined;
  let isReleased = false;
  const request = async ({ method, path, body }: { method: string; path: string; body?: JsonObject }) => {
    const name = path.slice('sys/policies/acl/'.length);
    const policy = texts.get(name);
    if (method === 'POST') texts.set(name, textOf(body, 'policy') ?? '');
    else if (method === 'DELETE') texts.delete(name);
    else if (policy === undefined) throw new VaultError('nothing', { status: 404, kind: 'NotFound', written: 'no' });
    return { status: 200, data: { policy: policy ?? '' }, auth: undefined, warnings: [], raw: {} };
  };
  const context = {
    kube: {
      writeStatus: async (_: string, _object: unknown, written: VaultACLPolicyStatus) => {
        status = written;
      },
      addFinalizer: async () => undefined,
      removeFinalizer: async () => {
        isReleased = true;
      },
    },
    vault: {
      observeOnly: false,
      registry: {
        get: () => ({ state: 'ready', session: { request }, clusterID: 'cluster-1', product: 'Vault', capabilities: [] }),
      },
      fence: () => undefined,
    },
    clock: { resyncFactor: 1, deletionTimeoutMs: 1000, random: () => 0.5, now: () => 0 },
    report: {
      emitEvent: (_object: unknown, _type: string, reason: string) => events.push(reason),
      log: { warn: () => undefined },
      metrics: { drift: () => undefined },
    },
    listers: {
      endpoints: { get: () => endpoint('main', { spec }) },
      backends: { get: () => undefined, list: () => [] },
      policies: { list: () => others },
      roles: { list: () => [] },
    },
  } as unknown as ControllerContext;
  const run = async (object: VaultACLPolicy) => {
    await reconcilePolicy(context, 'own-secrets', object, new AbortController().signal);
    const [accepted, programmed] = ['Accepted', 'Programmed'].map((wanted) =>
      status?.conditions?.find(({ type }) => type === wanted),
    );
    return { text: texts.get('own-secrets'), isReleased, events, accepted: accepted?.reason, programmed: programmed?.reason };
  };
  return run;
};

const made = (policy: string, spec: object = {}): VaultACLPolicy => ({
  ...aclPolicy(policy, { deletionPolicy: 'Delete', ...spec }),
  status: { vault: { endpoint: 'main', clusterID: 'cluster-1', namespace: '', name: 'own-secrets' }, textHash: 'earlier' },
});
const going = (policy: VaultACLPolicy): VaultACLPolicy => ({
  ...policy,
  metadata: { ...policy.metadata, deletionTimestamp: '1970-01-01T00:00:00Z', finalizers: [FINALIZER] },
});

test('deletes the policy with its object', async () =>
  expect(await setUp()(going(made('path "a" {}')))).toMatchObject({ text: undefined, isReleased: true }));

test('deletes nothing if the endpoint or the object is in observe mode', async () => {
  const kept = { text: 'path "a" {}', isReleased: true };
  expect(await setUp({ managementPolicy: 'Observe' })(going(made('path "a" {}')))).toMatchObject(kept);
  expect(await setUp()(going(made('path "a" {}', { managementPolicy: 'Observe' })))).toMatchObject(kept);
});

test('finds a name conflict through another endpoint to the same server', async () => {
  const { metadata, ...rest } = made('path "b" {}', { endpointRef: { name: 'by-another-way' } });
  const holder = { ...rest, metadata: { ...metadata, name: 'own-secrets-too', uid: 'uid-2' } };
  const named = { ...holder, spec: { ...holder.spec, vaultName: 'own-secrets' } };
  expect(await setUp({}, [named])(aclPolicy('path "c" {}'))).toMatchObject({ text: 'path "a" {}', accepted: 'NameTaken' });
});

describe('the deletion of a policy', () => {
  const object = going(made('path "a" {}'));
  const mark = '# Managed by vault-auth-injector: VaultACLPolicy own-secrets,';
  const json = '{"path": {"a": {}}}';
  const asJSON = going(made(json));
  it.each<[string, VaultACLPolicy, string, boolean]>([
    ['with its mark', object, `${mark} uid-own-secrets\npath "a" {}`, true],
    ['with its mark, changed in Vault', object, `${mark} uid-own-secrets\npath "b" {}`, true],
    ['with the mark of another object', object, `${mark} uid-of-another\npath "a" {}`, false],
    ['without a mark, as adopted', object, 'path "a" {}\n', true],
    ['without a mark, of another owner', object, 'path "b" {}', false],
    ['as JSON, as written', asJSON, json, true],
    ['as JSON of another owner', asJSON, '{"path": {"b": {}}}', false],
  ])('%s', async (_what, policy, text, isDeleted) => {
    expect(await setUp({}, [], text)(policy)).toMatchObject({
      text: isDeleted ? undefined : text,
      isReleased: true,
      events: isDeleted ? [] : ['LeftInVault'],
    });
  });
});

test('deletes and overwrites nothing in another namespace of the server', async () => {
  const elsewhere = setUp({ namespace: 'elsewhere' });
  expect(await elsewhere(going(made('path "a" {}')))).toMatchObject({
    text: 'path "a" {}',
    isReleased: true,
    events: ['LeftInVault'],
  });
  expect(await elsewhere(made('path "b" {}'))).toMatchObject({ text: 'path "a" {}', programmed: 'NotOwned' });
});
