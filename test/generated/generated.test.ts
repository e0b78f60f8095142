// The committed reference documents are those that the tables give now.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { catalogue } from '../../src/admission/problems.ts';
import { families } from '../../src/annotations/families.ts';
import { kebab } from '../../src/annotations/names.ts';
import { table } from '../../src/annotations/table.ts';
import { flagOf } from '../../src/settings/read.ts';
import { settingsTable, type SettingKey } from '../../src/settings/table.ts';
import { documents } from './documents.ts';
import { groupsOf, tableOf } from './markdown.ts';
import { shippedRoles } from './rights.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** Cells of a line. */
const width = (line: string): number => line.split(/(?<!\\)\|/).length;
const all = documents();
const textOf = (file: string): string => all.find((document) => document.file === file)?.text ?? '';

describe('generated documents', () => {
  it.each(all.map(({ file, text }) => [file, text]))('%s is current (else: make generate)', (file, text) => {
    expect(readFileSync(join(ROOT, file), 'utf8')).toBe(text);
  });

  it('name every annotation, family, setting and code', () => {
    for (const key of Object.keys(table)) expect(textOf('docs/annotations.md')).toContain(`| \`${kebab(key)}\` |`);
    for (const { name } of Object.values(families)) expect(textOf('docs/annotations.md')).toContain(`| \`${name}-NAME\` |`);
    for (const key of Object.keys(settingsTable) as SettingKey[])
      expect(textOf('docs/settings.md')).toContain(`| \`-${flagOf(key)}\` |`);
    for (const code of Object.keys(catalogue)) expect(textOf('docs/problems.md')).toContain(`\n## ${code}\n`);
  });

  it('have tables whose rows are as wide as their heads', () => {
    for (const { text } of all) {
      const lines = text.split('\n');
      const odd = lines.filter(
        (line, index) =>
          line.startsWith('|') && lines[index - 1]?.startsWith('|') && width(line) !== width(lines[index - 1] ?? ''),
      );
      expect(odd).toEqual([]);
    }
  });
});

describe('shipped roles', () => {
  const rules = shippedRoles().flatMap(({ kind, name, rules: all }) => all.map((rule) => ({ kind, name, ...rule })));

  it('grant nothing by a wildcard, and no right to gain others', () => {
    const [words, verbs] = [JSON.stringify(rules), rules.flatMap((rule) => rule.verbs)];
    expect(words).not.toContain('*');
    expect(verbs.filter((verb) => verb === 'escalate' || verb === 'impersonate')).toEqual([]);
    expect(rules.filter((rule) => rule.verbs.includes('bind')).map((rule) => rule.resourceNames)).toEqual([
      ['system:auth-delegator'],
    ]);
  });

  it('read Secrets and pods of no namespace but their own, except for pods where reports or rollouts are on', () => {
    const inCluster = rules
      .filter(({ kind }) => kind === 'ClusterRole')
      .flatMap(({ name, resources = [], verbs }) => resources.map((resource) => `${name}: ${verbs.join(' ')} ${resource}`));
    expect(inCluster.filter((right) => / (?:secrets|configmaps|pods|serviceaccounts\/token)[^ ]*$/.test(right))).toEqual([
      'vault-auth-injector-reports: get list pods',
      'vault-auth-injector-rollouts: get list watch pods',
      'vault-auth-injector-rollouts: create pods/eviction',
    ]);
  });
});

describe('markdown', () => {
  it('keeps pipes and line ends within a cell', () => {
    expect(tableOf(['a'], [['one | two\nthree']])).toBe('| a |\n| --- |\n| one \\| two three |');
  });

  it('cuts groups at their first keys and refuses a wrong order', () => {
    expect(
      groupsOf(
        ['a', 'b', 'c'],
        [
          ['a', 'A'],
          ['c', 'C'],
        ],
      ),
    ).toEqual([
      { title: 'A', keys: ['a', 'b'] },
      { title: 'C', keys: ['c'] },
    ]);
    expect(() =>
      groupsOf(
        ['a', 'b', 'c'],
        [
          ['c', 'C'],
          ['a', 'A'],
        ],
      ),
    ).toThrow('out of order');
  });
});
