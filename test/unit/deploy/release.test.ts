// What a release is made of: one version everywhere, and workflows that run only pinned actions with few rights.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT } from '../../support/sources.ts';

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const { version } = JSON.parse(read('package.json')) as { readonly version: string };
const WORKFLOWS = readdirSync(join(ROOT, '.github/workflows')).map((name) => `.github/workflows/${name}`);

it.each(['README.md', 'Dockerfile', 'deploy/manifests/deployment.yaml', 'deploy/controller/deployment.yaml'])(
  '%s names the image with the version of the package',
  (file) => {
    const tags = [...read(file).matchAll(/vault-auth-injector:(\d+\.\d+\.\d+)/g)].map(([, tag]) => tag);
    expect([...new Set(tags)]).toEqual([version]);
  },
);

it.each(['manifests', 'controller'])('deploy/%s sets the tag to the version of the package', (folder) => {
  expect(parse(read(`deploy/${folder}/kustomization.yaml`))).toMatchObject({ images: [{ newTag: version }] });
});

it('the changelog begins with the version of the package', () => {
  expect(/^## (\S+)/m.exec(read('CHANGELOG.md'))?.[1]).toBe(version);
});

describe.each(WORKFLOWS)('%s', (file) => {
  it('pins each action by digest, with its version beside it', () => {
    const uses = [...read(file).matchAll(/uses: (.*)/g)].map(([, action]) => action);
    expect(uses).not.toEqual([]);
    for (const action of uses) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it('may only read unless a job asks for more', () => {
    expect(parse(read(file))).toMatchObject({ permissions: { contents: 'read' } });
  });

  it('runs only targets that the Makefile has', () => {
    const targets = [...read(file).matchAll(/make ([a-z-]+)/g)].map(([, target]) => target);
    for (const target of targets) expect(read('Makefile')).toMatch(new RegExp(`^${target}:`, 'm'));
  });
});
