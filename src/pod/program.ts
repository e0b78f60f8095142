// The agent's program, by product.
import type { Options } from '../annotations/parse.ts';

export const PROGRAM: Readonly<Record<Options['flavour'], string>> = { vault: 'vault', openbao: 'bao' };
