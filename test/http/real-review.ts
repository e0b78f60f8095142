// The review that the commands use, with settings as a person gives them and nothing known of a cluster.
import { createReview, type Review } from '../../src/admission/review.ts';
import { admissionContext, NO_CLUSTER } from '../../src/cluster/admission-context.ts';
import { readSettings } from '../../src/settings/read.ts';

/** Behind `agent-inject` or `webhook`. */
export function realReview({ compat }: { readonly compat: boolean }): Review {
  const command = compat ? 'agent-inject' : 'webhook';
  const reading = readSettings(command, ['-vault-address=https://vault.example:8200'], {});
  if (!reading.ok) throw new Error(reading.problems.join('\n'));
  const context = admissionContext(command, reading.value, NO_CLUSTER);
  return createReview(() => context, { compat });
}
