// The Dockerfile fits the manifests, the charts of vault-k8s, and what it copies.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { at, objectsIn, only } from './documents.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const instructions = readFileSync(join(ROOT, 'Dockerfile'), 'utf8').replaceAll('\\\n', ' ').split('\n');
const kept = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('!'))
  .map((line) => line.slice(1));

const valuesOf = (instruction: string): readonly string[] =>
  instructions.filter((line) => line.startsWith(`${instruction} `)).map((line) => line.slice(instruction.length + 1).trim());

it('copies only what there is and what the build context has', () => {
  const copied = valuesOf('COPY')
    .filter((line) => !line.startsWith('--from'))
    .flatMap((line) => line.split(/\s+/).slice(0, -1));
  expect(copied.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  expect(copied.toSorted()).toEqual(kept.toSorted());
});

it('takes its bases by argument', () => {
  expect(valuesOf('FROM').map((line) => /\$\{(\w+)\}/.exec(line)?.[1])).toEqual(['BUILD_BASE', 'RUNTIME_BASE']);
  const declared = valuesOf('ARG').map((line) => line.split('=')[0]);
  for (const name of ['BUILD_BASE', 'RUNTIME_BASE', 'BUILD_COMMIT']) expect(declared).toContain(name);
});

it('starts Node with a heap that fits the memory limit of the Deployment, and leaves the command to args', () => {
  const entrypoint = JSON.parse(valuesOf('ENTRYPOINT')[0] ?? '[]') as readonly string[];
  expect([entrypoint[0], entrypoint.at(-1)]).toEqual(['node', '/app/vault-auth-injector.js']);
  expect(valuesOf('CMD')).toEqual([]);
  const heap = Number(entrypoint.find((word) => word.startsWith('--max-old-space-size='))?.split('=')[1]);
  const container = at(only(objectsIn('manifests/deployment.yaml'), 'Deployment'), 'spec', 'template', 'spec', 'containers', 0);
  expect(container).not.toHaveProperty('command');
  expect(heap * 2).toBeLessThanOrEqual(Number.parseInt(String(at(container, 'resources', 'limits', 'memory')), 10));
});

it('runs as the user that the Deployment says', () => {
  const user = at(only(objectsIn('manifests/deployment.yaml'), 'Deployment'), 'spec', 'template', 'spec', 'securityContext');
  expect(valuesOf('USER')).toEqual([`${String(at(user, 'runAsUser'))}:${String(at(user, 'runAsGroup'))}`]);
});
