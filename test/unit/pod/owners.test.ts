// Owners of files that templates write, in profile native.
import { objectsOf, textOf } from '../../../src/json/json.ts';
import { admit, containerOf, podWith, type PodParts } from '../../support/pods.ts';

const writing = (owners: string, parts: PodParts = {}): ReturnType<typeof admit> =>
  admit(
    podWith({
      ...parts,
      annotations: {
        'vaultauth.dev/profile': 'native',
        'agent-inject-template-db': `{{ "x" | writeToFile "/vault/secrets/x" ${owners} "0600" }}`,
        ...parts.annotations,
      },
    }),
    { command: 'webhook' },
  );
const APP: PodParts = { spec: { securityContext: { runAsUser: 2000, runAsGroup: 3000, fsGroup: 4000 } } };
const ownFiles = ({ pod }: ReturnType<typeof admit>): readonly unknown[] =>
  objectsOf(containerOf(pod, 'vault-agent')['volumeMounts'])
    .map(({ mountPath }) => mountPath)
    .filter((path) => path === '/etc/passwd' || path === '/etc/group');

test.each(['"vault" "vault"', '"openbao" ""', '"2000" "3000"', '"" "4000"', '"app" "web-data"', '(env "X") $group', '"" ""'])(
  'gives files to %s, while the app has a user',
  (owners) => {
    expect(writing(owners, APP).outcome.problems).toEqual([]);
  },
);

test.each([
  ['"1000" ""', 'user'],
  ['"root" ""', 'user'],
  ['"0" ""', 'user'],
  ['"" "1000"', 'group'],
  ['"vault" "root"', 'group'],
])('denies %s, while the agent runs as another', (owners, kind) => {
  expect(writing(owners, APP).outcome.problems).toMatchObject([{ code: 'owner-impossible', kind }]);
});

const variableWriting = (owner: string): ReturnType<typeof admit> =>
  admit(
    podWith({
      ...APP,
      annotations: {
        'vaultauth.dev/profile': 'native',
        'vaultauth.dev/env-template-A': `{{ "x" | writeToFile "/home/vault/x" "${owner}" "" "0600" }}a`,
      },
    }),
    { command: 'webhook' },
  );

test('a template of a variable writes files for owners too', () => {
  expect(variableWriting('1000').outcome.problems).toMatchObject([
    { code: 'owner-impossible', kind: 'user', annotation: 'vaultauth.dev/env-template-A' },
  ]);
  expect(variableWriting('app').outcome.warnings).toMatchObject([{ code: 'owner-mapped', owner: 'app' }]);
  expect(ownFiles(variableWriting('app'))).toEqual(['/etc/passwd', '/etc/group']);
});

test('maps names only where a template, a template file or a command can contain one', () => {
  const BOTH = ['/etc/passwd', '/etc/group'];
  expect(ownFiles(writing('"vault" ""'))).toEqual(BOTH);
  expect(ownFiles(writing('"" ""'))).toEqual([]);
  expect(ownFiles(writing('"" ""', { annotations: { 'agent-inject-template-file-a': '/vault/custom/a' } }))).toEqual(BOTH);
  expect(ownFiles(writing('"" ""', { annotations: { 'agent-inject-command-db': 'chown vault /home/vault/x' } }))).toEqual(BOTH);
});

test('warns about a name that it maps and the images do not have', () => {
  expect(writing('"app" "app"', APP).outcome.warnings).toMatchObject([{ code: 'owner-mapped', owner: 'app', own: '2000:3000' }]);
});

test('leaves the owners to an agent whose user is not known', () => {
  const patch = '[{"op":"replace","path":"/securityContext/runAsUser","value":1000}]';
  for (const annotations of [{ 'agent-json-patch': patch }, { 'agent-set-security-context': 'false' }]) {
    const result = admit(
      podWith({
        annotations: {
          'vaultauth.dev/profile': 'native',
          'agent-inject-template-db': '{{ "x" | writeToFile "/vault/secrets/x" "1000" "" "0600" }}',
          ...annotations,
        },
      }),
      { command: 'webhook', flags: ['-allow=*'] },
    );
    expect([result.outcome.problems, ownFiles(result)]).toEqual([[], []]);
  }
});

const homesOf = (path: string): readonly unknown[] =>
  objectsOf(
    containerOf(
      admit(podWith({ annotations: { 'vaultauth.dev/profile': 'native', 'secret-volume-path': path } }), { command: 'webhook' })
        .pod,
      'vault-agent',
    )['volumeMounts'],
  )
    .filter((mount) => /^\/home\/vault\/?$/.test(textOf(mount, 'mountPath') ?? ''))
    .map(({ name }) => name);

test('has a writable home, also where the secrets are', () => {
  expect(homesOf('/vault/secrets')).toEqual(['vault-agent-run']);
  expect(homesOf('/home/vault/')).toEqual(['vault-secrets']);
});
