// F11, vault-helm 231: every field that makes the scheduler choose Windows nodes, and those that only look like it.
import type { JsonObject } from '../../../src/json/json.ts';
import { operatingSystemOf } from '../../../src/pod/operating-system.ts';

const OS = 'kubernetes.io/os';
const container = (securityContext: JsonObject): JsonObject => ({ name: 'web', securityContext });
/** A required node affinity: expressions of each term. */
const required = (...terms: readonly (readonly JsonObject[])[]): JsonObject => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: terms.map((matchExpressions) => ({ matchExpressions })),
      },
    },
  },
});
const os = (operator: string, ...values: string[]): JsonObject => ({ key: OS, operator, values });

it.each<[string, JsonObject, string | undefined]>([
  ['nothing', {}, undefined],
  ['os.name', { os: { name: 'windows' } }, 'windows'],
  ['os.name before the node selector', { os: { name: 'linux' }, nodeSelector: { [OS]: 'windows' } }, 'linux'],
  ['a node selector', { nodeSelector: { [OS]: 'windows' } }, 'windows'],
  ['a node selector of old clusters', { nodeSelector: { 'beta.kubernetes.io/os': 'windows' } }, 'windows'],
  ['a node selector with a build of Windows', { nodeSelector: { 'node.kubernetes.io/windows-build': '10.0.20348' } }, 'windows'],
  ['a node selector for Linux', { nodeSelector: { [OS]: 'linux' } }, 'linux'],
  ['another node selector', { nodeSelector: { disk: 'ssd' } }, undefined],
  ['a required affinity', required([os('In', 'windows')]), 'windows'],
  ['a required affinity among others', required([{ key: 'disk', operator: 'Exists' }, os('In', 'windows')]), 'windows'],
  ['an affinity that excludes Linux', required([os('NotIn', 'linux')]), 'windows'],
  ['an affinity that excludes Windows', required([os('NotIn', 'windows')]), 'linux'],
  ['an affinity to a build of Windows', required([{ key: 'node.kubernetes.io/windows-build', operator: 'Exists' }]), 'windows'],
  ['two terms for Windows', required([os('In', 'windows')], [os('In', 'windows'), { key: 'a', operator: 'Exists' }]), 'windows'],
  ['two terms of which one is for Windows', required([os('In', 'windows')], [{ key: 'a', operator: 'Exists' }]), undefined],
  ['an affinity to both systems', required([os('In', 'windows', 'linux')]), undefined],
  ['an affinity without terms', required(), undefined],
  ['an empty term beside one for Windows, which selects no node', required([], [os('In', 'windows')]), 'windows'],
  [
    'a preferred affinity',
    {
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 1, preference: { matchExpressions: [os('In', 'windows')] } },
          ],
        },
      },
    },
    undefined,
  ],
  ['a toleration', { tolerations: [{ key: 'os', operator: 'Equal', value: 'windows', effect: 'NoSchedule' }] }, undefined],
  ['options of the pod', { securityContext: { windowsOptions: { hostProcess: true } } }, 'windows'],
  ['options of a container', { containers: [container({ windowsOptions: { runAsUserName: 'ContainerUser' } })] }, 'windows'],
  [
    'options of an init container',
    { initContainers: [container({ windowsOptions: { gmsaCredentialSpecName: 'a' } })] },
    'windows',
  ],
  ['empty options', { securityContext: { windowsOptions: {} } }, undefined],
  [
    'options beside a node selector for Linux',
    { nodeSelector: { [OS]: 'linux' }, securityContext: { windowsOptions: { hostProcess: true } } },
    'linux',
  ],
  ['fields of other types', { os: 'windows', nodeSelector: [], affinity: 7, containers: 'x', securityContext: null }, undefined],
])('reads the operating system from %s', (_, spec, system) => {
  expect(operatingSystemOf(spec)).toBe(system);
});
