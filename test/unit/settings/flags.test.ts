// Command lines, parsed as Go's flag package parses them.
import { parseFlags } from '../../../src/settings/flags.ts';

const SPECS = new Map([
  ['listen', { isSwitch: false }],
  ['run-as-same-user', { isSwitch: true }],
]);

const split = (words: readonly string[], stopAtPositional = false) => {
  const { values, positionals, problems } = parseFlags(words, SPECS, { stopAtPositional });
  return { values: Object.fromEntries(values), positionals, problems };
};

describe('flags', () => {
  it.each([
    [['-listen=:1'], { listen: ':1' }],
    [['--listen=:1'], { listen: ':1' }],
    [['-listen', ':1'], { listen: ':1' }],
    [['--listen', ':1'], { listen: ':1' }],
    [['-listen='], { listen: '' }],
    [['-listen=a=b'], { listen: 'a=b' }],
    [['-listen', '-run-as-same-user'], { listen: '-run-as-same-user' }],
    [['-listen=:1', '-listen=:2'], { listen: ':2' }],
    [['-run-as-same-user'], { 'run-as-same-user': 'true' }],
    [['-run-as-same-user=false'], { 'run-as-same-user': 'false' }],
    [['-run-as-same-user', '-listen=:1'], { 'run-as-same-user': 'true', listen: ':1' }],
  ])('%j', (words, values) => expect(split(words)).toEqual({ values, positionals: [], problems: [] }));

  it('need a value unless they are switches', () => expect(split(['-listen']).problems).toEqual(['-listen: a value is missing']));

  it('are rejected when they are unknown', () => {
    expect(split(['-lisen=:1', '--x', '---listen=:1', '-'])).toEqual({
      values: {},
      positionals: ['-'],
      problems: ['-lisen: unknown flag', '-x: unknown flag', '---listen=:1: not a flag'],
    });
  });
});

describe('other words', () => {
  it('may stand between flags', () =>
    expect(split(['a', '-listen=:1', 'b'])).toEqual({ values: { listen: ':1' }, positionals: ['a', 'b'], problems: [] }));

  it('end the flags for a command that parses like Go', () =>
    expect(split(['-listen=:1', '2>&1', '-lisen'], true)).toEqual({
      values: { listen: ':1' },
      positionals: ['2>&1', '-lisen'],
      problems: [],
    }));

  it('begin after two dashes', () =>
    expect(split(['--', '-listen=:1'])).toEqual({ values: {}, positionals: ['-listen=:1'], problems: [] }));
});
