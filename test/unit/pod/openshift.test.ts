// F20: the ranges of OpenShift's namespaces, as text and as they decide the user of the agent.
import { namespaceRanges } from '../../../src/pod/openshift.ts';
import { objectAt, type JsonObject } from '../../../src/json/json.ts';
import { admit, containerOf, podWith, TOKEN_MOUNT, type PodParts } from '../../support/pods.ts';

const USERS = 'openshift.io/sa.scc.uid-range';
const GROUPS = 'openshift.io/sa.scc.supplemental-groups';

it.each<[string, [number, number] | undefined]>([
  ['1000650000/10000', [1_000_650_000, 1_000_659_999]],
  ['1000650000-1000659999', [1_000_650_000, 1_000_659_999]],
  [' 1000/1 ', [1000, 1000]],
  ['1000/10,2000/10', [1000, 1009]],
  ['1000/0', undefined],
  ['2000-1000', undefined],
  ['1000', undefined],
  ['', undefined],
  ['a/b', undefined],
  ['99999999999/10', undefined],
])('reads the range %j', (text, range) => {
  const ranges = namespaceRanges(new Map([[USERS, text]]));
  expect(ranges && [ranges.users.first, ranges.users.last]).toEqual(range);
});

it('uses the range of users for groups if there is no other', () => {
  expect(namespaceRanges(new Map([[USERS, '10/5']]))).toEqual({ users: { first: 10, last: 14 }, groups: undefined });
  expect(namespaceRanges(new Map([[GROUPS, '10/5']]))).toBeUndefined();
  expect(namespaceRanges(undefined)).toBeUndefined();
});

const annotations = new Map([
  [USERS, '1000650000/10000'],
  [GROUPS, '1000660000/10000'],
]);
const cluster = { namespace: () => ({ labels: new Map<string, string>(), annotations }), serviceAccount: () => undefined };
const web = (securityContext: JsonObject): JsonObject => ({ name: 'web', volumeMounts: [TOKEN_MOUNT], securityContext });

it.each<[string, PodParts, number, number, readonly string[]]>([
  ['a pod without users', {}, 1_000_650_000, 1_000_660_000, []],
  ['a container with a user', { spec: { containers: [web({ runAsUser: 1_000_650_007 })] } }, 1_000_650_007, 1_000_660_000, []],
  ['a user of the pod', { spec: { securityContext: { runAsUser: 1234 } } }, 1234, 1_000_660_000, []],
  [
    'an annotation within the range',
    { annotations: { 'agent-run-as-user': '1000650001' } },
    1_000_650_001,
    1_000_660_000,
    ['token-loosened'],
  ],
  [
    'an annotation outside of it',
    { annotations: { 'agent-run-as-user': '100' } },
    100,
    1_000_660_000,
    ['user-outside-range', 'token-loosened'],
  ],
  ['an annotation with a group', { annotations: { 'agent-run-as-group': '7' } }, 1_000_650_000, 7, []],
  [
    'a pod that a restricted SCC admitted',
    { annotations: { 'openshift.io/scc': 'restricted-v2' } },
    1_000_650_000,
    1_000_660_000,
    [],
  ],
  ['a pod that another SCC admitted', { annotations: { 'openshift.io/scc': 'anyuid' } }, 100, 1000, []],
])('gives the agent of %s its user and group', (_, parts, user, group, codes) => {
  const native = podWith({ ...parts, annotations: { 'vaultauth.dev/profile': 'native', ...parts.annotations } });
  const result = admit(native, { cluster });
  expect(result.codes).toEqual(codes);
  expect(objectAt(containerOf(result.pod, 'vault-agent'), 'securityContext')).toMatchObject({
    runAsUser: user,
    runAsGroup: group,
  });
  expect(admit(result.pod, { cluster }).pod).toEqual(result.pod);
});

it('leaves the users of the containers to the SCC', () => {
  const { pod } = admit(podWith(), { cluster });
  expect(containerOf(pod, 'web')).not.toHaveProperty('securityContext');
  expect(objectAt(pod, 'spec')).not.toHaveProperty('securityContext');
});
