// Kinds of values, against the grammars of Go and Kubernetes that they follow.
import {
  decimal,
  duration,
  flag,
  int32,
  integer,
  jsonPatch,
  nameList,
  oneOf,
  seconds,
  text,
  INVALID,
  type ValueKind,
} from '../../../src/annotations/value-kinds.ts';

const accepts = <T>(kind: ValueKind<T>, table: readonly (readonly [raw: string, value: T])[]): void => {
  it.each(table)(`${kind.name} reads %j as %j`, (raw, value) => expect(kind.read(raw)).toEqual(value));
};

const refuses = (kind: ValueKind<unknown>, table: readonly string[]): void => {
  it.each(table)(`${kind.name} rejects %j`, (raw) => expect(kind.read(raw)).toBe(INVALID));
};

describe('flag, as strconv.ParseBool', () => {
  accepts(flag, [
    ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((raw) => [raw, true] as const),
    ...['0', 'f', 'F', 'false', 'FALSE', 'False', ''].map((raw) => [raw, false] as const),
  ]);
  refuses(flag, ['tRuE', 'yes', 'on', ' true', 'true ', 'ture', '2', '-1', 'null', '__proto__', 'constructor']);
});

describe('text', () =>
  accepts(text, [
    ['', ''],
    [' a\n', ' a\n'],
  ]));

describe('list', () => {
  accepts(nameList, [
    ['a,b', ['a', 'b']],
    [' a , b ,', ['a', 'b']],
    ['', []],
    [',,', []],
    ['a,a', ['a', 'a']],
  ]);
});

describe('integer, as strconv.ParseInt in base ten', () => {
  accepts(integer, [
    ['0', 0],
    ['-1', -1],
    ['+5', 5],
    ['007', 7],
    ['', 0],
  ]);
  refuses(integer, ['root', '0x64', '1e3', '1.0', '1_000', ' 1', '--1', '+', '9223372036854775808', '-9223372036854775809']);
});

describe('id', () => {
  accepts(int32, [
    ['0', 0],
    ['100', 100],
    ['+5', 5],
    ['-0', 0],
  ]);
  refuses(int32, ['-1', 'root', '', '9223372036854775808']);
});

describe('seconds, as strconv.ParseUint', () => {
  accepts(seconds, [
    ['0', 0],
    ['5', 5],
    ['01', 1],
  ]);
  refuses(seconds, ['', '-1', '+5', '5s', '1.5', '18446744073709551616']);
});

describe('number', () => {
  accepts(decimal, [
    ['0.75', 0.75],
    ['1', 1],
    ['.5', 0.5],
    ['1.', 1],
    ['-2e-1', -0.2],
    ['+1E2', 100],
  ]);
  refuses(decimal, ['', 'one-third', '.', '1e400', 'NaN', 'Infinity', '0x10', '1,5', ' 1']);
});

describe('duration, as time.ParseDuration', () => {
  accepts(
    duration,
    ['1s', '5m', '1h30m', '1.5h', '.5s', '1.s', '+5s', '-5s', '0', '+0', '100ns', '1us', '1µs', '1μs', '3ms', ''].map(
      (raw) => [raw, raw] as const,
    ),
  );
  refuses(duration, ['x', '1', '1d', 's', '.s', '1 s', '1s ', '1S', '5m3', '00', '1h-3m', '--1s']);
});

describe('a choice of words', () => {
  const strict = oneOf(['map', 'json']);
  const folding = oneOf(['map', 'json'], true);
  accepts(strict, [
    ['map', 'map'],
    ['json', 'json'],
  ]);
  refuses(strict, ['Map', '', 'yaml', 'json ']);
  accepts(folding, [
    ['MAP', 'map'],
    ['Json', 'json'],
  ]);
});

describe('JSON Patch', () => {
  const operations = [{ op: 'remove', path: '/env' }];
  accepts(jsonPatch, [
    [JSON.stringify(operations), operations],
    ['', []],
    ['null', []],
    [' [] ', []],
  ]);
  refuses(jsonPatch, ['{}', '"[]"', '1', '[', "[{'op':'remove'}]", 'undefined']);
});

it('every kind describes what it expects', () => {
  for (const kind of [flag, text, nameList, integer, int32, seconds, decimal, duration, jsonPatch]) {
    expect(kind.name).not.toBe('');
    expect(kind.expected).not.toBe('');
  }
});
