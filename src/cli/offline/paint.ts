// Colours of a terminal.

const CODES = { bold: 1, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
export type Colour = keyof typeof CODES;
export type Paint = (text: string, colour: Colour | undefined) => string;

/** Colours text, or leaves it alone where colour is not wanted. */
export function painter(isWanted: boolean): Paint {
  return (text, colour) => (isWanted && colour !== undefined ? `\u{1b}[${CODES[colour]}m${text}\u{1b}[0m` : text);
}
