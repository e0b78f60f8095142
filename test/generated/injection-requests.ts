// CEL that policies share: whether a pod or its namespace asks for injection. Policies see annotations and namespaces at once, which the
// entries of a webhook cannot.
import type { JsonObject } from '../../src/json/json.ts';
import { INJECT_LABEL } from '../../src/selection/decide.ts';
import { ASKS, SILENT } from './webhook-entries.ts';

const labelOf = (object: string): string =>
  `has(${object}.metadata.labels) && '${INJECT_LABEL}' in ${object}.metadata.labels ? ${object}.metadata.labels['${INJECT_LABEL}'] : ''`;

/** The pod's label. */
export const LABEL: JsonObject = { name: 'label', expression: labelOf('object') };
/** The pod's annotations ask, or have a value that is neither yes nor no. */
export const ASKING: JsonObject = { name: 'requested', expression: ASKS };
/** The pod's annotations do not ask. */
export const SAYS_NOTHING: JsonObject = { name: 'unspecified', expression: SILENT };
/** The namespace's label. */
export const NAMESPACE_LABEL: JsonObject = { name: 'namespaceLabel', expression: labelOf('namespaceObject') };

/** The pod asks by its label or its annotations. */
export const EXPLICIT = "variables.label == 'enabled' || variables.requested";
/** The pod does not ask, and its namespace asks, or the cluster does where `cluster` holds. Needs three of the variables above. */
export function implicit(cluster: string): string {
  return `variables.label != 'enabled' && variables.unspecified && (variables.namespaceLabel == 'enabled' || (${cluster} && variables.namespaceLabel != 'disabled'))`;
}
