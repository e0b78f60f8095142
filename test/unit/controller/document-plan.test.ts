// Every combination of what can be the case with a document in Vault, and what is done about it.
import { type DocumentFacts, planDocument } from '../../../src/controller/document-plan.ts';

const settled: DocumentFacts = {
  exists: true,
  differs: false,
  isOwned: true,
  isWritten: true,
  isIgnored: false,
  adoption: 'IfIdentical',
  driftPolicy: 'Repair',
  observeOnly: false,
};
const absent = { exists: false, differs: false } as const;
const foreign = { isOwned: false, isWritten: false } as const;

const rows: readonly (readonly [string, Partial<DocumentFacts>, string])[] = [
  ['ours and as declared', {}, 'none InSync'],
  ['not there yet', { ...absent, ...foreign }, 'write New'],
  ['claimed, and the process ended before the write', { ...absent, isWritten: false }, 'write New'],
  ['deleted in Vault', absent, 'write Drifted'],
  ['deleted in Vault, only reported', { ...absent, driftPolicy: 'Report' }, 'leave Drifted'],
  ['the declaration changed', { differs: true, isWritten: false }, 'write Changed'],
  [
    'the declaration changed, drift is only reported',
    { differs: true, isWritten: false, driftPolicy: 'Report' },
    'write Changed',
  ],
  ['changed in Vault', { differs: true }, 'write Drifted'],
  ['changed in Vault, only reported', { differs: true, driftPolicy: 'Report' }, 'leave Drifted'],
  ['a field that the server drops', { differs: true, isIgnored: true }, 'leave IgnoredParameters'],
  ['dropped before, and declared anew', { differs: true, isIgnored: true, isWritten: false }, 'write Changed'],
  ['somebody else’s and identical', foreign, 'none Adopted'],
  ['somebody else’s and identical, never adopted', { ...foreign, adoption: 'Never' }, 'leave NotOwned'],
  ['somebody else’s and different', { ...foreign, differs: true }, 'leave NotOwned'],
  ['somebody else’s and different, always adopted', { ...foreign, differs: true, adoption: 'Always' }, 'write Overwritten'],
  ['somebody else’s and identical, always adopted', { ...foreign, adoption: 'Always' }, 'none Adopted'],
  ['observed and as declared', { ...foreign, observeOnly: true }, 'none Observed'],
  ['observed and different', { differs: true, observeOnly: true }, 'leave ObservedMismatch'],
  ['observed and absent', { ...absent, observeOnly: true }, 'leave Absent'],
];

it.each(rows)('%s', (_, situation, expected) => {
  const plan = planDocument({ ...settled, ...situation });
  expect(`${plan.action} ${plan.action === 'write' ? plan.because : plan.outcome}`).toBe(expected);
});
