// Kinds of values, against the grammars of Go and Kubernetes that they follow.
import {
  count,
  countText,
  duration,
  durationSeconds,
  factor,
  flag,
  fraction,
  int32,
  jsonPatch,
  nameList,
  oneOf,
  port,
  quantity,
  readText,
  seconds,
  vaultDuration,
  wordList,
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

describe('list', () => {
  accepts(nameList, [
    ['a,b', ['a', 'b']],
    [' a , b ,', ['a', 'b']],
    ['', []],
    [',,', []],
    ['a,a', ['a', 'a']],
  ]);
});

describe('count', () => {
  accepts(count, [
    ['0', 0],
    ['+5', 5],
    ['007', 7],
    ['', 0],
  ]);
  refuses(count, ['-1', 'root', '0x64', '1e3', '1.0', '1_000', ' 1', '--1', '+', '2147483648', '9'.repeat(65)]);
});

describe('count of a program, as strconv.ParseUint', () => {
  accepts(
    countText,
    ['', '0', '4', '007', '2147483647'].map((raw) => [raw, raw] as const),
  );
  refuses(countText, ['many', '-1', '+4', '0.5', '500m', '4 ', '2147483648']);
});

describe('port', () => {
  accepts(
    port,
    ['1', '8200', '65535'].map((raw) => [raw, raw] as const),
  );
  refuses(port, ['', '0', '65536', '99999', '-1', '+8200', ':8200', 'http', '127.0.0.1:8200']);
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
  accepts(factor, [
    ['0.75', 0.75],
    ['1', 1],
    ['.5', 0.5],
    ['1.', 1],
    ['2e-1', 0.2],
    ['+1E2', 100],
  ]);
  refuses(factor, ['', '0', '-1', 'one-third', '.', '1e400', 'NaN', 'Infinity', '0x10', '1,5', ' 1']);
});

describe('fraction', () => {
  accepts(fraction, [
    ['0', 0],
    ['0.9', 0.9],
    ['1', 1],
  ]);
  refuses(fraction, ['', '1.5', '-0.1', '90%', '9e1']);
});

const DURATIONS = ['1s', '5m', '1h30m', '1.5h', '.5s', '1.s', '+5s', '0', '+0', '100ns', '1us', '1µs', '1μs', '3ms', ''];

describe('duration, as time.ParseDuration', () => {
  accepts(
    duration,
    DURATIONS.map((raw) => [raw, raw] as const),
  );
  refuses(duration, ['x', '1', '1d', 's', '.s', '1 s', '1s ', '1S', '5m3', '00', '1h-3m', '--1s', '-5s', '5 minutes']);

  it('has seconds', () => {
    expect(['1h30m', '1.5s', '500ms', '0', ''].map(durationSeconds)).toEqual([5400, 1.5, 0.5, 0, 0]);
  });
});

describe('duration, as parseutil.ParseDurationSecond of Vault', () => {
  accepts(
    vaultDuration,
    [...DURATIONS, '60', '2d', '007'].map((raw) => [raw, raw] as const),
  );
  refuses(vaultDuration, ['5 minutes', '1w', '1d12h', '-5', '-5s', '1.5', '5min', '5sec']);
});

describe('quantity', () => {
  accepts(quantity, [
    ['', ''],
    ['1000m', '1'],
    ['64Mi', '64Mi'],
  ]);
  refuses(quantity, ['-1', '-64Mi', '64 Mi', '64MB', 'lots']);
});

describe('words of a set', () => {
  const features = wordList(['caching', 'templating']);
  accepts(features, [
    ['', []],
    ['caching, templating', ['caching', 'templating']],
  ]);
  refuses(features, ['cache', 'caching templating', 'Caching']);
});

describe('reading a text', () => {
  it('ignores white space around it, with line breaks (F7)', () => {
    expect(readText(flag, ' true\n').value).toBe(true);
    expect(readText(int32, '\t100\r\n')).toEqual({ raw: '100', value: 100, meant: undefined });
    expect(readText(quantity, '64Mi\n').value).toBe('64Mi');
  });
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
  for (const kind of [flag, nameList, count, int32, seconds, fraction, duration, port, jsonPatch]) {
    expect(kind.name).not.toBe('');
    expect(kind.expected).not.toBe('');
  }
});
