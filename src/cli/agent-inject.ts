// The command agent-inject: the same server behind the flags, environment and quirks of vault-k8s' command of that name.
import { serve } from './serve.ts';
import type { Run } from './terminal.ts';

/** Serves until SIGTERM. Exit codes: 0 stopped, 1 cannot serve or called wrongly, as vault-k8s has it. */
export const agentInject: Run = (words, terminal) => serve('agent-inject', words, terminal);
