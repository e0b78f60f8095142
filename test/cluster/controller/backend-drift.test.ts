// Drift of a backend: corrected or only reported, and nothing is written without drift.
import { generateKeyPairSync } from 'node:crypto';
import type { JsonObject } from '../../../src/json/json.ts';
import { collectionPath, CONFIRM_DELETE_ANNOTATION } from '../../../src/resources/kinds.ts';
import { issueCa } from '../../../src/tls/issue.ts';
import { untilReported, writes } from './backend-support.ts';
import { eventually } from '../../support/eventually.ts';
import { useStage, PRODUCTS, type Stage } from './backend-stage.ts';

let stage: Stage;
const check = useStage({}, (opened) => {
  stage = opened;
});

const otherKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }).toString();
const otherAuthority = issueCa({
  commonName: 'other',
  notBefore: new Date(Date.now() - 3_600_000),
  notAfter: new Date(Date.now() + 3_600_000),
}).certificate;

const TUNED = {
  description: 'ours',
  tune: { defaultLeaseTTL: '30m', maxLeaseTTL: '2h', listingVisibility: 'hidden', tokenType: 'default-service' },
};
const rotated = (): JsonObject => ({
  type: 'kubernetes',
  kubernetes: { host: stage.bed.url, reviewer: { mode: 'Rotated' }, issuer: 'Discover', verifyKeys: { source: 'Synced' } },
  rbac: { manageAuthDelegator: true },
  mount: TUNED,
});
const pushed = (): JsonObject => ({ type: 'jwt', jwt: {}, mount: { create: true } });

interface Row {
  readonly type: 'kubernetes' | 'jwt';
  /** As status.drift names it. */
  readonly field: string;
  /** The change in Vault; the other readable fields of a configuration stay. */
  readonly body: JsonObject;
  readonly product?: (typeof PRODUCTS)[number];
}

const ROWS: readonly Row[] = [
  { type: 'kubernetes', field: 'kubernetes_host', body: { kubernetes_host: 'https://elsewhere.example.org' } },
  { type: 'kubernetes', field: 'kubernetes_ca_cert', body: { kubernetes_ca_cert: otherAuthority } },
  { type: 'kubernetes', field: 'pem_keys', body: { pem_keys: [otherKey] } },
  { type: 'kubernetes', field: 'issuer', body: { issuer: 'https://other.example.org' } },
  { type: 'kubernetes', field: 'disable_iss_validation', body: { disable_iss_validation: true } },
  { type: 'kubernetes', field: 'disable_local_ca_jwt', body: { disable_local_ca_jwt: false } },
  { type: 'kubernetes', field: 'token_reviewer_jwt', body: {} },
  {
    type: 'kubernetes',
    field: 'use_annotations_as_alias_metadata',
    body: { use_annotations_as_alias_metadata: true },
    product: 'vault',
  },
  { type: 'jwt', field: 'jwt_validation_pubkeys', body: { jwt_validation_pubkeys: [otherKey] } },
  { type: 'jwt', field: 'bound_issuer', body: { bound_issuer: 'https://other.example.org' } },
  { type: 'jwt', field: 'default_role', body: { default_role: 'any' } },
  { type: 'jwt', field: 'jwt_supported_algs', body: { jwt_supported_algs: ['ES256'] } },
  { type: 'kubernetes', field: 'tune.default_lease_ttl', body: { default_lease_ttl: '5m' } },
  { type: 'kubernetes', field: 'tune.max_lease_ttl', body: { max_lease_ttl: '3h' } },
  { type: 'kubernetes', field: 'tune.description', body: { description: 'theirs' } },
  { type: 'kubernetes', field: 'tune.listing_visibility', body: { listing_visibility: 'unauth' } },
  { type: 'kubernetes', field: 'token_reviewer_jwt', body: { token_reviewer_jwt: 'of-another-owner' } },
  { type: 'kubernetes', field: 'tune.token_type', body: { token_type: 'default-batch' } },
];

const has = async (name: string, type: string, reason: string): Promise<void> => {
  const { conditions = [] } = await stage.status(name);
  expect(conditions.find((condition) => condition.type === type)?.reason).toBe(reason);
};
const place = (name: string): string => `${collectionPath('VaultAuthBackend')}/${name}`;

describe.each(PRODUCTS)('%s', (product) => {
  const own = (name: string): string => `${name}-${product}`;
  const vault = () => stage.server(product).root;
  const read = async (path: string): Promise<JsonObject> => (await vault().request({ method: 'GET', path })).data ?? {};

  beforeAll(async () => {
    await stage.declare(product, own('kubernetes'), rotated());
    await stage.declare(product, own('jwt'), pushed());
    await stage.until(own('kubernetes'), 'Ready=True');
    await stage.until(own('jwt'), 'Ready=True');
  });

  check('writes nothing without drift', async () => {
    const server = stage.server(product);
    await eventually(() => expect(server.proxy.count('POST', /login$/)).toBeGreaterThan(0));
    server.proxy.forget();
    // Several resyncs: each reads the configuration.
    await eventually(() => expect(server.proxy.count('GET', /\/config$/)).toBeGreaterThan(8));
    expect(writes(server)).toEqual([]);
  });

  describe.each(ROWS.filter((row) => row.product === undefined || row.product === product))('$field of $type', (row) => {
    const path = own(row.type);
    check(`${JSON.stringify(row.body).slice(0, 60)} is reported and corrected`, async () => {
      await stage.until(path, 'Configured=InSync');
      const isTune = row.field.startsWith('tune.');
      const where = isTune ? `sys/mounts/auth/${path}/tune` : `auth/${path}/config`;
      const before = await read(where);
      const rest = isTune ? {} : Object.fromEntries(Object.entries(before).filter(([, value]) => value !== null));
      const spoil = (): Promise<unknown> => vault().request({ method: 'POST', path: where, body: { ...rest, ...row.body } });
      const named = async (): Promise<void> => {
        const { drift = [], conditions = [] } = await stage.status(path);
        expect(drift.map(({ field }) => field)).toContain(row.field);
        expect(conditions.find(({ type }) => type === 'Configured')?.reason).toBe('Repaired');
      };
      await untilReported(spoil, named);
      expect(await read(where)).toEqual(before);
    });
  });

  check('reports a repair for one resync interval', async () => {
    await Promise.all([own('kubernetes'), own('jwt')].map((name) => stage.until(name, 'Configured=InSync')));
    await stage.until(own('kubernetes'), 'Ready=True');
    expect((await stage.status(own('kubernetes'))).drift).toEqual([]);
  });

  check('only reports drift with driftPolicy Report', async () => {
    const name = await stage.declare(product, own('reported'), { ...pushed(), driftPolicy: 'Report' });
    await stage.until(name, 'Ready=True');
    const config = await read(`auth/${name}/config`);
    const theirs = { jwt_validation_pubkeys: config['jwt_validation_pubkeys'] ?? [], bound_issuer: 'https://other.example.org' };
    await vault().request({ method: 'POST', path: `auth/${name}/config`, body: theirs });
    const { drift } = await stage.until(name, 'Configured=Drifted');
    expect(drift).toEqual([{ field: 'bound_issuer', desired: stage.bed.url, actual: 'https://other.example.org' }]);
    expect((await read(`auth/${name}/config`))['bound_issuer']).toBe('https://other.example.org');
  });

  check('reports all differences in observe mode, and writes nothing', async () => {
    const missing = await stage.declare(product, own('observed-missing'), { ...rotated(), managementPolicy: 'Observe' });
    const theirs = own('observed');
    await vault().request({ method: 'POST', path: `sys/auth/${theirs}`, body: { type: 'kubernetes' } });
    const config = { kubernetes_host: 'https://theirs', kubernetes_ca_cert: otherAuthority, disable_local_ca_jwt: true };
    await vault().request({ method: 'POST', path: `auth/${theirs}/config`, body: config });
    await stage.declare(product, theirs, { ...rotated(), managementPolicy: 'Observe', deletionPolicy: 'Delete' });
    const absent = await stage.until(missing, 'Mounted=Missing');
    expect(absent.drift).toEqual([{ field: 'mount', desired: 'kubernetes', actual: 'absent' }]);
    const { drift = [] } = await stage.until(theirs, 'Configured=ObservedMismatch');
    expect(drift.map(({ field }) => field).toSorted()).toEqual(
      expect.arrayContaining([
        'disable_iss_validation',
        'issuer',
        'kubernetes_ca_cert',
        'kubernetes_host',
        'pem_keys',
        'token_reviewer_jwt',
        'tune.default_lease_ttl',
        'tune.description',
      ]),
    );
    const sent = stage.server(product).proxy.seen.filter(({ path }) => path.includes('observed'));
    expect(sent.filter(({ method }) => method !== 'GET')).toEqual([]);
    const accounts = await stage.bed.kubectl(['get', 'serviceaccounts,clusterrolebindings', '-A', '-o', 'name']);
    expect(accounts).not.toContain(missing);
    expect(accounts).not.toContain(theirs);
    // Managed from now on: exactly these fields are written.
    await stage.change(theirs, { managementPolicy: 'Manage', adoption: 'Always' });
    await stage.until(theirs, 'Ready=True');
    expect((await read(`auth/${theirs}/config`))['kubernetes_host']).toBe(stage.bed.url);
  });

  check('adopts a mount of another owner only if it is identical', async () => {
    const name = own('adopted');
    await vault().request({ method: 'POST', path: `sys/auth/${name}`, body: { type: 'jwt' } });
    await vault().request({ method: 'POST', path: `auth/${name}/config`, body: { jwt_validation_pubkeys: [otherKey] } });
    await stage.declare(product, name, pushed());
    const refused = await stage.until(name, 'Mounted=NotOwned');
    expect(refused.drift?.map(({ field }) => field).toSorted()).toEqual(['bound_issuer', 'jwt_validation_pubkeys']);
    expect(refused.mount?.owned).toBe(false);
    const right = await read(`auth/${own('jwt')}/config`);
    const { jwt_validation_pubkeys: keys = [], bound_issuer: issuer = '' } = right;
    await vault().request({
      method: 'POST',
      path: `auth/${name}/config`,
      body: { jwt_validation_pubkeys: keys, bound_issuer: issuer },
    });
    const adopted = await stage.until(name, 'Ready=True');
    expect(adopted.mount?.owned).toBe(true);
    const configured = stage
      .server(product)
      .proxy.seen.filter(({ method, path }) => method === 'POST' && path === `/v1/auth/${name}/config`);
    expect(configured).toEqual([]);
  });

  check('creates a deleted mount again, and records its new accessor', async () => {
    const name = await stage.declare(product, own('remade'), pushed());
    const before = await stage.until(name, 'Ready=True');
    await vault().request({ method: 'DELETE', path: `sys/auth/${name}` });
    await eventually(async () => expect((await stage.status(name)).mount?.accessor).not.toBe(before.mount?.accessor));
    await stage.until(name, 'Ready=True');
  });

  check('leaves a mount of another type alone, and creates none without mount.create', async () => {
    const other = own('other-type');
    await vault().request({ method: 'POST', path: `sys/auth/${other}`, body: { type: 'approle' } });
    await stage.declare(product, other, pushed());
    await stage.until(other, 'Mounted=TypeMismatch');
    const absent = await stage.declare(product, own('not-made'), { ...pushed(), mount: { create: false } });
    await stage.until(absent, 'Mounted=Missing');
    const below = await stage.declare(product, own('jwt').concat('-below'), { ...pushed(), path: `${own('jwt')}/below` });
    await stage.until(below, 'Mounted=PathInUse');
  });

  check('keeps the mount with Retain, and disables it with Delete after the confirmation', async () => {
    const kept = await stage.declare(product, own('kept'), rotated());
    const gone = await stage.declare(product, own('gone'), { ...rotated(), deletionPolicy: 'Delete' });
    const before = await stage.until(kept, 'Ready=True');
    await stage.until(gone, 'Ready=True');
    await stage.bed.request('DELETE', place(kept));
    await stage.bed.request('DELETE', place(gone));
    await stage.until(gone, 'Deletable=NotConfirmed');
    expect((await stage.bed.exchange('GET', place(kept))).status).toBe(404);
    // Created again, it adopts the mount.
    await stage.declare(product, kept, rotated());
    const again = await stage.until(kept, 'Ready=True');
    expect(again.mount).toMatchObject({ owned: true, accessor: before.mount?.accessor });
    // Without the confirmation it is reconciled as before.
    await untilReported(
      () => vault().request({ method: 'POST', path: `sys/mounts/auth/${gone}/tune`, body: { description: 'theirs' } }),
      () => has(gone, 'Configured', 'Repaired'),
    );
    await stage.bed.kubectl(['annotate', 'vaultauthbackend', gone, `${CONFIRM_DELETE_ANNOTATION}=${gone}`]);
    await eventually(async () => expect((await stage.bed.exchange('GET', place(gone))).status).toBe(404));
    expect(Object.keys(await read('sys/auth'))).toEqual(expect.arrayContaining([`${kept}/`]));
    expect(Object.keys(await read('sys/auth'))).not.toContain(`${gone}/`);
    await eventually(async () =>
      expect(await stage.bed.kubectl(['get', 'serviceaccounts,clusterrolebindings', '-A', '-o', 'name'])).not.toContain(gone),
    );
  });
});
