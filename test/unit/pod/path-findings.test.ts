// Paths in annotations that no volume of the agent holds (F14).
import type { JsonObject } from '../../../src/json/json.ts';
import { admit, podWith, TOKEN_MOUNT } from '../../support/pods.ts';

const SPEC: JsonObject = {
  containers: [
    { name: 'web', volumeMounts: [TOKEN_MOUNT, { name: 'conf', mountPath: '/srv/conf' }] },
    { name: 'proxy', volumeMounts: [{ name: 'conf', mountPath: '/plain' }] },
  ],
  volumes: [
    { name: TOKEN_MOUNT.name, projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
    { name: 'conf', configMap: { name: 'conf', items: [{ key: 'a', path: 'a/b.conf' }] } },
  ],
};

const findingsOf = (annotations: Readonly<Record<string, string>>, profile = 'native'): readonly string[] => {
  const { outcome } = admit(podWith({ annotations: { 'vaultauth.dev/profile': profile, ...annotations }, spec: SPEC }), {
    command: 'webhook',
    flags: ['-allow=*'],
  });
  const found = [...outcome.warnings, ...outcome.problems].flatMap((one) =>
    one.code === 'path-unmounted' || one.code === 'path-unwritable' ? [`${one.code} ${one.path}`] : [],
  );
  return found;
};
const template = (text: string): Readonly<Record<string, string>> => ({ 'agent-inject-template-db': text });
const command = (text: string): Readonly<Record<string, string>> => ({
  'agent-inject-secret-db': 'kv/db',
  'agent-inject-command-db': text,
});

test.each([
  template(
    '{{ file "/vault/secrets/db" }}{{ file "/home/vault/x" }}{{ file "/run/secrets/kubernetes.io/serviceaccount/ca.crt" }}',
  ),
  template(
    '{{ file "/etc/ssl/certs/ca-certificates.crt" }}{{ file "/proc/self/status" }}{{ file (env "X") }}{{ file "rel/ative" }}',
  ),
  template('{{ "x" | writeToFile "/vault/secrets/sub/x" "" "" "0600" }}{{ "x" | writeToFile "/dev/stdout" "" "" "0600" }}'),
  { ...template('{{ file "/srv/conf/a/b.conf" }}{{ file "/srv/conf/a" }}'), 'agent-copy-volume-mounts': 'web' },
  { 'ca-cert': '/vault/tls/ca.crt', 'tls-secret': 'tls' },
  { 'agent-inject-template-file-db': '/vault/custom/x', 'agent-extra-secret': 'x' },
  {
    ...template('{{ file "/corp/ca.pem" }}'),
    'agent-json-patch': '[{"op":"add","path":"/volumeMounts/-","value":{"name":"conf","mountPath":"/corp","subPath":"a"}}]',
  },
  command('/bin/sh -c "kill -HUP $(pidof nginx)"'),
  command("sed -i '/^#/d;/a/d' /vault/secrets/db && curl -X POST http://127.0.0.1:8080/-/reload"),
  { 'auth-config-secret': 'abc/def' },
])('finds nothing in %j', (annotations) => {
  expect(findingsOf(annotations)).toEqual([]);
});

test.each([
  [template('{{ file "/srv/conf/a/b.conf" }}'), ['path-unmounted /srv/conf/a/b.conf']],
  [template('{{ "/x/y" | file }} {{ plugin "/opt/p" }}'), ['path-unmounted /x/y', 'path-unmounted /opt/p']],
  [{ ...template('{{ file "/srv/conf/z" }}'), 'agent-copy-volume-mounts': 'web' }, ['path-unmounted /srv/conf/z']],
  [
    template('{{ file "/var/run/secrets/kubernetes.io/serviceaccount/other" }}'),
    ['path-unmounted /var/run/secrets/kubernetes.io/serviceaccount/other'],
  ],
  [template('{{ "x" | writeToFile "/vault/agent/x" "" "" "0600" }}'), ['path-unwritable /vault/agent/x']],
  [template('{{ "x" | writeToFile "/tmp/x" "" "" "0600" }}'), ['path-unwritable /tmp/x']],
  [{ 'ca-path': '/cas', 'client-key': '/vault/tls/k' }, ['path-unmounted /cas', 'path-unmounted /vault/tls/k']],
  [{ 'auth-config-role-id-file-path': '/srv/conf/role' }, ['path-unmounted /srv/conf/role']],
  [
    command('/opt/hooks/reload.sh --pid=/var/run/app.pid'),
    ['path-unmounted /opt/hooks/reload.sh', 'path-unmounted /var/run/app.pid'],
  ],
  [command('cp /vault/secrets/db /plain/db'), ['path-unmounted /plain/db']],
  [{ 'vaultauth.dev/secrets': '- {name: db, templateFile: /opt/t}' }, ['path-unmounted /opt/t']],
])('finds the paths of %j', (annotations, expected) => {
  expect(findingsOf(annotations)).toEqual(expected);
});

test('in profile compat, knows its volumes, and warns only', () => {
  const { outcome } = admit(
    podWith({
      annotations: template(
        '{{ "x" | writeToFile "/etc/x" "" "" "0600" }}{{ file "/home/vault/.vault-token" }}{{ file "/vault/tls/x" }}',
      ),
    }),
  );
  expect(outcome.problems).toEqual([]);
  expect(outcome.warnings.map(({ code }) => code)).toEqual(['path-unmounted', 'path-unwritable']);
});

test('writes anywhere if the agent has no read-only root', () => {
  const annotations = { ...template('{{ "x" | writeToFile "/tmp/x" "" "" "0600" }}'), 'agent-set-security-context': 'false' };
  expect(findingsOf(annotations)).toEqual([]);
});
