// How the demonstration speaks: headings, facts and coloured diffs for people; plain text where there is no terminal.
import { colourRefused } from '../environment.ts';

type Tone = 'bold' | 'dim' | 'green' | 'red' | 'cyan' | 'yellow';

export interface Voice {
  /** A numbered heading. */
  readonly heading: (text: string) => void;
  /** A line of explanation under the heading. */
  readonly fact: (text: string) => void;
  /** Lines shown as they are, indented, in a tone. */
  readonly block: (lines: readonly string[], tone?: Tone) => void;
  /** A unified diff in its usual colours. Lines that are too long for the terminal, or for 160 characters elsewhere, are cut. */
  readonly diff: (lines: readonly string[]) => void;
  /** Text in a tone, or unchanged where there is no colour. */
  readonly paint: (tone: Tone, text: string) => string;
}

// SGR codes of ECMA-48: one to switch on, one to switch off.
const CODES: Readonly<Record<Tone, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  green: [32, 39],
  red: [31, 39],
  cyan: [36, 39],
  yellow: [33, 39],
};

/** A voice on a stream. */
export function createVoice(stream: NodeJS.WriteStream): Voice {
  const coloured = stream.isTTY && !colourRefused();
  // A terminal without a size reports 0.
  const width = stream.isTTY && stream.columns > 40 ? stream.columns : 160;
  const paint = (tone: Tone, text: string): string => {
    const [on, off] = CODES[tone];
    return coloured ? `\u001B[${on}m${text}\u001B[${off}m` : text;
  };
  let headings = 0;
  return {
    paint,
    heading: (text) => {
      headings += 1;
      stream.write(`\n${paint('bold', `${headings}  ${text}`)}\n`);
    },
    fact: (text) => void stream.write(`   ${text}\n`),
    block: (lines, tone) => void stream.write(lines.map((line) => `     ${tone ? paint(tone, line) : line}\n`).join('')),
    diff: (lines) => void stream.write(lines.map((line) => `     ${toned(cut(line, width - 5), paint)}\n`).join('')),
  };
}

function toned(line: string, paint: Voice['paint']): string {
  if (line.startsWith('+')) return paint('green', line);
  if (line.startsWith('-')) return paint('red', line);
  return line.startsWith('@@') ? paint('cyan', line) : line;
}

const cut = (line: string, width: number): string => (line.length > width ? `${line.slice(0, width - 1)}…` : line);
