// The reviewer that the commands use, with settings as a person gives them and nothing known of a cluster.
import { reviewer, type Reviewer } from '../../src/admission/review.ts';
import { admissionContext, NO_CLUSTER } from '../../src/cluster/admission-context.ts';
import { readSettings } from '../../src/settings/read.ts';

/** Behind `agent-inject` or `webhook`. */
export function realReviewer({ compat }: { readonly compat: boolean }): Reviewer {
  const command = compat ? 'agent-inject' : 'webhook';
  const reading = readSettings(command, ['-vault-address=https://vault.example:8200'], {});
  if (!reading.ok) throw new Error(reading.problems.join('\n'));
  const context = admissionContext(command, reading.value, NO_CLUSTER);
  return reviewer(() => context, { compat });
}
