// The fields of our objects that the webhook caches: few, so that ten thousand roles cost little memory. Types, words and defaults
// come from the schemas.
import { objectAt, textOf, type Json, type JsonObject } from '../json/json.ts';
import type { AutoRoleRules } from './auto-role.ts';
import { type AdmissionMode, backendSpecSchema, defaultAudience, isClientJWT, type VaultAuthBackendSpec } from './backend.ts';
import { endpointSpecSchema, endpointStatusSchema } from './endpoint.ts';
import { readFields } from './read-fields.ts';
import { roleSpecSchema, roleStatusSchema, type VaultAuthRoleSpec, type VaultAuthRoleStatus } from './role.ts';
import type { RoleNaming } from './role-name.ts';

/**
 * State of the role in Vault. `ready`: in sync. `unready`: not in sync now, but it was before. `unprogrammed`: never in sync.
 * `new` and `changed`: the controller has not reconciled the object, or its last change, yet. `unknown`: an object from a file, which
 * has no status.
 */
export type RoleState = 'ready' | 'unready' | 'unprogrammed' | 'new' | 'changed' | 'unknown';

export interface CachedRole {
  readonly namespace: string;
  readonly name: string;
  /** spec.backendRef.name. */
  readonly backend: string | undefined;
  readonly serviceAccounts: readonly string[];
  readonly audience: VaultAuthRoleSpec['audience'];
  readonly tokenExpirationSeconds: VaultAuthRoleSpec['tokenExpirationSeconds'];
  readonly vaultRoleName: VaultAuthRoleSpec['vaultRoleName'];
  readonly isObserved: boolean;
  readonly state: RoleState;
  /** Message of the condition Ready of a role that is not ready, shortened. */
  readonly notReadyMessage: string;
}

export interface CachedBackend extends RoleNaming, Pick<VaultAuthBackendSpec, 'type' | 'path' | 'isDefault'> {
  readonly name: string;
  /** spec.endpointRef.name. */
  readonly endpoint: string;
  /** Tokens must have the API server's own audience, regardless of spec.audience of a role. */
  readonly isClientJWT: boolean;
  readonly audience: string;
  readonly tokenExpirationSeconds: number;
  readonly minTokenExpirationSeconds: number;
  readonly admissionMode: AdmissionMode;
  readonly autoRoleRules: AutoRoleRules;
}

export interface CachedEndpoint {
  readonly name: string;
  /** The address that pods use. */
  readonly address: string;
  readonly vaultNamespace: string;
  /** The name to expect in the certificate; undefined: the host of the address. */
  readonly serverName: string | undefined;
  /** CA certificates (PEM) that pods trust: written in the object itself, or read by the controller and published in its status. */
  readonly ca: string | undefined;
  /** Whether its controller does rollouts; undefined: it has not reported that. */
  readonly rollouts: boolean | undefined;
}

/** A longer message of a condition does not fit into an admission warning. */
const MAX_MESSAGE = 160;

/** `hasStatus` false: the object is from a file, and a missing status means nothing. Undefined: the object is being deleted. */
export function cachedRole(object: JsonObject, hasStatus: boolean): CachedRole | undefined {
  const { metadata, name } = metadataOf(object);
  if (metadata?.['deletionTimestamp'] !== undefined) return undefined;
  const spec = readFields(roleSpecSchema, object['spec'], [
    'backendRef',
    'serviceAccounts',
    'audience',
    'tokenExpirationSeconds',
    'vaultRoleName',
    'managementPolicy',
  ]);
  const status = readFields(roleStatusSchema, object['status'], ['conditions', 'observedGeneration', 'programmed', 'vault']);
  const state = hasStatus || objectAt(object, 'status') ? roleState(status, metadata?.['generation']) : 'unknown';
  return {
    namespace: textOf(metadata, 'namespace') ?? 'default',
    name,
    backend: spec.backendRef?.name || undefined,
    serviceAccounts: spec.serviceAccounts?.length ? spec.serviceAccounts : [name],
    audience: spec.audience || undefined,
    tokenExpirationSeconds: spec.tokenExpirationSeconds,
    vaultRoleName: spec.vaultRoleName,
    isObserved: spec.managementPolicy === 'Observe',
    state,
    notReadyMessage: state === 'unready' || state === 'unprogrammed' ? notReadyMessage(status) : '',
  };
}

export function cachedBackend(object: JsonObject): CachedBackend {
  const spec = readFields(backendSpecSchema, object['spec'], [
    'endpointRef',
    'type',
    'path',
    'clusterName',
    'isDefault',
    'kubernetes',
    'defaults',
    'tenancy',
    'autoRoles',
    'admission',
  ]);
  const { type, path, clusterName, isDefault, defaults, tenancy, autoRoles } = spec;
  return {
    name: metadataOf(object).name,
    endpoint: spec.endpointRef.name,
    type,
    path,
    clusterName,
    isDefault,
    isClientJWT: isClientJWT(spec),
    audience: defaultAudience({ spec }),
    tokenExpirationSeconds: defaults.tokenExpirationSeconds,
    minTokenExpirationSeconds: tenancy.limits.minTokenExpirationSeconds,
    roleNaming: tenancy.roleNaming,
    admissionMode: spec.admission.mode,
    autoRoleRules: {
      tenancy: selectorOf(tenancy),
      autoRoles: { mode: autoRoles.mode, includeDefault: autoRoles.includeDefault, ...selectorOf(autoRoles) },
    },
  };
}

/** The webhook may not read Secrets and ConfigMaps: the controller publishes their CA certificates in the status. */
export function cachedEndpoint(object: JsonObject): CachedEndpoint {
  const spec = readFields(endpointSpecSchema, object['spec'], ['address', 'namespace', 'tls', 'workloadAddress', 'workloadCA']);
  const status = readFields(endpointStatusSchema, object['status'], ['workloadCA', 'rollouts']);
  return {
    name: metadataOf(object).name,
    address: spec.workloadAddress ?? spec.address,
    vaultNamespace: spec.namespace,
    // tls.serverName is the name of the server at spec.address, which the pod does not call then.
    serverName: spec.workloadAddress === undefined ? spec.tls.serverName : undefined,
    ca: (spec.workloadCA ?? spec.tls.ca)?.inline ?? status.workloadCA,
    rollouts: status.rollouts,
  };
}

type RoleStatus = Pick<VaultAuthRoleStatus, 'conditions' | 'observedGeneration' | 'programmed' | 'vault'>;

const conditionOf = ({ conditions }: RoleStatus, type: string) => conditions?.find((condition) => condition.type === type);

const roleState = (status: RoleStatus, generation: Json | undefined): RoleState => {
  const { observedGeneration } = status;
  if (observedGeneration === undefined && status.programmed !== true && !conditionOf(status, 'Ready')) return 'new';
  if (observedGeneration !== undefined && generation !== undefined && observedGeneration !== generation) return 'changed';
  if (conditionOf(status, 'Ready')?.status === 'True') return 'ready';
  // An observed role is never marked as programmed: its status only has its location in Vault.
  const isUnreachable = status.vault !== undefined && conditionOf(status, 'Programmed')?.status === 'Unknown';
  return status.programmed === true || isUnreachable ? 'unready' : 'unprogrammed';
};

const notReadyMessage = (status: RoleStatus): string => {
  const message = conditionOf(status, 'Ready')?.message ?? 'its condition Ready is missing';
  return message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE - 1)}…` : message.replace(/\.$/, '');
};

const metadataOf = (object: JsonObject) => {
  const metadata = objectAt(object, 'metadata');
  return { metadata, name: textOf(metadata, 'name') ?? '' };
};

const selectorOf = ({ namespaceSelector }: AutoRoleRules['tenancy']): AutoRoleRules['tenancy'] =>
  namespaceSelector === undefined ? {} : { namespaceSelector };
