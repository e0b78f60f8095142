// Warnings for an allowed policy.
import { policyWarnings } from '../../../src/resources/policy-text.ts';

const path = (template: string): string => `path "secret/data/{{identity.entity.aliases.auth_kubernetes_1.${template}}}/*" {}`;

it.each<[string, readonly string[]]>([
  [path('metadata.service_account_namespace'), []],
  [path('name'), [expect.stringContaining('OpenBao 2.6 denies values with a slash')]],
  [path('metadata.team'), [expect.stringContaining('metadata team comes from annotations')]],
  [
    `${path('metadata.team')}${path('metadata.team')}${path('metadata.stage')}`,
    [expect.stringContaining('metadata team, stage comes')],
  ],
  [path('id'), []],
  ['path "secret/{{ identity.entity.name }}" {}', []],
  ['', []],
])('%s', (text, hints) => expect(policyWarnings(text)).toEqual(hints));
