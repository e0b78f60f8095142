// The value of a text annotation is only data: two pods whose annotations differ in one text differ only in this text.
import { posix } from 'node:path';
import fc from 'fast-check';
import { families, type FamilyKey } from '../../src/annotations/families.ts';
import { absolutePath } from '../../src/annotations/path-kinds.ts';
import { INVALID, readText, type ValueKind } from '../../src/annotations/value-kinds.ts';
import { annotationName, familyName } from '../../src/annotations/names.ts';
import type { Row } from '../../src/annotations/row.ts';
import { table, type OptionKey } from '../../src/annotations/table.ts';
import { isObject, type Json, type JsonObject } from '../../src/json/json.ts';
import { admit, podWith, TOKEN_MOUNT } from '../support/pods.ts';

/** Text with a meaning for shells, HCL, JSON, YAML, templates or the kubelet. */
const HOSTILE = [
  '"double" \'single\'',
  'back`tick` $(command) $(X) ${variable} $$ $',
  'line\nline\r\n\ttab',
  '\\ \\n \\" \\u0041',
  '# comment ; & | > <',
  '{{ . }} {{ with secret "x" }}{{ end }}',
  '%{ if true } ${jsonencode("x")} <<EOT\nEOT',
  '\u0000\u0007\u001b[31m\u2028',
  '"}]}, "vault": {"address": "https://evil"}',
  '__proto__',
  // Profile compat denies a configuration of more than 128 KiB in base64 (Q46).
  'x'.repeat(64 * 1024),
];
const hostile = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }));
const MARK = 'MARKER';

/** A valid text of most kinds that contains the marker; a kind without one has numbers, words or documents as values. */
const MARKED = [MARK, MARK.toLowerCase(), `/${MARK}`, `https://${MARK}`, `${MARK.toLowerCase()}:1`];

interface Named {
  readonly name: string;
  readonly kind: ValueKind<unknown>;
  /** Undefined: no text of the kind is like another one. */
  readonly marked: string | undefined;
}

const named = (name: string, kind: ValueKind<unknown>): Named => ({
  name,
  kind,
  marked: MARKED.find((one) => kind.read(one) === one),
});

/** Every annotation of a pod, one name of each family. */
const ALL: readonly Named[] = [
  ...(Object.keys(table) as OptionKey[])
    .filter((key) => !(table[key] as Row<unknown>).namespaceOnly)
    .map((key) => named(annotationName(key), table[key].kind)),
  ...(Object.keys(families) as FamilyKey[]).map((key) =>
    named(familyName(key, key === 'telemetry' ? 'statsd-address' : 'db'), families[key].kind),
  ),
];
/** Annotations that are documents by themselves, with problems of their own. */
const DOCUMENTS = new Set(['YAML list', 'written']);
const TEXTS = ALL.filter(({ kind, marked }) => marked !== undefined && !DOCUMENTS.has(kind.name));

const WAYS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  native: { 'vaultauth.dev/profile': 'native' },
  'native, once': { 'vaultauth.dev/profile': 'native', 'agent-pre-populate-only': 'true' },
  token: { 'vaultauth.dev/mode': 'token' },
  compat: { 'vaultauth.dev/profile': 'compat', 'agent-cache-enable': 'true', 'agent-revoke-on-shutdown': 'true' },
};

const EXAMPLE = { 'agent-inject-secret-db': 'kv/data/db' };
const spec: JsonObject = { containers: [{ name: 'web', volumeMounts: [TOKEN_MOUNT] }] };

/** The injected pod, with its configurations as parsed documents. */
const outcomeOf = (way: string, name: string, value: string): Json => {
  const annotations = { ...EXAMPLE, ...WAYS[way], [name]: value };
  const { outcome } = admit(podWith({ annotations, spec }), { command: 'webhook', flags: ['-allow=*'] });
  const codes = outcome.problems.map(({ code }) => code);
  const patch = JSON.parse(JSON.stringify(codes.length === 0 ? outcome.patch : [])) as Json;
  return [outcome.decision, codes, opened(patch)];
};

const problemsOf = (way: string, name: string, value: string): readonly string[] =>
  (outcomeOf(way, name, value) as readonly [string, readonly string[]])[1];

/** Configurations are JSON texts, in an annotation or, in base64, in a variable. */
const opened = (value: Json): Json => {
  if (Array.isArray(value)) return (value as readonly Json[]).map(opened);
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, opened(member ?? null)]));
  if (typeof value !== 'string') return value;
  const plain = value.startsWith('eyJ') ? Buffer.from(value, 'base64').toString('utf8') : value;
  return plain.startsWith('{"auto_auth"') ? opened(JSON.parse(plain) as Json) : value;
};

/** Encodings of a text in the pod: unchanged, for the kubelet, for a shell, or as a path. */
const WRITTEN: readonly ((value: string) => string)[] = [
  (value) => value,
  (value) => value.replaceAll('$', '$$$$'),
  (value) => `'${value.replaceAll("'", `'\\''`)}'`,
];

/** Paths at which the second document is not the first with the value instead of the marker, in capitals or not. */
const strays = (marked: Json, real: Json | undefined, marker: string, value: string, path = ''): string[] => {
  if (Array.isArray(marked)) {
    if (!Array.isArray(real) || real.length !== marked.length) return [path];
    return (marked as readonly Json[]).flatMap((member, index) =>
      strays(member, real[index] as Json, marker, value, `${path}/${index}`),
    );
  }
  if (isObject(marked)) {
    const keys = Object.keys(marked);
    if (!isObject(real) || Object.keys(real).join() !== keys.join()) return [path];
    return keys.flatMap((key) => strays(marked[key] ?? null, real[key], marker, value, `${path}/${key}`));
  }
  if (typeof marked !== 'string') return marked === real ? [] : [path];
  const candidates = WRITTEN.flatMap((write) => {
    const written = marked.split(marker).join(write(value));
    return [written, posix.normalize(written), posix.normalize(written).replace(/(?<=.)\/$/, '')];
  });
  return typeof real === 'string' && candidates.includes(real) ? [] : [path];
};

test('finds the marker in the pod, for most annotations', () => {
  const seen = TEXTS.filter(({ name, marked = '' }) =>
    JSON.stringify(['native', 'compat'].map((way) => outcomeOf(way, name, marked))).includes(marked),
  );
  expect(TEXTS.length).toBeGreaterThan(30);
  expect(seen.length).toBeGreaterThan(TEXTS.length * 0.75);
});

describe.each(Object.keys(WAYS))('%s', (way) => {
  test.each(TEXTS.map((one) => [one.name, one] as const))('%s', (name, { kind, marked = '' }) => {
    const isPath = name.includes('-file-db') || name.includes('volume-path');
    const marker = new RegExp(MARK, 'i').exec(marked)?.[0] ?? '';
    const expected = outcomeOf(way, name, marked);
    const value = hostile.filter((one) => one.trim() !== '' && (!isPath || !/\.\.|^[./]|\/$/.test(one)));
    fc.assert(
      fc.property(value, (one) => {
        const written = marked.replace(marker, () => one);
        const { value: read, raw } = readText(kind, written);
        if (read === INVALID) expect(problemsOf(way, name, written)).toContain('annotation-value');
        else if (read === raw) expect(strays(expected, outcomeOf(way, name, written), marked, raw)).toEqual([]);
      }),
      { numRuns: 15 },
    );
  });
});

test.each(ALL.filter(({ kind }) => kind.name !== 'YAML list').map((one) => [one.name, one.kind] as const))(
  '%s rejects a text that its kind does not allow, and nothing else',
  (name, kind) => {
    for (const value of HOSTILE) {
      // pod/secrets.ts checks this path.
      const isInvalid = readText(kind === families.templateFile.kind ? absolutePath : kind, value).value === INVALID;
      expect([value, problemsOf('native', name, value).includes('annotation-value')]).toEqual([value, isInvalid]);
    }
  },
);
