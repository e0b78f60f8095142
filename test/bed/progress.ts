// How the bed tells a person what it is doing: lines that stay, and one status line that is rewritten on a terminal.

export interface Progress {
  /** A line that stays. */
  line(text: string): void;
  /** What is going on now. On a terminal it replaces the last status; elsewhere it is a line, at most every 15 seconds. */
  status(text: string): void;
}

/** Progress on a stream, normally stderr. */
export function streamProgress(stream: NodeJS.WriteStream): Progress {
  const terminal = stream.isTTY;
  let lastStatus = 0;
  return {
    line: (text) => void stream.write(terminal ? `\r\u001B[K${text}\n` : `${text}\n`),
    status: (text) => {
      if (terminal) {
        stream.write(`\r\u001B[K${text.slice(0, (stream.columns || 80) - 1)}`);
      } else if (Date.now() - lastStatus >= 15_000) {
        lastStatus = Date.now();
        stream.write(`${text}\n`);
      }
    },
  };
}

/** Progress that is not printed. */
export const silentProgress: Progress = { line: () => undefined, status: () => undefined };
