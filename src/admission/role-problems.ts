// Problems between a pod and the objects that it logs in by, in words.
import { annotationName } from '../annotations/name.ts';
import { quote, type Entries } from './entry.ts';
import type { RoleFinding } from './link/finding.ts';

/** More of a list than anybody reads in a warning. */
const MOST_NAMES = 5;

const listed = (names: readonly string[]): string =>
  names.slice(0, MOST_NAMES).join(', ') + (names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '');

export const roleProblems: Entries<RoleFinding> = {
  'vault-role-missing': {
    kind: 'by mode',
    title: 'There is no VaultAuthRole of this name',
    sentence: ({ namespace, role, backend }) =>
      `there is no VaultAuthRole ${quote(role)} in namespace ${namespace} (VaultAuthBackend ${backend})`,
    remedy: () => `create it, or name another one with ${annotationName('role')}`,
  },
  'vault-role-ambiguous': {
    kind: 'by mode',
    title: 'Several VaultAuthRoles bind the service account',
    sentence: ({ account, roles }) => `several VaultAuthRoles bind service account ${quote(account)}: ${listed(roles)}`,
    remedy: () => `choose one with ${annotationName('role')}`,
  },
  'vault-role-binding': {
    kind: 'by mode',
    title: 'The VaultAuthRole does not bind the service account',
    sentence: ({ role, account, bound }) =>
      `VaultAuthRole ${role} does not bind service account ${quote(account)}; bound: ${listed(bound)}`,
    remedy: () => 'add the service account to spec.serviceAccounts, or run the pod as one that is bound',
  },
  'vault-role-unprogrammed': {
    kind: 'by mode',
    title: 'The role has never been in Vault',
    sentence: ({ role, because }) => `VaultAuthRole ${role} is not in Vault (yet): ${because}`,
    remedy: ({ role }) => `see kubectl describe vaultauthrole -n ${role.replace('/', ' ')}`,
  },
  'vault-role-unready': {
    kind: 'warning',
    title: 'The role is not as declared at present',
    sentence: ({ role, because }) => `VaultAuthRole ${role} is not ready, though it has been: ${because}`,
    remedy: ({ role }) => `see kubectl describe vaultauthrole -n ${role.replace('/', ' ')}`,
  },
  'vault-role-pending': {
    kind: 'warning',
    title: 'The role is about to be made',
    sentence: ({ namespace, role, backend }) =>
      `VaultAuthBackend ${backend} is about to make VaultAuthRole ${namespace}/${role}; logins fail until then`,
    remedy: () => 'nothing to do: the agent tries again until the role is there',
  },
  'vault-role-conflict': {
    kind: 'by mode',
    title: 'An annotation contradicts the object that the login goes by',
    sentence: ({ annotation, value, wanted, object }) =>
      `${annotation}: ${quote(value)} contradicts ${object}, which says ${quote(wanted)} and counts`,
    remedy: () => 'remove the annotation, or have the object changed',
  },
  'vault-role-audience': {
    kind: 'warning',
    title: 'The token of the pod has another audience than the role wants',
    sentence: ({ volume, audience, wanted }) =>
      `the agent logs in with the token of volume ${quote(volume)}, ${audience === undefined ? 'which is for the API server' : `whose audience is ${quote(audience)}`}, and the role wants ${quote(wanted)}`,
    remedy: () =>
      `use ${annotationName('profile')}: native, or a projected volume with this audience and ${annotationName('agentServiceAccountTokenVolumeName')}`,
  },
  'vault-object-missing': {
    kind: 'by mode',
    title: 'A backend or endpoint that does not exist',
    sentence: ({ kind, name, by }) =>
      name === ''
        ? `${by} names no ${kind}, and there is no default one`
        : `${by} names ${kind} ${quote(name)}, which does not exist`,
    remedy: ({ kind }) => `have the ${kind} created, or another one named`,
  },
};
