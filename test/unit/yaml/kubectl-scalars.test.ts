// Plain scalars have the value that kubectl reads, and what is printed reads alike in YAML 1.1, in YAML 1.2 and in kubectl.
import fc from 'fast-check';
import { parse } from 'yaml';
import type { Json } from '../../../src/json/json.ts';
import { printYaml, readDocuments } from '../../../src/yaml/documents.ts';

const read = (text: string): unknown => readDocuments({ file: 'pod.yaml', text }).documents[0]?.value;

/** Values of sigs.k8s.io/yaml 1.4, which kubectl uses. */
it.each<[string, unknown]>([
  ['01750', 1000],
  ['0o17', 15],
  ['0O17', 15],
  ['-010', -8],
  ['08', 8],
  ['0', 0],
  ['00', 0],
  ['0x1F', 31],
  ['0XfF', 255],
  ['0b101', 5],
  ['0x', '0x'],
  ['1_000', 1000],
  ['1_000.5', 1000.5],
  ['1000650000', 1_000_650_000],
  ['+7', 7],
  ['1e3', 1000],
  ['7_E1', 70],
  ['-_1', -1],
  ['8e412', '8e412'],
  ['.5e1', 5],
  ['.5_0', '.5_0'],
  ['-.5_0', -0.5],
  ['.5', 0.5],
  ['1.', 1],
  ['yes', true],
  ['Off', false],
  ['n', false],
  ['Y', true],
  ['oN', 'oN'],
  ['yEs', 'yEs'],
  ['~', null],
  ['NULL', null],
  ['190:20:30', '190:20:30'],
  ['2001-12-14', '2001-12-14'],
  ['=', '='],
  ['"01750"', '01750'],
])('reads the plain scalar %s as kubectl does', (text, value) => {
  expect(read(`value: ${text}`)).toEqual({ value });
});

it('reads a plain key that YAML 1.1 takes for a boolean as kubectl does', () => {
  expect(read('{on: 1, off: 2}')).toEqual({ true: 1, false: 2 });
});

const WORDS = [
  ...'yes No on Off y N true FALSE null ~ NaN .inf -.INF 0x1F 0X1f 0o17 0O7 01750 08 1_000 1e3 1_0e3 190:20:30 1:30.5'.split(' '),
  ...'2001-12-14 2001-12-14t21:59:43.10-05:00 = << 0b1 0B1 .5 +1 @at `tick %p &a *a !t | >'.split(' '),
  '',
  ' ',
  '- a',
  'a: b',
  '# c',
  '? q',
  'a #b',
  '\u{2028}',
  '\u{85}',
  '\ttab',
  'line\nbreak',
];
const text = fc.oneof(fc.constantFrom(...WORDS), fc.string({ unit: 'grapheme', maxLength: 12 }));
const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    text,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(text, tie('tree'), { maxKeys: 4 }),
  ),
}));

it('prints YAML that readers of YAML 1.1, of YAML 1.2 and kubectl read alike', () => {
  fc.assert(
    fc.property(tree, (value) => {
      const printed = printYaml({ value });
      const expected = { value };
      expect(parse(printed, { version: '1.1' })).toEqual(expected);
      expect(parse(printed, { version: '1.2' })).toEqual(expected);
      expect(read(printed)).toEqual(expected);
    }),
    { numRuns: 1000 },
  );
});
