// deploy/crds on a real API server: the kinds are established, every rule and bound refuses what it should, defaults are filled in.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { JsonObject } from '../../src/json/json.ts';
import { collectionPath, type KindName, kinds, objectPath } from '../../src/resources/kinds.ts';
import { readDocuments } from '../../src/yaml/documents.ts';
import { type Bed, startBed } from '../bed/bed.ts';
import { repositoryDirectory } from '../bed/environment.ts';
import { KUBERNETES_VERSIONS } from '../bed/recipes.ts';
import type { ApiAnswer } from '../bed/request.ts';
import { manifest, rows } from './resource-manifests.ts';
import { eventually } from '../support/eventually.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const MERGE = 'application/merge-patch+json';
const deploy = join(repositoryDirectory(), 'deploy');

/** Every shipped file with objects; a kustomization is not one. The token policy needs an API server with mutating policies. */
function shippedFiles(): readonly string[] {
  return readdirSync(deploy, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml') && !name.endsWith('kustomization.yaml'))
    .filter((name) => NOT_FOR_KUBECTL.every((folder) => !name.startsWith(folder)))
    .toSorted();
}

/** Files for Helm and krew; kinds of the Prometheus operator, which promtool checks; and a policy for newer API servers alone. */
const NOT_FOR_KUBECTL = ['chart/', 'krew/', 'monitoring/', 'policies/token-mode'];

interface Definition {
  readonly metadata: { readonly name: string };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message: string }[];
  };
}

describe.each(KUBERNETES_VERSIONS)('on Kubernetes %s', (kubernetes) => {
  let bed: Bed;
  let team = '';
  let outcome: 'passed' | 'failed' = 'failed';

  const definitions = async (): Promise<readonly Definition[]> =>
    (await bed.request<{ readonly items: readonly Definition[] }>('GET', CRDS)).items;
  const conditionsOf = async (type: string): Promise<readonly (string | undefined)[]> =>
    (await definitions()).map(({ status }) => status?.conditions?.find((condition) => condition.type === type)?.status);
  const create = (kind: KindName, object: JsonObject, dryRun = true): Promise<ApiAnswer> =>
    bed.exchange('POST', `${collectionPath(kind, team)}?fieldValidation=Strict${dryRun ? '&dryRun=All' : ''}`, object);
  const specAfter = async (kind: KindName, spec: Readonly<Record<string, unknown>> = {}): Promise<unknown> => {
    const { status, text } = await create(kind, manifest(kind, spec));
    if (status !== 201) throw new Error(text);
    return (JSON.parse(text) as { readonly spec: unknown }).spec;
  };

  const can = async (user: string, verb: string, what: string): Promise<boolean> => {
    const answer = await bed.request<{ readonly status: { readonly allowed: boolean } }>(
      'POST',
      '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: {
          user,
          resourceAttributes: {
            namespace: team,
            verb,
            group: 'vaultauth.dev',
            resource: what.split('/')[0],
            ...(what.includes('/') ? { subresource: what.split('/')[1] } : {}),
          },
        },
      },
    );
    return answer.status.allowed;
  };

  beforeAll(async () => {
    bed = await startBed({ kubernetes, parts: ['kube-controller-manager'] });
    await bed.kubectl(['apply', '--server-side', '-k', join(deploy, 'crds')]);
    team = await bed.createNamespace({ name: 'demo' });
    await eventually('the kinds are established', async () =>
      (await conditionsOf('Established')).every((status) => status === 'True'),
    );
    // Established is written before the kinds are served.
    for (const kind of Object.keys(kinds))
      await eventually(
        `${kind} is served`,
        async () => (await bed.exchange('GET', collectionPath(kind as KindName))).status === 200,
      );
  }, 600_000);
  afterAll(() => bed?.stop(outcome));

  it('establishes the four CRDs with structural schemas', async () => {
    expect((await definitions()).map(({ metadata }) => metadata.name)).toEqual(
      Object.values(kinds)
        .map(({ plural }) => `${plural}.vaultauth.dev`)
        .toSorted(),
    );
    const bad = (await definitions()).flatMap(
      ({ status }) => status?.conditions?.filter(({ type, status: is }) => type === 'NonStructuralSchema' && is === 'True') ?? [],
    );
    expect(bad).toEqual([]);
    expect(await conditionsOf('NamesAccepted')).toEqual(['True', 'True', 'True', 'True']);
  });

  it.each(rows.map((row) => [row.kind, row.what, row.refusal === undefined ? 'taken' : 'refused', row] as const))(
    '%s: an object with %s is %s',
    async (kind, _what, _how, { spec, refusal, name }) => {
      const { status, text } = await create(kind, manifest(kind, spec, name));
      // oxlint-disable jest/no-conditional-expect -- each row decides which of the two it is
      if (refusal === undefined) expect({ status, text: status === 201 ? '' : text }).toEqual({ status: 201, text: '' });
      else
        expect({ refused: [400, 422].includes(status), text }).toEqual({ refused: true, text: expect.stringContaining(refusal) });
      // oxlint-enable jest/no-conditional-expect
    },
  );

  it('fills in defaults at every level', async () => {
    expect(await specAfter('VaultEndpoint')).toEqual({
      address: 'https://vault:8200',
      allowPlainHTTP: false,
      product: 'Auto',
      namespace: '',
      managementPolicy: 'Manage',
      tls: {},
      auth: { kubernetes: { mount: 'kubernetes', role: 'controller', expirationSeconds: 600 } },
      limits: { requestsPerSecond: 10, burst: 20, maxInFlight: 4, timeoutSeconds: 15 },
    });
    expect(await specAfter('VaultAuthBackend')).toEqual({
      endpointRef: { name: 'main' },
      type: 'kubernetes',
      path: 'kubernetes',
      clusterName: 'prod',
      isDefault: false,
      managementPolicy: 'Manage',
      mount: { create: true, tune: {} },
      kubernetes: {
        ca: { source: 'FromCluster' },
        reviewer: { mode: 'Local', expirationSeconds: 86400 },
        verifyKeys: { source: 'None' },
        issuer: 'Ignore',
      },
      defaults: {
        tokenExpirationSeconds: 900,
        aliasNameSource: 'ServiceAccountUID',
        token: { ttl: '1h', maxTTL: '24h' },
      },
      aliasMetadata: { fromAnnotations: false, allowedKeys: [] },
      tenancy: {
        policyRules: [],
        defaultPolicies: [],
        limits: {
          maxTTL: '24h',
          tokenTypes: ['default', 'service', 'batch'],
          maxRolesPerNamespace: 50,
          minTokenExpirationSeconds: 600,
        },
        allowRetain: false,
        roleNaming: 'Qualified',
      },
      autoRoles: { mode: 'Disabled', includeDefault: false, template: { policies: [] } },
      admission: { mode: 'Warn' },
      rbac: { manageAuthDelegator: false },
      probe: { enabled: true, intervalSeconds: 600, timeoutSeconds: 10 },
      adoption: 'IfIdentical',
      driftPolicy: 'Repair',
      deletionPolicy: 'Retain',
      resyncSeconds: 300,
    });
    expect(await specAfter('VaultAuthBackend', { type: 'jwt', kubernetes: undefined, jwt: {} })).toMatchObject({
      jwt: { keys: { source: 'Push' }, issuer: 'Discover', leeway: { expiration: -1, notBefore: 0, clockSkew: 0 } },
    });
    expect(await specAfter('VaultACLPolicy')).toEqual({
      endpointRef: { name: 'main' },
      policy: 'path "a" {}',
      privileged: false,
      openbao: { allowSlashesInTemplates: false, allowWildcardsInTemplates: false },
      managementPolicy: 'Manage',
      adoption: 'IfIdentical',
      driftPolicy: 'Repair',
      deletionPolicy: 'Retain',
    });
    expect(await specAfter('VaultAuthRole')).toEqual({ managementPolicy: 'Manage', deletionPolicy: 'Delete' });
  });

  it.each<[KindName, Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>>, string]>([
    [
      'VaultEndpoint',
      {},
      { namespace: 'team' },
      'objects in the old namespace would be orphaned; create a new VaultEndpoint instead',
    ],
    ['VaultEndpoint', { namespace: 'team' }, { namespace: 'team/a' }, 'is immutable, because'],
    ['VaultEndpoint', { namespace: 'team' }, { namespace: '' }, 'is immutable, because'],
    ['VaultEndpoint', { namespace: 'team' }, { namespace: null }, 'is immutable, because'],
    ['VaultAuthBackend', {}, { path: 'other' }, 'is immutable; create a new'],
    ['VaultAuthBackend', {}, { clusterName: 'other' }, 'is immutable; create a new'],
    ['VaultAuthBackend', {}, { type: 'jwt', kubernetes: null, jwt: {} }, 'is immutable; create a new'],
    ['VaultAuthBackend', {}, { endpointRef: { name: 'other' } }, 'is immutable; create a new'],
    ['VaultACLPolicy', {}, { endpointRef: { name: 'other' } }, 'is immutable; create a new'],
    ['VaultACLPolicy', { vaultName: 'a' }, { vaultName: 'b' }, 'is immutable; create a new'],
    ['VaultACLPolicy', { vaultName: 'a' }, { vaultName: null }, 'spec.vaultName is immutable'],
    ['VaultACLPolicy', {}, { vaultName: 'b' }, 'spec.vaultName is immutable'],
    ['VaultAuthRole', { backendRef: { name: 'a' } }, { backendRef: { name: 'b' } }, 'is immutable; create a new'],
    ['VaultAuthRole', { backendRef: { name: 'a' } }, { backendRef: null }, 'is immutable; create a new'],
  ])('%s %j cannot become %j', async (kind, before, after, refusal) => {
    expect((await create(kind, manifest(kind, before, 'fixed'), false)).status).toBe(201);
    const path = objectPath(kind, { namespace: team, name: 'fixed' });
    const { status, text } = await bed.exchange('PATCH', path, { spec: after }, MERGE);
    await bed.request('DELETE', path);
    expect([status, text]).toEqual([422, expect.stringContaining(refusal)]);
  });

  it('accepts another address of an endpoint, and an explicit default', async () => {
    for (const namespace of [undefined, 'team']) {
      const object = manifest('VaultEndpoint', namespace === undefined ? {} : { namespace }, 'moving');
      expect((await create('VaultEndpoint', object, false)).status).toBe(201);
      const path = objectPath('VaultEndpoint', { name: 'moving' });
      const spec = { address: 'https://elsewhere:8200', namespace: namespace ?? '' };
      const { status } = await bed.exchange('PATCH', path, { spec }, MERGE);
      await bed.request('DELETE', path);
      expect(status).toBe(200);
    }
  });

  it('accepts a backendRef on a role that had none', async () => {
    await create('VaultAuthRole', manifest('VaultAuthRole', {}, 'later'), false);
    const path = objectPath('VaultAuthRole', { namespace: team, name: 'later' });
    expect((await bed.exchange('PATCH', path, { spec: { backendRef: { name: 'a' } } }, MERGE)).status).toBe(200);
    const found = await bed.request<{ readonly items: readonly unknown[] }>(
      'GET',
      `${collectionPath('VaultAuthRole')}?fieldSelector=spec.backendRef.name%3Da`,
    );
    expect(found.items).toHaveLength(1);
    await bed.request('DELETE', path);
  });

  it.each(shippedFiles())('F10 kubectl apply -f takes %s alone', async (file) => {
    // The namespace of the product comes first in every installation; a namespaced object cannot exist without it.
    await bed.kubectl(['apply', '-f', join(deploy, 'namespace', 'namespace.yaml')]);
    // A dry run creates no namespace for the objects behind it.
    const isDry = !/^kind: Namespace$/m.test(readFileSync(join(deploy, file), 'utf8'));
    const answer = await bed.kubectl([
      'apply',
      '--validate=strict',
      ...(isDry ? ['--dry-run=server'] : []),
      '-f',
      join(deploy, file),
    ]);
    expect(answer).toMatch(/(?:created|configured|unchanged)/);
  });

  it('F25 plain scalars have the values that kubectl reads', async () => {
    const words = [
      'yes',
      'No',
      'ON',
      'off',
      'y',
      'N',
      'tRUE',
      'null',
      '~',
      '1:30',
      '190:20:30',
      '2001-12-14',
      '=',
      'oN',
      '0o17',
      '0O17',
      '-0b11',
      '+0x1f',
    ];
    const numbers = fc.sample(
      fc.string({
        unit: fc.constantFrom(...'0 1 2 3 4 5 6 7 8 9 0 1 7 x X o O b B _ + - . e E a f A F'.split(' ')),
        minLength: 1,
        maxLength: 7,
      }),
      2000,
    );
    // A word that begins like a block of YAML is not a scalar.
    const scalars = [...new Set([...words, ...numbers])].filter(
      (word) => !/^[-?:](?:$|[-?:\s])|^-+$|^\.+$|^---|^\.\.\./.test(word),
    );
    const text = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: scalars}\ndata:\n${scalars.map((word, index) => `  k${index}: ${word}\n`).join('')}`;
    const { data } = JSON.parse(
      await bed.kubectl(['create', '--dry-run=client', '--validate=false', '-o', 'json', '-f', '-'], text),
    ) as { readonly data: Readonly<Record<string, unknown>> };
    const own = readDocuments({ file: 'scalars.yaml', text }).documents[0]?.value as {
      readonly data: Readonly<Record<string, unknown>>;
    };
    const differing = scalars.flatMap((word, index) =>
      Object.is(data[`k${index}`], own.data[`k${index}`]) ? [] : [[word, data[`k${index}`], own.data[`k${index}`]]],
    );
    expect(differing).toEqual([]);
  });

  it('F10 kubectl apply -f takes a backend that switches the checks of pods off, without quotes', async () => {
    const backend = `apiVersion: vaultauth.dev/v1alpha1
kind: VaultAuthBackend
metadata: {name: without-checks}
spec:
  endpointRef: {name: main}
  type: kubernetes
  path: kubernetes-disabled
  clusterName: demo
  kubernetes: {host: "https://kubernetes.default.svc", reviewer: {mode: Rotated}}
  autoRoles: {mode: Disabled}
  admission:
    mode: Disabled
`;
    expect(await bed.kubectl(['apply', '--dry-run=server', '--validate=strict', '-f', '-'], backend)).toContain(
      'without-checks created',
    );
  });

  it('accepts the examples, and serves short names, columns and a category', async () => {
    const files = readdirSync(join(deploy, 'examples', 'resources'));
    expect(files).toEqual(expect.arrayContaining(['endpoint.yaml', 'backend-kubernetes.yaml', 'policy.yaml', 'role.yaml']));
    await bed.kubectl(['apply', '--validate=strict', '-f', join(deploy, 'examples', 'resources')]);
    expect(await bed.kubectl(['get', 'vep'])).toMatch(/NAME +READY +PRODUCT +VERSION +REASON +AGE/);
    expect(await bed.kubectl(['get', 'vab', 'prod', '-o', 'wide'])).toMatch(
      /TYPE +PATH +REVIEWER[^]*kubernetes +k8s\/prod +Rotated/,
    );
    expect(await bed.kubectl(['get', 'vaultauth', '-A', '-o', 'name'])).toContain('vaultaclpolicy.vaultauth.dev/own-secrets');
    expect(await bed.kubectl(['get', 'var', '-n', team, '-o', 'name'])).toContain('vaultauthrole.vaultauth.dev/web');
  });

  it('lets an editor of a namespace write its roles but no status, a viewer read them, and neither read other kinds', async () => {
    for (const role of ['edit', 'view'])
      await bed.kubectl(['create', 'rolebinding', role, `--clusterrole=${role}`, `--user=${role}`, '-n', team]);
    // Each of the two is aggregated by itself, and bound by itself.
    await eventually('an editor may', () => can('edit', 'create', 'vaultauthroles'));
    await eventually('a viewer may', () => can('view', 'list', 'vaultauthroles'));
    expect(await can('view', 'create', 'vaultauthroles')).toBe(false);
    expect(await can('edit', 'patch', 'vaultauthroles/status')).toBe(false);
    expect(await can('edit', 'get', 'vaultauthbackends')).toBe(false);
    outcome = 'passed';
  });
});
