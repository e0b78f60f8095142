// -cluster-state: the objects that are read, the problems that are reported, and the contents that stay while a file is invalid.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readClusterState, watchClusterState } from '../../../src/cluster/cluster-state.ts';
import { eventually } from '../../support/eventually.ts';

const NAMESPACE = (value: string) =>
  `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels:\n    vaultauth.dev/inject: ${value}\n`;

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'manifests-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);

/** Waits for something that happens within a second or so, for up to a minute. */
const LIMITS = (place: string, item: string): string =>
  `apiVersion: v1\nkind: LimitRange\nmetadata: {namespace: ${place}}\nspec: {limits: [${item}]}\n`;
describe('readClusterState', () => {
  test('reads Namespaces, ServiceAccounts and LimitRanges from YAML, JSON, lists and folders, and ignores other kinds', () => {
    mkdirSync(join(directory, 'deeper'));
    write('a.yaml', `${NAMESPACE('enabled')}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\n---\n# nothing\n`);
    write(
      'deeper/b.json',
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'List',
        items: [
          {
            apiVersion: 'v1',
            kind: 'ServiceAccount',
            metadata: { name: 'web', namespace: 'shop', annotations: { team: 'a' } },
            automountServiceAccountToken: false,
          },
          { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'web' } },
        ],
      }),
    );
    write(
      'limits.yaml',
      `${LIMITS('shop, name: small', '{type: Container, max: {memory: 64Mi}}')}---\n${LIMITS('shop, name: idle', '{type: Container}')}`,
    );
    write('notes.txt', 'kind: [');
    const { cluster, problems } = readClusterState(directory);
    expect(problems).toEqual([]);
    expect(cluster.namespace('shop')?.labels.get('vaultauth.dev/inject')).toBe('enabled');
    expect(cluster.namespace('other')).toBeUndefined();
    expect(cluster.limitRanges?.('shop').map(({ name }) => name)).toEqual(['small']);
    expect(cluster.limitRanges?.('other')).toEqual([]);
    expect(cluster.serviceAccount('shop', 'web')?.annotations.get('team')).toBe('a');
    expect(cluster.automountsToken('shop', 'web')).toBe(false);
    expect(cluster.automountsToken('default', 'web')).toBeUndefined();
    expect(cluster.serviceAccount('default', 'web')).toBeDefined();
  });

  test('reports file, line and column of an invalid file, and reads the others', () => {
    write('a.yaml', 'kind: Namespace\nmetadata: {name: x\n');
    write('b.yaml', NAMESPACE('disabled'));
    const { cluster, problems } = readClusterState(directory);
    expect(problems).toEqual([expect.stringMatching(/a\.yaml:3:1: .*flow/i)]);
    expect(cluster.namespace('shop')).toBeDefined();
    expect(readClusterState(join(directory, 'away')).problems).toEqual([`${join(directory, 'away')}: no such file or directory`]);
  });
});

describe('watchClusterState', () => {
  test('follows changes, keeps the last valid contents of a file, and removes those of deleted files', async () => {
    write('a.yaml', NAMESPACE('enabled'));
    const problems: string[] = [];
    const watched = watchClusterState(directory, (problem) => problems.push(problem));
    try {
      const label = (): string | undefined => watched.current().namespace('shop')?.labels.get('vaultauth.dev/inject');
      expect(label()).toBe('enabled');
      write('a.yaml', NAMESPACE('disabled'));
      await eventually(() => label() === 'disabled');
      write('a.yaml', 'kind: Namespace\nmetadata: {name');
      await eventually(() => problems.length > 0);
      expect(problems[0]).toContain('a.yaml:2:');
      expect(label()).toBe('disabled');
      write('b.yaml', NAMESPACE('enabled'));
      await eventually(() => label() === 'enabled');
      rmSync(join(directory, 'b.yaml'));
      rmSync(join(directory, 'a.yaml'));
      await eventually(() => watched.current().namespace('shop') === undefined);
    } finally {
      await watched.close();
    }
  });
});
