// Standard streams and environment of a command. Commands receive them as an argument, so that tests can replace them.

export interface Terminal {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Everything on standard input, as text. */
  readonly stdin: () => Promise<string>;
  /** Standard input is a terminal, so that a command without input would seem to hang. */
  readonly stdinIsTerminal?: boolean;
  /** Standard error is a terminal: progress that replaces itself can be shown there. */
  readonly stderrIsTerminal?: boolean;
  /** Standard output is a terminal and NO_COLOR is not set. */
  readonly colour: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** A command: takes the arguments after its name, returns the exit code. 0 success, 1 failure, 2 invalid arguments. */
export type Run = (words: readonly string[], terminal: Terminal) => Promise<number>;

/** The terminal of this process. */
export function processTerminal(environment: Readonly<Record<string, string | undefined>>, noColor: boolean): Terminal {
  // A reader that closes the pipe, such as `head`, is not an error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    process.stderr.write(`vault-auth-injector: standard output cannot be written: ${error.message}\n`);
    process.exit(1);
  });
  // Without standard error there is no place to report anything.
  process.stderr.on('error', () => {});
  return {
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    stdin: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
      return Buffer.concat(chunks).toString('utf8');
    },
    stdinIsTerminal: process.stdin.isTTY,
    stderrIsTerminal: process.stderr.isTTY,
    colour: process.stdout.isTTY && !noColor,
    environment,
  };
}

const COLOUR_CODES = { bold: 1, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
export type Colour = keyof typeof COLOUR_CODES;
export type Paint = (text: string, colour: Colour | undefined) => string;

/** Colours text on a terminal; returns it unchanged elsewhere. */
export function painter({ colour: isColoured }: Pick<Terminal, 'colour'>): Paint {
  return (text, colour) => (isColoured && colour !== undefined ? `\u{1b}[${COLOUR_CODES[colour]}m${text}\u{1b}[0m` : text);
}

const HELP = new Set(['-h', '-help', '--help']);

/** True when the arguments contain -help. */
export function asksForHelp(words: readonly string[]): boolean {
  return words.some((word) => HELP.has(word));
}
