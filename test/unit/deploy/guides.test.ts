// Commands and manifests of the guides give the output that the guides show.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { explain } from '../../../src/cli/explain.ts';
import { inject } from '../../../src/cli/inject.ts';
import { ROOT } from '../../support/sources.ts';
import { ADDRESS, runCommand } from '../cli/run-command.ts';

const guide = (name: string): string => readFileSync(join(ROOT, 'docs/guides', name), 'utf8');

it('the explanation in the guide of the offline commands', async () => {
  const text = guide('offline.md');
  const [, command = '', shown = ''] = /^\$ vault-auth-injector explain (-f deploy\S+ .*)\n([\s\S]*?)\n```$/m.exec(text) ?? [];
  const words = command.split(' ').map((word) => (word.startsWith('deploy/') ? join(ROOT, word) : word));
  const { code, out } = await runCommand(explain, words);
  expect(code).toBe(0);
  expect(out.replaceAll(`${ROOT}/`, '').trimEnd()).toBe(shown);
});

it('every member of the JSON answer is in the guide', async () => {
  const { out } = await runCommand(explain, ['-o', 'json', '-f', join(ROOT, 'deploy/examples/deployment.yaml'), ...ADDRESS]);
  const { pods } = JSON.parse(out) as { readonly pods: readonly object[] };
  const text = guide('offline.md');
  expect(Object.keys(pods[0] ?? {}).filter((member) => !new RegExp(`\`\\.${member}(?:\\[\\])?\``).test(text))).toEqual([]);
});

const snippets = [...guide('application-teams.md').matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);

it('there are manifests in the guide for application teams', () => expect(snippets.length).toBeGreaterThan(0));

it.each(snippets)('the manifest is injected without warnings: %s', async (snippet) => {
  const { spec } = parse(snippet) as { readonly spec: { readonly template: object } };
  const template = { ...spec.template, spec: { containers: [{ name: 'web', image: 'nginx' }] } };
  const manifest = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { template } };
  const { code, errors } = await runCommand(inject, ADDRESS, { stdin: stringify(manifest) });
  expect({ code, errors }).toEqual({ code: 0, errors: ['1 object, 1 pod: 1 injected'] });
});

it('the annotations for apps that log in themselves give what the guide says', async () => {
  const annotations = Object.fromEntries(
    [...guide('application-teams.md').matchAll(/^ {4}((?:vault\.hashicorp\.com|vaultauth\.dev)\/\S+): "?([^"\n]+)"?$/gm)].map(
      ([, name = '', value]) => [name, value],
    ),
  );
  expect(Object.values(annotations)).toContain('token');
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', annotations }, spec: { containers: [{ name: 'web' }] } };
  const { code, out } = await runCommand(inject, ADDRESS, { stdin: JSON.stringify(pod) });
  expect(code).toBe(0);
  for (const name of ['VAULT_ADDR', 'VAULT_AUTH_MOUNT', 'VAULT_ROLE', 'VAULT_TOKEN_PATH']) expect(out).toContain(name);
});
