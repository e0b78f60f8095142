// deploy/ is what the chart gives: files for kubectl and kustomize are rendered from it. UPDATE=1 writes them.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { repositoryDirectory } from '../../bed/environment.ts';
import { CHART, type Helm, openHelm } from '../../bed/helm.ts';
import { obtain } from '../../bed/obtain.ts';
import { streamProgress } from '../../bed/progress.ts';
import { objectsOf, OVERLAYS, render, renderedFiles } from './rendering.ts';
import { type JsonObject, objectAt, objectsOf as objectsAt, textOf } from '../../../src/json/json.ts';

const DEPLOY = join(repositoryDirectory(), 'deploy');
let helm: Helm;
let kubectl: string;

beforeAll(async () => {
  helm = await openHelm();
  kubectl = (await obtain(['kubectl'], '1.36', streamProgress(process.stderr))).get('kubectl') ?? '';
}, 900_000);
afterAll(() => helm?.close());

it('gives the committed files (else: make chart UPDATE=1)', async () => {
  for (const [file, text] of await renderedFiles(helm)) {
    if (process.env['UPDATE']) writeFileSync(join(DEPLOY, file), text);
    expect([file, readFileSync(join(DEPLOY, file), 'utf8')]).toEqual([file, text]);
  }
});

/** In an order that does not depend on the tool; a patch puts its entry before the others. */
const sorted = (objects: readonly JsonObject[]): readonly JsonObject[] =>
  objects
    .map((object) => ({ ...object, webhooks: objectsAt(object['webhooks']).toSorted(byName) }))
    .toSorted((one, another) => keyOf(one).localeCompare(keyOf(another)));
const keyOf = (object: JsonObject): string => JSON.stringify([object['kind'], objectAt(object, 'metadata')?.['name']]);
const byName = (one: JsonObject, another: JsonObject): number =>
  (textOf(one, 'name') ?? '').localeCompare(textOf(another, 'name') ?? '');

it.each(OVERLAYS)('gives the objects of deploy/$folder with the values $values', async ({ folder, values }) => {
  const { stdout } = await promisify(execFile)(kubectl, ['kustomize', join(DEPLOY, folder)], { maxBuffer: 1 << 26 });
  const built = objectsOf(stdout).filter(({ kind }) => kind !== 'Namespace');
  expect(sorted(built)).toEqual(sorted(objectsOf(await render(helm, values))));
});

it('renders twice alike, and passes the checks of Helm', async () => {
  const all = ['controller.enabled=true', 'selection.clusterWide=true', 'policies.verify=Deny'];
  expect(await render(helm, all)).toBe(await render(helm, all));
  expect(await helm.run(['lint', '--strict', CHART, ...all.flatMap((value) => ['--set', value])])).toContain('0 chart(s) failed');
});
