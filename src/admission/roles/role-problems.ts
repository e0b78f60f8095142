// Problems between a pod and the objects that configure its login.
import { annotationName } from '../../annotations/names.ts';
import { defineProblem, quote, type ProblemOf } from '../../annotations/problem.ts';

/** Longer lists do not fit into a warning. */
const MAX_NAMES = 5;

const listed = (names: readonly string[]): string =>
  names.slice(0, MAX_NAMES).join(', ') + (names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '');

const describeRole = (role: string): string => `run kubectl describe vaultauthrole -n ${role.replace('/', ' ')}`;

const NOT_YET = {
  created: 'is not created yet; logins fail until then',
  written: 'is not written to Vault yet; logins fail until then',
  updated: 'has changed, and Vault does not have the change yet; until then logins follow the earlier spec',
} as const;

export const roleProblems = {
  'vault-role-missing': defineProblem<{ namespace: string; role: string; backend: string }>({
    severity: 'by mode',
    title: 'VaultAuthRole not found',
    sentence: ({ namespace, role, backend }) =>
      `VaultAuthRole ${quote(role)} not found in namespace ${namespace} (VaultAuthBackend ${backend})`,
    remedy: () => `create it, or select another one with ${annotationName('role')}`,
    sample: { namespace: 'team', role: 'web', backend: 'main' },
  }),
  'vault-role-ambiguous': defineProblem<{ account: string; roles: readonly string[] }>({
    severity: 'by mode',
    title: 'Several VaultAuthRoles bind the service account',
    sentence: ({ account, roles }) => `several VaultAuthRoles bind service account ${quote(account)}: ${listed(roles)}`,
    remedy: () => `select one with ${annotationName('role')}`,
    sample: { account: 'worker', roles: ['api', 'web'] },
  }),
  'vault-role-binding': defineProblem<{ role: string; account: string; bound: readonly string[] }>({
    severity: 'by mode',
    title: 'The VaultAuthRole does not bind the service account',
    sentence: ({ role, account, bound }) =>
      `VaultAuthRole ${role} does not bind service account ${quote(account)}; bound: ${listed(bound)}`,
    remedy: () => 'add the service account to spec.serviceAccounts, or run the pod as one that is bound',
    sample: { role: 'team/web', account: 'worker', bound: ['web'] },
  }),
  'vault-role-unprogrammed': defineProblem<{ role: string; reason: string }>({
    severity: 'by mode',
    title: 'Role not in Vault',
    sentence: ({ role, reason }) => `VaultAuthRole ${role} is not programmed in Vault: ${reason}`,
    remedy: ({ role }) => describeRole(role),
    sample: { role: 'team/web', reason: 'VaultAuthBackend main does not select this namespace (spec.tenancy.namespaceSelector)' },
  }),
  'vault-role-unready': defineProblem<{ role: string; reason: string }>({
    severity: 'warning',
    title: 'Role not ready',
    sentence: ({ role, reason }) => `VaultAuthRole ${role} was programmed in Vault and is not ready now: ${reason}`,
    remedy: ({ role }) => describeRole(role),
    sample: { role: 'team/web', reason: 'VaultEndpoint main: Vault is sealed' },
  }),
  'vault-role-pending': defineProblem<{
    namespace: string;
    role: string;
    backend: string;
    /** What the controller has not done yet: the object, its first role in Vault, or the last change of its spec. */
    next: 'created' | 'written' | 'updated';
  }>({
    severity: 'warning',
    title: 'Role not created, or not up to date in Vault, yet',
    sentence: ({ namespace, role, backend, next }) =>
      `VaultAuthRole ${namespace}/${role} of VaultAuthBackend ${backend} ${NOT_YET[next]}`,
    remedy: ({ namespace, role, next }) =>
      `no action needed: the controller ${next === 'created' ? 'creates it' : 'writes it to Vault'}, and the agent retries; if this lasts, ${next === 'created' ? 'check that the controller runs' : describeRole(`${namespace}/${role}`)}`,
    sample: { namespace: 'team', role: 'web', backend: 'main', next: 'created' },
  }),
  'vault-role-conflict': defineProblem<{
    annotation: string;
    value: string;
    /** The value of the object, which takes precedence. */
    effective: string;
    /** Kind and name of the object. */
    object: string;
  }>({
    severity: 'by mode',
    title: 'An annotation conflicts with the object that configures the login',
    sentence: ({ annotation, value, effective, object }) =>
      `${annotation}: ${quote(value)} conflicts with ${object}, whose ${quote(effective)} takes precedence`,
    remedy: () => 'remove the annotation, or change the object',
    sample: {
      annotation: annotationName('tokenAudience'),
      value: 'vault',
      effective: 'vault://prod/kubernetes',
      object: 'VaultAuthBackend main',
    },
  }),
  'vault-role-audience': defineProblem<{
    /** The volume of the pod's own token that the agent logs in with. */
    volume: string;
    /** Of that token; undefined: the API server's own. */
    audience: string | undefined;
    /** The audience that the role requires. */
    required: string;
  }>({
    severity: 'by mode',
    title: "The pod's token does not have the audience of the role",
    sentence: ({ volume, audience, required }) =>
      `the agent logs in with the token of volume ${quote(volume)}, whose audience is ${audience === undefined ? 'the API server' : quote(audience)}; the role requires ${quote(required)}`,
    remedy: () =>
      `set ${annotationName('profile')} to "native", or name a projected volume with this audience in ${annotationName('agentServiceAccountTokenVolumeName')}`,
    sample: { volume: 'kube-api-access-7x2kq', audience: undefined, required: 'vault://prod/kubernetes' },
  }),
  'vault-object-missing': defineProblem<{
    kind: 'VaultAuthBackend' | 'VaultEndpoint';
    name: string;
    /** The object that references it. */
    by: string;
  }>({
    severity: 'by mode',
    title: 'Backend or endpoint not found',
    sentence: ({ kind, name, by }) =>
      name === ''
        ? `${by} references no ${kind}, and there is no default one`
        : `${by} references ${kind} ${quote(name)}, which does not exist`,
    remedy: ({ kind }) => `create the ${kind}, or reference another one`,
    sample: { kind: 'VaultAuthBackend', name: 'mian', by: 'VaultAuthRole team/web' },
  }),
};

export type RoleProblem = ProblemOf<typeof roleProblems>;
