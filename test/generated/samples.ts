// One example of every finding. A new code without an example here does not compile.
import type { Finding, ProblemCode } from '../../src/admission/problems.ts';
import { allNames, annotationName, familyName } from '../../src/annotations/name.ts';
import { table } from '../../src/annotations/table.ts';
import { INJECT_LABEL } from '../../src/selection/decide.ts';

export type Samples = { readonly [Code in ProblemCode]: Extract<Finding, { readonly code: Code }> };

const [familiar = '', alternative = ''] = allNames('role');

export const samples: Samples = {
  'annotation-value': {
    code: 'annotation-value',
    annotation: annotationName('agentPrePopulateOnly'),
    value: 'ture',
    wanted: 'true or false',
    example: 'true',
  },
  'annotation-conflict': { code: 'annotation-conflict', annotation: alternative, other: familiar },
  'annotation-unknown': { code: 'annotation-unknown', annotation: familiar.slice(0, -1), nearest: familiar },
  'annotation-deprecated': {
    code: 'annotation-deprecated',
    annotation: annotationName('caKey'),
    because: table.caKey.deprecated,
  },
  'annotation-empty': { code: 'annotation-empty', annotation: annotationName('service') },
  'annotation-layer': { code: 'annotation-layer', annotation: annotationName('agentInject'), layer: 'namespace', only: 'pod' },
  'secret-collision': {
    code: 'secret-collision',
    annotation: familyName('secret', 'database'),
    other: familyName('secret', 'Database'),
    file: '/vault/secrets/database',
  },
  'secret-ambiguous': {
    code: 'secret-ambiguous',
    annotation: familyName('templateFile', 'web'),
    other: familyName('secret', 'file-web'),
    name: 'file-web',
  },
  'secret-undeclared': { code: 'secret-undeclared', annotation: familyName('perms', 'datbase'), name: 'datbase' },
  'secret-escapes': { code: 'secret-escapes', annotation: familyName('file', 'web'), value: '../web' },
  'secret-twice': {
    code: 'secret-twice',
    annotation: `${annotationName('secrets')}[0]`,
    other: familyName('secret', 'db'),
    name: 'db',
  },
  'secret-containers': {
    code: 'secret-containers',
    annotation: `${annotationName('secrets')}[0].containers`,
    directory: '/vault/secrets/',
    other: undefined,
  },
  'secrets-unreadable': {
    code: 'secrets-unreadable',
    annotation: annotationName('secrets'),
    because: 'line 2, column 1: an alias, which is not taken here',
  },
  'secret-field': {
    code: 'secret-field',
    annotation: `${annotationName('secrets')}[0].containers`,
    wanted: 'a list of names of containers, with one at least',
  },
  'secret-field-unknown': {
    code: 'secret-field-unknown',
    annotation: `${annotationName('secrets')}[0]`,
    field: 'permissions',
    nearest: undefined,
  },
  'containers-exclusive': {
    code: 'containers-exclusive',
    annotation: annotationName('agentPrePopulate'),
    other: annotationName('agentPrePopulateOnly'),
  },
  'pod-malformed': { code: 'pod-malformed', path: 'spec.containers[0].env', wanted: 'a list' },
  'role-missing': { code: 'role-missing' },
  'address-missing': { code: 'address-missing' },
  'image-missing': { code: 'image-missing' },
  'token-missing': { code: 'token-missing' },
  'token-volume-unknown': { code: 'token-volume-unknown', volume: 'vault-token', mounted: false, pod: 'web' },
  'token-volume-kind': { code: 'token-volume-kind', volume: 'vault-token' },
  'same-user-unknown': { code: 'same-user-unknown', container: 'web' },
  'same-user-root': { code: 'same-user-root', container: 'web' },
  'process-namespace-refused': { code: 'process-namespace-refused' },
  'process-namespace-kept': { code: 'process-namespace-kept' },
  'container-unknown': { code: 'container-unknown', annotation: annotationName('agentInjectContainers'), container: 'wbe' },
  'container-taken': { code: 'container-taken', container: 'vault-agent' },
  'volume-taken': { code: 'volume-taken', volume: 'vault-secrets' },
  'mount-taken': { code: 'mount-taken', container: 'web', path: '/vault/secrets' },
  'directory-taken': {
    code: 'directory-taken',
    annotation: annotationName('secretVolumePath'),
    path: '/vault/agent',
    own: '/vault/agent',
  },
  'patch-rejected': {
    code: 'patch-rejected',
    annotation: annotationName('agentJsonPatch'),
    because: 'operation 1 removes /lifecycle, which does not exist',
  },
  'telemetry-value': {
    code: 'telemetry-value',
    annotation: familyName('telemetry', 'disable_hostname'),
    value: 'maybe',
    wanted: 'true or false',
  },
  'telemetry-unknown': {
    code: 'telemetry-unknown',
    annotation: familyName('telemetry', 'statsd_adress'),
    nearest: 'agent-telemetry-statsd_address',
  },
  'config-too-large': { code: 'config-too-large', bytes: 300_000, most: 262_144 },
  'profile-lacks': { code: 'profile-lacks', annotation: annotationName('agentConfigmap'), profile: 'native' },
  'mounts-too-many': { code: 'mounts-too-many', count: 3000, most: 2000 },
  'annotations-too-large': { code: 'annotations-too-large', most: 262_144 },
  'path-empty': { code: 'path-empty', annotation: annotationName('secretVolumePath') },
  'limit-range': {
    code: 'limit-range',
    limitRange: 'small',
    of: 'Container',
    rule: 'max.memory',
    says: '16Mi',
    amount: 'need',
    value: '20Mi',
    annotation: undefined,
  },
  'token-loosened': { code: 'token-loosened', user: 100 },
  'annotation-guarded': {
    code: 'annotation-guarded',
    annotation: annotationName('service'),
    name: 'service',
    allow: annotationName('allow'),
  },
  'label-value': { code: 'label-value', label: INJECT_LABEL },
  'label-contradiction': { code: 'label-contradiction', label: INJECT_LABEL },
  'namespace-excluded': { code: 'namespace-excluded', namespace: 'kube-system' },
  'windows-unsupported': { code: 'windows-unsupported' },
};
