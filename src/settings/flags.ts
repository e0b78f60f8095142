// Command-line flags as Go programs take them: -name=value, -name value, --name; a flag of kind flag needs no value.

export interface FlagSpec {
  /** A switch: present without a value means true. */
  readonly isSwitch: boolean;
}

export interface ParsedFlags {
  /** Last one wins. */
  readonly values: ReadonlyMap<string, string>;
  /** Every value of a flag, in the order given; for flags that can be repeated. */
  readonly all: ReadonlyMap<string, readonly string[]>;
  readonly positionals: readonly string[];
  /** One line per problem. */
  readonly problems: readonly string[];
}

export interface FlagOptions {
  /** Stop at the first word that is not a flag, as Go's package does; manifests of vault-k8s rely on it. */
  readonly stopAtPositional: boolean;
}

/** Splits the words of a command line; never throws. */
export function parseFlags(
  words: readonly string[],
  specs: ReadonlyMap<string, FlagSpec>,
  { stopAtPositional }: FlagOptions,
): ParsedFlags {
  const values = new Map<string, string>();
  const all = new Map<string, string[]>();
  const take = (name: string, value: string): void => {
    values.set(name, value);
    all.set(name, [...(all.get(name) ?? []), value]);
  };
  const positionals: string[] = [];
  const problems: string[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (word === '--') return { values, all, positionals: [...positionals, ...words.slice(index + 1)], problems };
    const match = /^--?([A-Za-z0-9][A-Za-z0-9-]*)(?:=([\s\S]*))?$/.exec(word);
    if (!match) {
      if (word.startsWith('-') && word !== '-') problems.push(`${word}: not a flag`);
      else if (stopAtPositional) return { values, all, positionals: words.slice(index), problems };
      else positionals.push(word);
      continue;
    }
    const [, name = '', value] = match;
    const spec = specs.get(name);
    if (!spec) problems.push(`-${name}: unknown flag`);
    else if (value !== undefined) take(name, value);
    else if (spec.isSwitch) take(name, 'true');
    else if (index + 1 < words.length) {
      index += 1;
      take(name, words[index] ?? '');
    } else problems.push(`-${name}: a value is missing`);
  }
  return { values, all, positionals, problems };
}
