// What the webhook keeps of our objects: the few facts that a pod needs, so that ten thousand roles cost little memory. Read from raw
// JSON without the schemas, and with their defaults, since a cluster may have definitions of another version.
import { isObject, objectAt, objectsOf, textOf, type Json, type JsonObject } from '../json/json.ts';
import { audienceOfBackend } from './audience.ts';
import type { AutoRoleRules } from './auto-role-wish.ts';
import type { RoleNaming } from './role-name.ts';
import type { LabelSelector } from './selector.ts';
import { isSelector } from './selects.ts';

/**
 * How a role stands in Vault: as declared; not so now, but it was; not so, and nothing says that it ever was; or nobody knows,
 * as of an object in a file.
 */
export type RoleState = 'ready' | 'unready' | 'unprogrammed' | 'unknown';

export interface CachedRole {
  readonly namespace: string;
  readonly name: string;
  /** As spec.backendRef says. */
  readonly backend: string | undefined;
  readonly serviceAccounts: readonly string[];
  readonly audience: string | undefined;
  readonly tokenExpirationSeconds: number | undefined;
  /** spec.vaultRoleName. */
  readonly vaultRoleName: string | undefined;
  readonly isObserved: boolean;
  readonly state: RoleState;
  /** What the condition Ready says where the role is not ready, cut. */
  readonly notReadyMessage: string;
}

export const ADMISSION_MODES = ['Off', 'Warn', 'Enforce'] as const;
export type AdmissionMode = (typeof ADMISSION_MODES)[number];

export interface CachedBackend extends RoleNaming {
  readonly name: string;
  readonly endpoint: string;
  readonly type: 'kubernetes' | 'jwt';
  /** Without auth/. */
  readonly path: string;
  readonly isDefault: boolean;
  /** Tokens must have the API server's own audience, whatever a role says. */
  readonly isClientJWT: boolean;
  readonly audience: string;
  readonly tokenExpirationSeconds: number;
  readonly minTokenExpirationSeconds: number;
  readonly admissionMode: AdmissionMode;
  readonly autoRoleRules: AutoRoleRules;
}

export interface CachedEndpoint {
  readonly name: string;
  /** What pods use. */
  readonly address: string;
  readonly namespace: string;
  /** The name to expect in the certificate; undefined: the host of the address. */
  readonly serverName: string | undefined;
  /** PEM of whom pods trust: given in the object itself, or what the controller has found. */
  readonly ca: string | undefined;
}

/** More of a condition's message does not fit into a warning. */
const LONGEST_REASON = 160;
/** Of the schema. */
const DEFAULT_EXPIRATION_SECONDS = 900;
const LEAST_EXPIRATION_SECONDS = 600;

/** `hasStatus` false: the object comes from a file, and what is missing of its status says nothing. Undefined: it is on its way out. */
export function cachedRole(object: JsonObject, hasStatus: boolean): CachedRole | undefined {
  const metadata = objectAt(object, 'metadata');
  const [spec, status] = [objectAt(object, 'spec'), objectAt(object, 'status')];
  const name = textOf(metadata, 'name') ?? '';
  if (metadata?.['deletionTimestamp'] !== undefined) return undefined;
  const named = texts(spec?.['serviceAccounts']);
  const state = hasStatus || status ? roleState(status) : 'unknown';
  return {
    namespace: textOf(metadata, 'namespace') ?? 'default',
    name,
    backend: textOf(objectAt(spec, 'backendRef'), 'name'),
    serviceAccounts: named.length === 0 ? [name] : named,
    audience: textOf(spec, 'audience') || undefined,
    tokenExpirationSeconds: numberOf(spec, 'tokenExpirationSeconds'),
    vaultRoleName: textOf(spec, 'vaultRoleName'),
    isObserved: textOf(spec, 'managementPolicy') === 'Observe',
    state,
    notReadyMessage: state === 'ready' || state === 'unknown' ? '' : notReadyMessage(status),
  };
}

export function cachedBackend(object: JsonObject): CachedBackend {
  const spec = objectAt(object, 'spec');
  const [defaults, tenancy, auto] = [objectAt(spec, 'defaults'), objectAt(spec, 'tenancy'), objectAt(spec, 'autoRoles')];
  const mode = textOf(objectAt(spec, 'admission'), 'mode');
  const clusterName = textOf(spec, 'clusterName') ?? '';
  const path = textOf(spec, 'path') ?? '';
  const isClientJWT = textOf(objectAt(objectAt(spec, 'kubernetes'), 'reviewer'), 'mode') === 'ClientJWT';
  return {
    name: textOf(objectAt(object, 'metadata'), 'name') ?? '',
    endpoint: textOf(objectAt(spec, 'endpointRef'), 'name') ?? '',
    type: textOf(spec, 'type') === 'jwt' ? 'jwt' : 'kubernetes',
    path,
    clusterName,
    isDefault: spec?.['isDefault'] === true,
    isClientJWT,
    audience: audienceOfBackend({ isClientJWT, given: textOf(defaults, 'audience'), clusterName, path }),
    tokenExpirationSeconds: numberOf(defaults, 'tokenExpirationSeconds') ?? DEFAULT_EXPIRATION_SECONDS,
    minTokenExpirationSeconds: numberOf(objectAt(tenancy, 'limits'), 'minTokenExpirationSeconds') ?? LEAST_EXPIRATION_SECONDS,
    roleNaming: textOf(tenancy, 'roleNaming') === 'Plain' ? 'Plain' : 'Qualified',
    admissionMode: ADMISSION_MODES.find((each) => each === mode) ?? 'Warn',
    autoRoleRules: {
      tenancy: selectorIn(tenancy),
      autoRoles: { mode: autoMode(auto), includeDefault: auto?.['includeDefault'] === true, ...selectorIn(auto) },
    },
  };
}

/** The webhook has no right to read Secrets and ConfigMaps: what is in those the controller publishes in the status. */
export function cachedEndpoint(object: JsonObject): CachedEndpoint {
  const spec = objectAt(object, 'spec');
  const tls = objectAt(spec, 'tls');
  const own = textOf(spec, 'workloadAddress');
  const authorities = objectAt(spec, 'workloadCA') ?? objectAt(tls, 'ca');
  return {
    name: textOf(objectAt(object, 'metadata'), 'name') ?? '',
    address: own ?? textOf(spec, 'address') ?? '',
    namespace: textOf(spec, 'namespace') ?? '',
    // It is the name of the server that the controller calls, which is another one then.
    serverName: own === undefined ? textOf(tls, 'serverName') : undefined,
    ca: textOf(authorities, 'inline') ?? textOf(objectAt(object, 'status'), 'workloadCA'),
  };
}

const roleState = (status: JsonObject | undefined): RoleState => {
  const condition = conditionIn(status);
  if (textOf(condition('Ready'), 'status') === 'True') return 'ready';
  const was = status?.['programmed'] === true;
  // Of a role that is made elsewhere nothing is remembered but where it was seen.
  const isUnseen = objectAt(status, 'vault') !== undefined && textOf(condition('Programmed'), 'status') === 'Unknown';
  return was || isUnseen ? 'unready' : 'unprogrammed';
};

const notReadyMessage = (status: JsonObject | undefined): string => {
  const message = textOf(conditionIn(status)('Ready'), 'message');
  if (message === undefined) return 'the controller has not looked at it yet';
  return message.length > LONGEST_REASON ? `${message.slice(0, LONGEST_REASON - 1)}…` : message.replace(/\.$/, '');
};

const conditionIn =
  (status: JsonObject | undefined) =>
  (type: string): JsonObject | undefined =>
    objectsOf(status?.['conditions']).find((condition) => condition['type'] === type);

const texts = (list: Json | undefined): readonly string[] =>
  Array.isArray(list) ? list.filter((item): item is string => typeof item === 'string') : [];

const numberOf = (object: JsonObject | undefined, key: string): number | undefined => {
  const value = object?.[key];
  return Number.isSafeInteger(value) ? (value as number) : undefined;
};

const autoMode = (auto: JsonObject | undefined): AutoRoleRules['autoRoles']['mode'] => {
  const mode = textOf(auto, 'mode');
  return mode === 'Annotated' || mode === 'All' ? mode : 'Off';
};

/** Its form is the API server's concern; what is none selects nothing. */
const selectorIn = (object: JsonObject | undefined): { readonly namespaceSelector?: LabelSelector } => {
  const selector = object?.['namespaceSelector'];
  return isObject(selector) && isSelector(selector) ? { namespaceSelector: selector } : {};
};
