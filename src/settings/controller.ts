// The settings of the config controller alone.
import { decimal, flag, identity, text } from '../annotations/kind.ts';
import { milliseconds } from './kind.ts';
import { type Command, row } from './row.ts';

const CONTROLLER: readonly Command[] = ['controller'];

export const controllerSettings = {
  observeOnly: row(CONTROLLER, flag, 'Look and say what would be written, and write nothing to any Vault.', { default: 'false' }),
  leaseName: row(CONTROLLER, text, 'Lease, in our own namespace, whose holder leads.', {
    default: 'vault-auth-injector-controller',
  }),
  serviceAccount: row(CONTROLLER, text, 'Our own service account, which logs in to Vault and proves backends by a login.', {
    default: 'vault-auth-injector-controller',
  }),
  workers: row(CONTROLLER, identity, 'Objects that are looked at at the same time.', { default: '16' }),
  deletionTimeout: row(
    CONTROLLER,
    milliseconds,
    'How long the deletion of an object waits for Vault; what is left in Vault then is deleted later.',
    { default: '5m' },
  ),
  resyncFactor: row(CONTROLLER, decimal, 'All times after which something is looked at again are multiplied by this.', {
    default: '1',
  }),
} as const;
