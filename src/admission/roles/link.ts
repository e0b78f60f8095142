// Gives a pod the login of its VaultAuthRole, and reports what is wrong between the two.
import type { Options, Origin, Parsed } from '../../annotations/parse.ts';
import type { OptionKey } from '../../annotations/table.ts';
import { BACKEND_LABEL } from '../../resources/kinds.ts';
import type { AdmissionMode } from '../../resources/backend.ts';
import type { CachedBackend } from '../../resources/webhook-view.ts';
import { nameInVault } from '../../resources/role-name.ts';
import { applyMode, effectiveMode, type ModeResult } from './modes.ts';
import { binds, resolveRole, type PodIdentity, type ResolvedRole, type LinkLister } from './resolve.ts';
import type { RoleProblem } from './role-problems.ts';

/** A pod with the login of its role. */
export interface LinkedPod {
  /** The options, including those from the objects. */
  readonly parsed: Parsed;
  /** CA certificates for the agent (PEM); undefined: those of the settings. */
  readonly ca: string | undefined;
  /** Whether the controller of the endpoint does rollouts; undefined: not known. */
  readonly rollouts?: boolean | undefined;
  readonly result: ModeResult;
}

/** What of a pod decides about its login, besides its options. */
export interface LinkInput extends Omit<PodIdentity, 'role' | 'backend' | 'usesOtherMount'> {
  /** The token volume that the pod already has for a login with these options; undefined: it has none, or injection adds one. */
  readonly podToken: (options: Options) => PodToken | undefined;
}

interface PodToken {
  readonly volume: string;
  /** Undefined: the API server's own. */
  readonly audience: string | undefined;
}

/** Undefined: no object concerns the pod, and its annotations and the settings alone decide. */
export function linkPod(own: Parsed, pod: LinkInput, lister: LinkLister): LinkedPod | undefined {
  if (!usesKubernetesLogin(own)) return undefined;
  const role = own.options.role === '' ? (own.families.authConfig.get('role')?.value ?? '') : own.options.role;
  const identity: PodIdentity = {
    ...pod,
    role,
    backend: own.options.backend,
    usesOtherMount: (backend) => usesOtherMount(own, backend),
  };
  const resolution = resolveRole(identity, lister);
  switch (resolution.kind) {
    case 'none':
      return undefined;
    case 'unresolved': {
      // If the named backend does not exist, use the admission mode of the namespace's (or default) backend.
      const label = pod.namespaceLabels.get(BACKEND_LABEL);
      const backend = resolution.backend ?? (label === undefined ? undefined : lister.backend(label)) ?? lister.defaultBackend();
      const mode = effectiveMode(backend?.admissionMode ?? 'Warn', pod.namespaceLabels);
      return { parsed: own, ca: undefined, result: applyMode([resolution.problem], mode, role === '') };
    }
    case 'resolved':
    case 'pending': {
      const { resolved } = resolution;
      const mode = effectiveMode(resolved.backend.admissionMode, pod.namespaceLabels);
      // Mode Disabled must not change a pod that logs in at another mount.
      if (mode === 'Disabled' && usesOtherMount(own, resolved.backend)) return undefined;
      const values = linkedValues(resolved);
      const parsed = withValues(own, values, mode);
      const problems = [
        ...(resolution.kind === 'pending' ? [pendingProblem(resolved, 'created')] : stateProblems(resolved, pod)),
        ...conflicts(own, values, identity, resolved),
        ...audienceProblems(parsed, pod),
      ];
      const { ca, rollouts } = resolved.endpoint;
      return { parsed, ca, rollouts, result: applyMode(problems, mode, false) };
    }
  }
}

/** False for other auth methods, and for agents with their own configuration: VaultAuthRoles do not describe those. */
const usesKubernetesLogin = ({ options, origins }: Parsed): boolean =>
  options.agentConfigmap === '' && (isSupported(options.authType) || origins.get('authType')?.annotation === undefined);

const isSupported = (type: string): boolean => type === 'kubernetes' || type === 'jwt';

const usesOtherMount = (own: Parsed, { path, type }: CachedBackend): boolean =>
  (isAnnotated(own, 'authPath') && !isSame(own.options.authPath, `auth/${path}`)) ||
  (isAnnotated(own, 'authType') ? own.options.authType !== type : !isSupported(own.options.authType));

const isAnnotated = ({ origins }: Parsed, key: LinkedKey): boolean => origins.get(key)?.annotation !== undefined;

/** Slashes at the ends of a path or an address do not count. */
const isSame = (one: string | number, other: string | number): boolean => trimmed(one) === trimmed(other);
const trimmed = (value: string | number): string => String(value).replaceAll(/^\/+|\/+$/g, '');

/** The options that the objects can set. */
type LinkedKey = Extract<
  OptionKey,
  'role' | 'authType' | 'authPath' | 'service' | 'namespace' | 'tlsServerName' | 'tokenAudience' | 'tokenExpirationSeconds'
>;

/** An option, its value of that option's type, and the object that sets it. */
type LinkedValue = {
  readonly [Key in LinkedKey]: {
    readonly key: Key;
    readonly value: Options[Key] & (string | number);
    readonly origin: Origin & { readonly object: string };
  };
}[LinkedKey];

/** What role, backend and endpoint set, each with the object that sets it. */
const linkedValues = ({ role, backend, endpoint }: ResolvedRole): readonly LinkedValue[] => {
  const ofRole = { layer: 'VaultAuthRole', object: `${role.namespace}/${role.name}` } as const;
  const ofBackend = { layer: 'VaultAuthBackend', object: backend.name } as const;
  const ofEndpoint = { layer: 'VaultEndpoint', object: endpoint.name } as const;
  // With reviewer mode ClientJWT the token must have the API server's audience; the controller rejects another one in a role.
  const ownAudience = backend.isClientJWT ? undefined : role.audience;
  const seconds = role.tokenExpirationSeconds ?? backend.tokenExpirationSeconds;
  return [
    { key: 'role', value: nameInVault(backend, role), origin: ofRole },
    { key: 'authType', value: backend.type, origin: ofBackend },
    { key: 'authPath', value: `auth/${backend.path}`, origin: ofBackend },
    {
      key: 'tokenAudience',
      value: ownAudience ?? backend.audience,
      origin: ownAudience === undefined ? ofBackend : ofRole,
    },
    {
      key: 'tokenExpirationSeconds',
      value: Math.max(seconds, backend.minTokenExpirationSeconds),
      origin: role.tokenExpirationSeconds === undefined ? ofBackend : ofRole,
    },
    { key: 'service', value: endpoint.address, origin: ofEndpoint },
    { key: 'namespace', value: endpoint.vaultNamespace, origin: ofEndpoint },
    ...(endpoint.serverName === undefined
      ? []
      : [{ key: 'tlsServerName', value: endpoint.serverName, origin: ofEndpoint } as const]),
  ];
};

/** In mode Disabled annotations win over the objects, except for the role's name in Vault. */
const withValues = (own: Parsed, values: readonly LinkedValue[], mode: AdmissionMode): Parsed => {
  const options: Record<string, unknown> = { ...own.options };
  const origins = new Map<keyof Options, Origin>(own.origins);
  for (const { key, value, origin } of values) {
    if (mode === 'Disabled' && key !== 'role' && isAnnotated(own, key)) continue;
    options[key] = value;
    origins.set(key, origin);
  }
  return { ...own, options: options as unknown as Options, origins };
};

const pendingProblem = ({ role, backend }: ResolvedRole, next: 'created' | 'written' | 'updated'): RoleProblem => ({
  code: 'vault-role-pending',
  namespace: role.namespace,
  role: role.name,
  backend: backend.name,
  next,
});

const stateProblems = (resolved: ResolvedRole, { namespace, serviceAccount }: LinkInput): readonly RoleProblem[] => {
  const { role } = resolved;
  const name = `${namespace}/${role.name}`;
  if (!binds(role, serviceAccount))
    return [{ code: 'vault-role-binding', role: name, account: serviceAccount, bound: role.serviceAccounts }];
  switch (role.state) {
    case 'ready':
    case 'unknown':
      return [];
    case 'new':
      return [pendingProblem(resolved, 'written')];
    case 'changed':
      return [pendingProblem(resolved, 'updated')];
    case 'unready':
      return [{ code: 'vault-role-unready', role: name, reason: role.notReadyMessage }];
    case 'unprogrammed':
      return [{ code: 'vault-role-unprogrammed', role: name, reason: role.notReadyMessage }];
  }
};

/** Profile compat logs in with a token of the pod, whose audience may differ from the role's. */
const audienceProblems = ({ options }: Parsed, { podToken }: LinkInput): readonly RoleProblem[] => {
  const token = options.tokenAudience === '' ? undefined : podToken(options);
  return token === undefined || token.audience === options.tokenAudience
    ? []
    : [{ code: 'vault-role-audience', ...token, required: options.tokenAudience }];
};

/** The short name of a role does not conflict with its name in Vault; the TLS server name follows from the address. */
const NEVER_IN_CONFLICT: ReadonlySet<LinkedKey> = new Set(['role', 'tlsServerName']);

const conflicts = (
  own: Parsed,
  values: readonly LinkedValue[],
  { backend }: PodIdentity,
  resolved: ResolvedRole,
): readonly RoleProblem[] => {
  const found: RoleProblem[] = [];
  for (const { key, value: effective, origin } of values) {
    const annotation = own.origins.get(key)?.annotation;
    const value = own.options[key] ?? '';
    if (annotation === undefined || NEVER_IN_CONFLICT.has(key) || isSame(value, effective)) continue;
    const object = `${origin.layer} ${origin.object}`;
    found.push({ code: 'vault-role-conflict', annotation, value: String(value), effective: String(effective), object });
  }
  const annotation = own.origins.get('backend')?.annotation;
  if (annotation !== undefined && backend !== resolved.backend.name) {
    const object = `VaultAuthRole ${resolved.role.namespace}/${resolved.role.name}`;
    found.push({
      code: 'vault-role-conflict',
      annotation,
      value: String(backend),
      effective: resolved.backend.name,
      object,
    });
  }
  return found;
};
