// The command webhook: the admission server.
import { serve } from './serve.ts';
import type { Run } from './terminal.ts';

/** Serves until SIGTERM. Exit codes: 0 stopped, 1 cannot serve, 2 called wrongly. */
export const webhook: Run = (words, terminal) => serve('webhook', words, terminal);
