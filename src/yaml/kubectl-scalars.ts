// Plain scalars as kubectl reads them. It reads YAML 1.1 with the numbers of Go: `01750` is 1000, `yes` and `Off` are booleans. With
// the rules of YAML 1.2 an offline command would inject another pod than the one that the cluster gets.
import { Scalar, type CollectionTag, type ScalarTag, type Tags } from 'yaml';

type Tag = ScalarTag | CollectionTag;

const BOOLEAN = /^(?:[yY]|[yY]es|YES|[tT]rue|TRUE|[oO]n|ON|[nN]|[nN]o|NO|[fF]alse|FALSE|[oO]ff|OFF)$/;
const TRUE = /^(?:[yY]|[tT]|[oO][nN])/;
/** goyaml drops underscores from everything that begins like a number, also those behind a sign or before an exponent. */
const INTEGER = /^(?:[-+]_*)?(?:0_*[bB]_*[01][01_]*|0_*[xX]_*[0-9a-fA-F][0-9a-fA-F_]*|0_*(?:[oO]_*[0-7])?[0-7_]*|[1-9][0-9_]*)$/;
/** A zero before 8 or 9 makes no octal number, so that Go falls back to a decimal one. */
const FLOAT =
  /^(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|(?:(?:[-+]_*)?[0-9][0-9_]*(?:\.[0-9_]*)?|[-+]_*\._*[0-9][0-9_]*)(?:[eE]_*[-+]?_*[0-9][0-9_]*)?)$/;
/** YAML 1.1 gives a plain `=` a type of its own, and PyYAML refuses it: new text of this kind is quoted. */
const VALUE_TAG: ScalarTag = {
  tag: 'tag:yaml.org,2002:value',
  default: true,
  identify: () => false,
  test: /^=$/,
  resolve: (text) => text,
};

const RADIX: Readonly<Record<string, number>> = { b: 2, o: 8, x: 16 };

/** The value of a plain integer: of Go's strconv.ParseInt with base 0, after goyaml has dropped the underscores. */
const integerOf = (text: string): number => {
  const [, sign = '', digits = ''] = /^([-+]?)(.*)$/.exec(text.replaceAll('_', '')) ?? [];
  const prefix = RADIX[digits.charAt(1).toLowerCase()];
  const isOctal = prefix === undefined && digits.length > 1 && digits.startsWith('0');
  const value = isOctal ? Number.parseInt(digits, 8) : Number(digits);
  return sign === '-' && value !== 0 ? -value : value;
};

/** Too large a number is text, as in Go, where it is out of range. */
const numberOf = (text: string): number | string => {
  const number = Number(text.replaceAll('_', ''));
  // kubectl has no negative zero.
  return Number.isFinite(number) ? number + 0 : text;
};

/**
 * The tags of the YAML 1.2 core schema, with the plain scalars of kubectl: sigs.k8s.io/yaml, goyaml.v2/resolve.go. Numbers with colons
 * and dates are text there.
 */
export function kubectlTags(core: Tags): Tag[] {
  const tags = core.filter((tag): tag is Tag => typeof tag !== 'string');
  return [...tags.flatMap(kubectlTag), VALUE_TAG];
}

const kubectlTag = (tag: Tag): readonly Tag[] => {
  if (tag.collection !== undefined) return [tag];
  if (tag.tag === 'tag:yaml.org,2002:bool')
    return [
      { ...tag, test: BOOLEAN, resolve: (text: string) => new Scalar(TRUE.test(text)), stringify: ({ value }) => String(value) },
    ];
  // One integer tag reads all notations; those for octal and hexadecimal numbers alone have a format.
  if (tag.tag === 'tag:yaml.org,2002:int')
    return tag.format === undefined ? [{ ...tag, test: INTEGER, resolve: (text: string) => integerOf(text) }] : [];
  // The tag for infinities and NaN stays; one tag reads all other floats.
  if (tag.tag === 'tag:yaml.org,2002:float' && tag.format === 'EXP') return [];
  if (tag.tag === 'tag:yaml.org,2002:float' && tag.test?.test('1.5') === true)
    return [{ ...tag, test: FLOAT, resolve: (text: string) => numberOf(text) }];
  return [tag];
};
