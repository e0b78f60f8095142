// Which functions a template calls, and with which literal texts.
import { templateCalls, type TemplateCall } from '../../../src/pod/template-calls.ts';

const callsOf = (template: string, ...names: string[]): readonly TemplateCall[] =>
  templateCalls(template, '{{', '}}').filter(({ name }) => names.includes(name));

test('reads arguments, piped values and nested calls', () => {
  const template = `{{- with pkiCert "pki/issue/edge" "ttl=24h" -}}
{{ .Data.CA }}{{ .Data.Key | writeToFile "/vault/secrets/edge.key" "vault" \`vault\` "0600" }}{{ end -}}`;
  expect(callsOf(template, 'pkiCert', 'writeToFile')).toEqual([
    { name: 'pkiCert', arguments: ['pki/issue/edge', 'ttl=24h'] },
    { name: 'writeToFile', arguments: ['/vault/secrets/edge.key', 'vault', 'vault', '0600', undefined] },
  ]);
});

test.each([
  ['{{ "/a" | file }}', '/a'],
  ['{{ ("/a") | file }}', '/a'],
  ['{{file `/a`}}', '/a'],
  ['{{ $x := file "/a" }}', '/a'],
  ['{{ if .X }}{{ else if (file "/a" | contains "b") }}{{ end }}', '/a'],
  ['{{ with secret (printf "kv/data/%s" (file "/a")) }}{{ end }}', '/a'],
  ['{{ "}}" }}{{ file "/\\u0061" }}', '/a'],
])('finds the file of %s', (template, path) => {
  expect(callsOf(template, 'file')).toEqual([{ name: 'file', arguments: [path] }]);
});

test.each(['{{ file (env "X") }}', '{{ file $x }}', '{{ file .X.Y }}', '{{ print "/a" | file }}'])(
  'reads an expression as unknown: %s',
  (template) => {
    expect(callsOf(template, 'file')).toEqual([{ name: 'file', arguments: [undefined] }]);
  },
);

test('calls nothing in text, comments and other delimiters', () => {
  expect(callsOf('file "/a" {{/* file "/b" */}} {{- /* {{ file "/c" }} */ -}}[[ file "/d" ]]', 'file')).toEqual([]);
  expect(templateCalls('[[ file "/d" ]]{{ file "/a" }}', '[[', ']]')).toEqual([{ name: 'file', arguments: ['/d'] }]);
});

// Quadratic time would exceed the time limit of a test.
test.each(['(', '\\"', '{{/*', '{{', '`"', '/**/', '"'])('reads hostile text in linear time: %s', (text) => {
  expect(templateCalls(`{{ ${text.repeat(200_000)}`, '{{', '}}')).toEqual([]);
});
