// Generated pods, realistic and odd, with valid and invalid annotations from the table. Values that can be secret are canaries.
import fc from 'fast-check';
import { families, type FamilyKey } from '../../src/annotations/families.ts';
import { OWN_PREFIX, PREFIXES, kebab } from '../../src/annotations/names.ts';
import type { Row } from '../../src/annotations/row.ts';
import { table, type OptionKey } from '../../src/annotations/table.ts';
import type { Json, JsonObject } from '../../src/json/json.ts';

/** A value that must not appear outside of its pod. */
export const CANARY = 'CANARY-7f3a';

const name = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/);
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join('/')}`);
const canary = fc.nat(9999).map((number) => `${CANARY}-${number}`);

/** Unknown fields, at every level. */
const unknown: fc.Arbitrary<JsonObject> = fc.dictionary(
  fc.stringMatching(/^future[A-Z~/ö]{1,4}$/),
  fc.oneof(
    fc.string(),
    fc.integer(),
    fc.constant(null),
    fc.array(fc.boolean(), { maxLength: 2 }),
    fc.constant({ '~a/b': [{}] }),
  ) as fc.Arbitrary<Json>,
  { maxKeys: 2 },
);

const environment = fc.record({ name: fc.stringMatching(/^[A-Z]{1,6}$/), value: canary }) as fc.Arbitrary<JsonObject>;

const tokenMount = { name: 'kube-api-access-x7k2p', readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' };

const mount = fc.record(
  {
    name: fc.constantFrom('data', 'conf'),
    mountPath: path,
    subPathExpr: fc.constantFrom('$(LATER)', '$$(A)', 'logs', '$('),
    mountPropagation: fc.constantFrom('None', 'HostToContainer', 'Bidirectional'),
  },
  { requiredKeys: ['name', 'mountPath'] },
) as fc.Arbitrary<JsonObject>;

/** Containers of meshes, after which the agent starts or which start after it. */
const meshName = fc.constantFrom('istio-init', 'istio-validation', 'istio-proxy', 'linkerd-proxy', 'kuma-sidecar');

const container = (containerName: fc.Arbitrary<string>): fc.Arbitrary<JsonObject> =>
  fc
    .tuple(
      fc.record(
        {
          name: containerName,
          image: fc.constant('registry.example/web:1'),
          env: fc.array(environment, { maxLength: 3 }),
          volumeMounts: fc.oneof(
            fc.uniqueArray(mount, { selector: (one) => one['mountPath'], maxLength: 2 }).map((mounts) => [tokenMount, ...mounts]),
            fc.constant([tokenMount]),
          ),
          securityContext: fc.constantFrom({}, { runAsUser: 1000 }, { runAsUser: 0 }, { runAsNonRoot: true }),
          args: fc.array(canary, { maxLength: 1 }),
          restartPolicy: fc.constant('Always'),
        },
        { requiredKeys: ['name', 'image'] },
      ),
      unknown,
    )
    .map(([known, future]) => ({ ...future, ...known }));

const rowKeys = Object.keys(table) as OptionKey[];
const familyKeys = Object.keys(families) as FamilyKey[];

/** Texts that are invalid for most kinds. */
const hostile = fc.oneof(
  fc.constantFrom('', ' ', 'tRuE', '-1', '../..', '{{', '$(X)', '`id`', '"', "'", '\n', '\u0000', '[]', 'null', '"'.repeat(40)),
  fc.string({ maxLength: 12 }),
);

const rowValue = (key: OptionKey, example: fc.Arbitrary<boolean>): fc.Arbitrary<string> =>
  example.chain((readable) => (readable ? fc.constant((table[key] as Row<unknown>).example) : hostile));

const prefix = fc.constantFrom(...PREFIXES);
const prefixOf = ({ own }: Row<unknown>): fc.Arbitrary<string> => (own ? fc.constant(OWN_PREFIX) : prefix);
const mostly = fc.integer({ min: 0, max: 9 }).map((number) => number > 0);

const plainAnnotation = (readable: fc.Arbitrary<boolean>): fc.Arbitrary<[string, string]> =>
  fc.constantFrom(...rowKeys).chain((key) =>
    fc.tuple(
      prefixOf(table[key]).map((one) => `${one}${kebab(key)}`),
      rowValue(key, readable),
    ),
  );

const familyAnnotation = (readable: fc.Arbitrary<boolean>): fc.Arbitrary<[string, string]> =>
  fc
    .tuple(fc.constantFrom(...familyKeys), fc.constantFrom('db', 'web', 'tls.crt', 'api_key'), prefix, readable)
    .chain(([key, suffix, one, isReadable]) =>
      fc.tuple(fc.constant(`${one}${families[key].name}-${suffix}`), isReadable ? fc.constant(families[key].example) : hostile),
    );

/** Annotations of a pod that requests injection; `readable` decides how often a value is valid. */
export function annotations(readable: fc.Arbitrary<boolean> = mostly): fc.Arbitrary<Readonly<Record<string, string>>> {
  return fc
    .tuple(
      fc.array(plainAnnotation(readable), { maxLength: 6 }),
      fc.array(familyAnnotation(readable), { maxLength: 5 }),
      fc.dictionary(fc.constantFrom('note', 'example.com/x', '__proto__', 'constructor'), canary, { maxKeys: 2 }),
    )
    .map(([plain, family, foreign]) => ({
      ...foreign,
      ...Object.fromEntries([...plain, ...family]),
      [`${PREFIXES[0]}${kebab('agentInject')}`]: 'true',
      [`${PREFIXES[0]}${kebab('role')}`]: 'demo',
    }));
}

const volumes = fc.constant([
  {
    name: 'kube-api-access-x7k2p',
    projected: { sources: [{ serviceAccountToken: { expirationSeconds: 3607, path: 'token' } }] },
  },
  { name: 'data', emptyDir: {} },
  { name: 'conf', secret: { secretName: `${CANARY}-name` } },
]);

/** A pod that requests injection, as the API server sends it. */
export function pod(given: fc.Arbitrary<Readonly<Record<string, string>>> = annotations()): fc.Arbitrary<JsonObject> {
  return fc
    .record({
      metadata: fc.record(
        { name, annotations: given, labels: fc.dictionary(name, name, { maxKeys: 2 }), generateName: name },
        { requiredKeys: ['annotations'] },
      ),
      spec: fc
        .tuple(
          fc.record(
            {
              volumes,
              containers: fc.uniqueArray(container(name), { selector: (one) => one['name'], minLength: 1, maxLength: 4 }),
              initContainers: fc.uniqueArray(
                container(
                  fc.oneof(
                    name.map((one) => `init-${one}`),
                    meshName,
                  ),
                ),
                {
                  selector: (one) => one['name'],
                  maxLength: 3,
                },
              ),
              serviceAccountName: fc.constant('web'),
              shareProcessNamespace: fc.boolean(),
              imagePullSecrets: fc.constant([{ name: `${CANARY}-pull` }]),
            },
            { requiredKeys: ['volumes', 'containers'] },
          ),
          unknown,
        )
        .map(([known, future]) => ({ ...future, ...known })),
      future: unknown,
    })
    .map(({ future, ...rest }) => ({ apiVersion: 'v1', kind: 'Pod', ...future, ...rest }));
}
