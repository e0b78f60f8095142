// How far the controller goes with an object: look or manage, take over, repair, clean up.
import { choice, list, struct, text, type Stored } from './schema.ts';

export function managementPolicy(description: string) {
  return choice(['Manage', 'Observe'], description, { default: 'Manage' });
}
export type ManagementPolicy = 'Manage' | 'Observe';

export function adoption() {
  return choice(
    ['Never', 'IfIdentical', 'Always'],
    'What to do with something of this name that is in Vault already and that this object did not make. Never: leave it alone and say NotOwned. IfIdentical: take it over when it is already as declared. Always: overwrite it, and tell what was changed in an Event.',
    { default: 'IfIdentical' },
  );
}
export type Adoption = 'Never' | 'IfIdentical' | 'Always';

export function driftPolicy() {
  return choice(
    ['Repair', 'Report'],
    'What to do when Vault differs from what is declared. Repair: write it again. Report: name the fields in the status and leave them.',
    { default: 'Repair' },
  );
}

export function deletionPolicy(value: 'Retain' | 'Delete', description: string) {
  return choice(['Retain', 'Delete'], description, { default: value });
}

/** One field that differs between what is declared and what Vault has; secrets are never in it. */
const differenceSchema = struct(
  {
    field: text('The field, as Vault names it.', { min: 1, max: 256 }),
    want: text('What is declared.', { max: 1024 }),
    got: text('What Vault has.', { max: 1024 }),
  },
  'A field that differs.',
);
export type Difference = Stored<typeof differenceSchema>;

/** The list of differences in a status. */
export function driftSchema() {
  return list(differenceSchema, 'Where Vault differs from what is declared; empty when nothing does.', {
    max: 64,
    merge: 'atomic',
  });
}

/** Warnings of Vault in a status. */
export function warningsSchema() {
  return list(text('A warning.', { max: 1024 }), 'What Vault warned of when it was written to last.', {
    max: 16,
    merge: 'atomic',
  });
}

interface Managed {
  readonly spec: { readonly managementPolicy: ManagementPolicy };
}

/** Whether nothing may be written: one of these objects (endpoint, backend, the object itself) says Observe. */
export function isObserved(...objects: readonly Managed[]): boolean {
  return objects.some(({ spec }) => spec.managementPolicy === 'Observe');
}
