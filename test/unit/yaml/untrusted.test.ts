// YAML of pod authors: texts as they are written, and nothing that costs more than its length.
import { readUntrustedYaml } from '../../../src/yaml/untrusted.ts';

test.each([
  [
    '- {a: 0440, b: yes, c: null, d: ~, e: 1.0, f: 2026-01-01, g: "q", h: }',
    [{ a: '0440', b: 'yes', c: 'null', d: '~', e: '1.0', f: '2026-01-01', g: 'q', h: '' }],
  ],
  ['%YAML 1.1\n---\n- a: yes\n', [{ a: 'yes' }]],
  ['- a: |\n    {{ with secret "x" }}\n    y\n    {{ end }}\n', [{ a: '{{ with secret "x" }}\ny\n{{ end }}\n' }]],
  ['[{"a":"\\u0041\\n"}]', [{ a: 'A\n' }]],
  ['- <<: x', [{ '<<': 'x' }]],
  ['text', 'text'],
])('reads %j', (document, value) => {
  expect(plain(readUntrustedYaml(document))).toEqual(value);
});

test.each([
  ['', /empty/],
  ['# nothing', /empty/],
  ['- {a: b', /^line 1, column/],
  ['- a: b\n  a: c', /^line 2, column 3: duplicate field "a"/],
  ['- {[a]: b}', /name of a field/],
  ['- !!str a', /tag/],
  ['- {a: !!js/function "x"}', /tag/],
  ['- ! a', /tag/],
  ['- &x a\n- *x', /anchor/],
  ['- *x', /alias/],
  ['a: &a [*b]', /anchor|alias/],
  ['- a\n---\n- b', /second document/],
  ['[[[[[[[[[[[[a]]]]]]]]]]]]', /levels/],
])('refuses %j with its position', (document, because) => {
  expect(readUntrustedYaml(document)).toEqual({ because: expect.stringMatching(because) });
});

test('reads names of JavaScript properties like any other name', () => {
  const value = readUntrustedYaml('- {__proto__: {x: y}, constructor: c, toString: t}');
  const [entry] = value as readonly ReadonlyMap<string, unknown>[];
  expect([...(entry?.keys() ?? [])]).toEqual(['__proto__', 'constructor', 'toString']);
  expect(({} as Record<string, unknown>)['x']).toBeUndefined();
});

const BYTES = 250_000;
const repeated = (text: string): string => text.repeat(Math.floor(BYTES / text.length));

/** Each took seconds or the stack with some reader of YAML. Ten seconds are a hundred times what the slowest needs here. */
test.each([
  ['brackets', repeated('[')],
  ['braces', repeated('{a: ')],
  ['dashes', repeated('- ')],
  ['question marks', repeated('? ')],
  ['keys', `{${Array.from({ length: 30_000 }, (_, index) => `k${index}: v`).join(', ')}}`],
  ['anchors', Array.from({ length: 10_000 }, (_, index) => `- &a${index} x`).join('\n')],
  [
    'aliases that double',
    `a0: &a0 x\n${Array.from({ length: 30 }, (_, index) => `a${index + 1}: &a${index + 1} [*a${index}, *a${index}]`).join('\n')}`,
  ],
  ['quotes', `- "${repeated('\\u0041')}"`],
  ['folds', `- >\n${repeated('  a\n\n')}`],
  ['comments', repeated('# a\n')],
  ['colons', repeated(': ')],
  ['spaces', repeated(' ')],
  ['tabs', repeated('\t')],
  ['line ends', repeated('\n')],
  ['percents', repeated('%a\n')],
  ['separators', repeated('---\n')],
])('reads or refuses many %s within seconds', (_, document) => {
  const start = performance.now();
  readUntrustedYaml(document);
  expect(performance.now() - start).toBeLessThan(10_000);
});

const plain = (value: unknown): unknown =>
  value instanceof Map
    ? Object.fromEntries([...value].map(([key, inner]) => [key, plain(inner)]))
    : Array.isArray(value)
      ? value.map(plain)
      : value;
