// Values of bank-vaults: which ones are recognised, and what is the same here.
import { bankVaultsSource, isBankVaultsValue } from '../../../src/pod/bank-vaults.ts';

const key = (path: string, name: string) => ({ kind: 'key', path, key: name });
const template = (text: string) => ({ kind: 'template', template: text });

test.each([
  ['vault:secret/data/db#password', key('secret/data/db', 'password')],
  ['bao:secret/data/db#password', key('secret/data/db', 'password')],
  ['vault:secret/data/db#password#3', key('secret/data/db?version=3', 'password')],
  ['vault:secret/data/db#password#-1', key('secret/data/db', 'password')],
  ['vault:database/creds/web#username', key('database/creds/web', 'username')],
  ['vault:secret/data/db#odd?key', template('{{ with secret "secret/data/db" }}{{ index .Data.data "odd?key" }}{{ end }}')],
  ['vault:kv1/db#odd?key', template('{{ with secret "kv1/db" }}{{ index .Data "odd?key" }}{{ end }}')],
  [
    'vault:secret/data/db#${.user}:${ .password | urlquery }@${title .host}',
    template(
      '{{ with secret "secret/data/db" }}{{ with $data := .Data.data }}{{.user}}:{{ .password | urlquery }}@{{sprig_title .host}}{{ end }}{{ end }}',
    ),
  ],
  [
    'vault:secret/data/db#${ if eq $.mode "a}b" }x${ end }{{y',
    template(
      '{{ with secret "secret/data/db" }}{{ with $data := .Data.data }}{{ if eq $data.mode "a}b" }}x{{ end }}{{ "{{" }}y{{ end }}{{ end }}',
    ),
  ],
  [
    'redis://${vault:database/creds/r#username}:${vault:secret/data/r#${.a}}@x',
    template(
      'redis://{{ with secret "database/creds/r" }}{{ .Data.username }}{{ end }}:' +
        '{{ with secret "secret/data/r" }}{{ with $data := .Data.data }}{{.a}}{{ end }}{{ end }}@x',
    ),
  ],
  [
    '>>vault:pki/issue/web#certificate#{"common_name":"web","ttl":"1h"}',
    template('{{ with secret "pki/issue/web" "common_name=web" "ttl=1h" }}{{ .Data.certificate }}{{ end }}'),
  ],
])('%s has an equivalent', (value, source) => {
  expect(isBankVaultsValue(value)).toBe(true);
  expect(bankVaultsSource(value)).toEqual(source);
});

test('a ciphertext is decrypted with the key of the pod', () => {
  expect(isBankVaultsValue('vault:v1:abc=')).toBe(true);
  expect(bankVaultsSource('vault:v1:abc=', { key: 'shop', mount: 'transit' })).toEqual(
    template('{{ with secret "transit/decrypt/shop" "ciphertext=vault:v1:abc=" }}{{ .Data.plaintext | base64Decode }}{{ end }}'),
  );
});

test.each([
  ['vault:v1:abc=', 'it is encrypted, and the pod does not name the key'],
  ['vault:login', 'it is the token of the login'],
  ['vault:#password', 'it has no path or no key'],
  ['vault:secret/data/db#', 'it has no path or no key'],
  ['vault:secret/data/db#password#latest', 'its version "latest" is not a number'],
  ['>>vault:gen/password#value', 'it writes without data'],
  ['>>vault:a/b#value#{"a":{"b":1}}', 'the data that it writes are not one object of texts, numbers and flags'],
  ['>>vault:a/b#value#[1]', 'the data that it writes are not one object of texts, numbers and flags'],
  ['vault:secret/data/db#${file "/etc/x"}', 'its template calls file, which the agent does not have'],
  ['vault:secret/data/db#${randAlpha 5}', 'its template calls randAlpha, which the agent does not have'],
  ['vault:secret/data/db#${.a}${.b', 'its template has no closing brace'],
  ["vault:secret/data/db#password='${.a}'", "its text has a ', which no variable from a file can have"],
  ["'${vault:secret/data/db#a}'", "its text has a ', which no variable from a file can have"],
])('%s has no equivalent, with the reason', (value, because) => {
  expect(isBankVaultsValue(value)).toBe(true);
  expect(bankVaultsSource(value)).toMatchObject({ kind: 'none', because });
});

test.each(['vault', 'vault:8200', 'http://vault:8200/#a', '${HOME}', '$(vault:x#y)', 'default vault:a#b', ''])(
  '%j is a value of the app',
  (value) => expect(isBankVaultsValue(value)).toBe(false),
);
