// Everything that the documents refer to exists: files, headings, and the numbers of intended differences.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT, sourcesIn } from '../../support/sources.ts';

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

const below = (folder: string): readonly string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));

const pages = [...readdirSync(ROOT), ...below('docs'), ...below('certs'), 'test/bed/README.md'].filter((name) =>
  name.endsWith('.md'),
);

/** The anchor that a heading has on a page. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

const anchorsIn = (file: string): readonly string[] =>
  [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));

it.each(pages)('%s links to files and headings that exist', (page) => {
  const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^https?:/.test(target));
  const broken = links.filter((link) => {
    const [path = '', anchor] = link.split('#');
    const file = path === '' ? page : join(dirname(page), path);
    return !existsSync(join(ROOT, file)) || (anchor !== undefined && !anchorsIn(file).includes(anchor));
  });
  expect(broken).toEqual([]);
});

it.each(pages)('%s names source and test files that exist', (page) => {
  const named = [...read(page).matchAll(/`((?:src|test|deploy|docs|certs)\/[\w./-]+)`/g)].map(([, path = '']) => path);
  expect(named.filter((path) => !path.includes('NAME') && !existsSync(join(ROOT, path)))).toEqual([]);
});

it('every number of the guide is named by a test', () => {
  const tests = sourcesIn('test')
    .filter(({ file }) => file.endsWith('.test.ts'))
    .map(({ text }) => text)
    .join('\n');
  const numbers = new Set(read('docs/guides/replace-vault-k8s.md').match(/\bQ\d\d\b/g));
  expect(numbers.size).toBeGreaterThan(30);
  expect([...numbers].filter((number) => !tests.includes(number))).toEqual([]);
});
