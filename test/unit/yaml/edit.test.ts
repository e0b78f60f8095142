// Editing YAML documents: the result has the intended value, and comments, order and scalars stay.
import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { parse, parseDocument, stringify } from 'yaml';
import type { Json, JsonObject } from '../../../src/json/json.ts';
import { readDocuments, type YamlDocument } from '../../../src/yaml/documents.ts';
import { editDocument } from '../../../src/yaml/edit.ts';

const documentOf = (text: string): YamlDocument => {
  const { documents, problems } = readDocuments({ file: 'x.yaml', text });
  expect(problems).toEqual([]);
  return documents[0] as YamlDocument;
};

/** Every kind of change that injection makes to a pod. */
const changed = (pod: JsonObject): JsonObject => {
  const copy = JSON.parse(JSON.stringify(pod)) as { metadata?: { annotations?: object }; spec: { [key: string]: Json } };
  copy.metadata = { ...copy.metadata, annotations: { ...copy.metadata?.annotations, status: 'yes', 'a/b': 'x: y' } };
  const { spec } = copy;
  const list = (key: string): Json[] => (Array.isArray(spec[key]) ? (spec[key] as Json[]) : []);
  spec['initContainers'] = [{ name: 'first', args: ['a\nb\n'] }, ...list('initContainers')];
  for (const container of list('containers') as { volumeMounts?: Json }[]) {
    const mounts = container.volumeMounts;
    container.volumeMounts = [...(Array.isArray(mounts) ? (mounts as Json[]) : []), { name: 'v', mountPath: '/new' }];
  }
  spec['containers'] = [...list('containers'), { name: 'agent', env: [], lifecycle: {}, resources: { limits: { cpu: '1' } } }];
  spec['volumes'] = [...list('volumes'), { name: 'v', emptyDir: { medium: 'Memory' } }];
  return copy as unknown as JsonObject;
};

const scalar = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom('yes', 'a\nb\n', 'a: b', '# no', '0644'),
);
const some = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.option(fc.oneof(fc.constant([]), fc.constant(null), arbitrary), { nil: undefined });
const mounts = fc.array(fc.record({ name: fc.constantFrom('a', 'b'), mountPath: fc.constantFrom('/a', '/b') }), { maxLength: 2 });
const container = fc.record(
  { name: fc.constantFrom('x', 'y', 'z'), image: scalar, volumeMounts: some(mounts) },
  { requiredKeys: ['name'] },
);
const pods = fc.record(
  {
    metadata: fc.record(
      { name: fc.constant('p'), annotations: fc.dictionary(fc.constantFrom('k', 'a b', '1', 'on'), scalar) },
      { requiredKeys: [] },
    ),
    spec: fc.record(
      {
        containers: fc.array(container, { minLength: 1, maxLength: 3 }),
        initContainers: some(fc.array(container, { maxLength: 2 })),
        volumes: some(fc.array(fc.record({ name: fc.string() }), { maxLength: 2 })),
        other: scalar,
      },
      { requiredKeys: ['containers'] },
    ),
  },
  { requiredKeys: ['spec'] },
);
const style = fc.record({
  indent: fc.constantFrom(2, 4),
  indentSeq: fc.boolean(),
  collectionStyle: fc.constantFrom('any' as const, 'flow' as const),
  lineWidth: fc.constantFrom(0, 40),
});

test('edits any pod in any style to the intended value, and not again', () => {
  fc.assert(
    fc.property(pods, style, fc.boolean(), (pod, options, isJson) => {
      const text = isJson
        ? `${JSON.stringify(pod, undefined, options.indent === 4 ? '\t' : options.indentSeq ? 2 : 0)}\n`
        : stringify(pod, { ...options, compat: 'yaml-1.1', aliasDuplicateObjects: false });
      const document = documentOf(text);
      const wanted = changed(document.value as JsonObject);
      const { text: result, expanded } = editDocument(document, wanted);
      expect(expanded).toBe(false);
      expect(parse(result, { version: '1.1' })).toEqual(wanted);
      if (isJson) expect(JSON.parse(result)).toEqual(wanted);
      expect(editDocument(documentOf(result), wanted).text).toBe(result);
    }),
    { numRuns: 300 },
  );
});

/** Comment lines, comments behind values and blank lines at any place where they do not change the value. */
const marks = fc.array(fc.tuple(fc.nat(1000), fc.nat(3), fc.nat(10)), { maxLength: 12 });

const valueOf = (text: string): unknown => {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
};

const withComments = (text: string, places: readonly (readonly [number, number, number])[]): string => {
  let lines = text.split('\n');
  let number = 0;
  for (const [at, kind, column] of places) {
    const index = at % lines.length;
    const line = lines[index] ?? '';
    const comment = `# comment-${number};`;
    const margin = kind === 0 ? (/^ */.exec(line)?.[0] ?? '') : ' '.repeat(column);
    const added = kind === 2 ? [`${line} ${comment}`] : [kind === 3 ? '' : margin + comment, line];
    const marked = lines.toSpliced(index, 1, ...added);
    if (!isDeepStrictEqual(valueOf(marked.join('\n')), valueOf(lines.join('\n')))) continue;
    lines = marked;
    number += 1;
  }
  return lines.join('\n');
};

const commentsOf = (text: string): string[] => text.match(/# comment-[0-9]+;/g) ?? [];

test('keeps all comments of any pod in their order', () => {
  fc.assert(
    fc.property(pods, style, marks, fc.boolean(), (pod, options, places, isWindows) => {
      const lines = withComments(stringify(pod, { ...options, compat: 'yaml-1.1', aliasDuplicateObjects: false }), places);
      const text = isWindows ? lines.replaceAll('\n', '\r\n') : lines;
      const document = documentOf(text);
      const wanted = changed(document.value as JsonObject);
      const { text: result, expanded } = editDocument(document, wanted);
      expect(expanded).toBe(false);
      expect(parse(result, { version: '1.1' })).toEqual(wanted);
      expect(commentsOf(result)).toEqual(commentsOf(text));
      expect(result.replaceAll('\r\n', '').includes('\n')).toBe(!isWindows);
    }),
    { numRuns: 200 },
  );
});

const edited = (text: string, change: (value: JsonObject) => JsonObject): string => {
  const document = documentOf(text);
  return editDocument(document, change(document.value as JsonObject)).text;
};

describe('layout', () => {
  test('adds an item behind the comments of the last item and before those of the next key', () => {
    const text = 'a:\n- name: x # one\n  # - more of x\n# about b\nb: 1\n';
    expect(edited(text, (value) => ({ ...value, a: [{ name: 'x' }, { name: 'z' }] }))).toBe(
      'a:\n- name: x # one\n  # - more of x\n- name: z\n# about b\nb: 1\n',
    );
  });

  test('keeps one blank line below a block text, and all that are part of it', () => {
    expect(edited('a:\n  b: |\n    text\n\n\nc: 1\n', (value) => ({ ...value, a: { b: 'text\n', d: 1 } }))).toBe(
      'a:\n  b: |\n    text\n  d: 1\n\nc: 1\n',
    );
    expect(edited('a:\n  b: |+\n    text\n\nc: 1\n', (value) => ({ ...value, a: { b: 'text\n\n', d: 1 } }))).toBe(
      'a:\n  b: |+\n    text\n\n  d: 1\nc: 1\n',
    );
  });

  test('replaces empty and null values and keeps their comments', () => {
    const text = 'a: []  # none\nb: # nothing\nc: {}\nd: null # null\ne: old # value\n';
    expect(edited(text, () => ({ a: [1], b: [2], c: { x: 1 }, d: [{ z: 1 }], e: 'new' }))).toBe(
      'a:\n  # none\n  - 1\nb:\n  # nothing\n  - 2\nc:\n  x: 1\nd:\n  # null\n  - z: 1\ne: new # value\n',
    );
  });

  test('edits a file without a final newline', () => {
    expect(edited('a:\n  b: 1', (value) => ({ ...value, a: { b: 1, c: [2] } }))).toBe('a:\n  b: 1\n  c:\n    - 2\n');
  });

  test('keeps every scalar as its author wrote it', () => {
    const text = `a: yes\nb: 0x1F\nc: 12345678901234567890\nd: 1.0\ne: ~\nf:\ng: "\\u0041"\nh: 'q'\ni: [1, 0644]\n`;
    expect(edited(text, (value) => ({ ...value, z: 1 }))).toBe(`${text}z: 1\n`);
  });

  test('keeps the digits of long numbers in JSON', () => {
    expect(edited('{"a": 12345678901234567890}', (value) => ({ ...value, b: ['yes'] }))).toBe(
      '{"a": 12345678901234567890, "b": ["yes"]}\n',
    );
  });

  test('keeps the indentation of JSON', () => {
    expect(edited('---\n{\n    "a": [1]\n}\n', (value) => ({ ...value, b: {} }))).toBe(
      '---\n{\n    "a": [\n        1\n    ],\n    "b": {}\n}\n',
    );
  });

  test('keeps directives and the end marker before those of the next document', () => {
    const text = '%YAML 1.2\n---\na: 1\n...\n%YAML 1.2\n---\nb: 1\n';
    const { documents } = readDocuments({ file: 'x.yaml', text });
    expect(documents.map((document) => editDocument(document, { c: 1 }).text).join('')).toBe(
      '%YAML 1.2\n---\nc: 1\n...\n%YAML 1.2\n---\nc: 1\n',
    );
  });

  test('quotes a block text that begins with a blank, which the library prints wrongly at four blanks a level', () => {
    expect(edited('a:\n    b: |2\n         text\n', ({ a }) => ({ a, c: 1 }))).toBe('a:\n    b: "   text\\n"\nc: 1\n');
  });

  test('moves a comment before the first entry with that entry', () => {
    expect(edited('spec:\n  # one\n  containers: []\n', () => ({ spec: { initContainers: [], containers: [] } }))).toBe(
      'spec:\n  initContainers: []\n  # one\n  containers: []\n',
    );
  });

  test('quotes new words that kubectl reads as another type (YAML 1.1)', () => {
    expect(edited('a: 1\n', () => ({ a: 1, b: 'yes', c: '0644', d: '1:30', e: '~' }))).toBe(
      'a: 1\nb: "yes"\nc: "0644"\nd: "1:30"\ne: "~"\n',
    );
  });
});

describe('aliases', () => {
  test('replaces an alias whose value changes and keeps its anchor', () => {
    const text = 'a: &x\n  k: 1 # one\nb: *x\nc: *x\n';
    expect(edited(text, ({ a, c }) => ({ a, b: { k: 1, l: 2 }, c }))).toBe('a: &x\n  k: 1 # one\nb:\n  k: 1\n  l: 2\nc: *x\n');
  });

  test('replaces aliases by copies when their anchor changes', () => {
    const document = documentOf('a: &x\n  k: 1 # one\nb: *x\n');
    const { text, expanded } = editDocument(document, { a: { k: 1, l: 2 }, b: { k: 1 } });
    expect(expanded).toBe(true);
    expect(parseDocument(text).toJS()).toEqual({ a: { k: 1, l: 2 }, b: { k: 1 } });
  });

  test('copies a merged map whose anchor changes', () => {
    const text = 'a: &x\n  k: [1]\nb:\n  <<: *x\n  l: 1 # c\n';
    expect(edited(text, ({ b }) => ({ a: { k: [1, 2] }, b }))).toBe('a:\n  k: [1, 2]\nb:\n  <<:\n    k: [1]\n  l: 1 # c\n');
  });

  test('overrides a key that comes from a merge', () => {
    const text = 'x: &x\n  k: [1]\nz:\n  <<: *x\n  l: 1\n';
    const result = edited(text, ({ x }) => ({ x, z: { k: [1, 2], l: 1 } }));
    expect(result.startsWith(text)).toBe(true);
    expect(parse(result, { merge: true })).toEqual({ x: { k: [1] }, z: { k: [1, 2], l: 1 } });
  });
});
