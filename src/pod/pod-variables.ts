// Environment variables of agent containers that come from the pod: the downward API, and what EKS adds for AWS.
import type { JsonObject } from '../json/json.ts';
import type { Pod } from './pod.ts';

export interface Variable extends JsonObject {
  readonly name: string;
}

const fromField = (name: string, fieldPath: string): Variable => ({ name, valueFrom: { fieldRef: { fieldPath } } });

/** Variables that every agent of vault-k8s has. Templates that issue certificates for the pod's own address read them. */
export const POD_FIELDS: readonly Variable[] = [
  fromField('NAMESPACE', 'metadata.namespace'),
  fromField('HOST_IP', 'status.hostIP'),
  fromField('POD_IP', 'status.podIP'),
];

/** Further variables of profile native: the names that Kubernetes' own examples use. */
export const MORE_POD_FIELDS: readonly Variable[] = [
  fromField('POD_NAME', 'metadata.name'),
  fromField('NODE_NAME', 'spec.nodeName'),
];

/** Variables with a value; an empty one means that the variable is not set. */
export function whenSet(...pairs: readonly (readonly [string, string])[]): Variable[] {
  const variables: Variable[] = [];
  for (const [name, value] of pairs) if (value !== '') variables.push({ name, value });
  return variables;
}

const AWS_NAMES = ['AWS_ROLE_ARN', 'AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_DEFAULT_REGION', 'AWS_REGION'];

/**
 * Variables that EKS adds to app containers for AWS: the first literal value of each name. `region` is the parameter of the auth method
 * of that name.
 */
export function awsVariables({ spec }: Pod, region: string | undefined): Variable[] {
  const found = new Map<string, string>();
  for (const { env } of spec.containers ?? [])
    for (const { name, value } of env ?? [])
      if (name && value && AWS_NAMES.includes(name) && !found.has(name)) found.set(name, value);
  const variables = AWS_NAMES.flatMap((name) => whenSet([name, found.get(name) ?? '']));
  // The kubelet uses the last of two equal names, so the annotation overrides the container's value.
  return region === undefined ? variables : [...variables, ...whenSet(['AWS_REGION', region])];
}
