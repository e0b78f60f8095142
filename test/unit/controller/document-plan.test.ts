// Every case of a document in Vault, and its plan.
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
  ['owned and as declared', {}, 'none InSync'],
  ['absent and never written', { ...absent, ...foreign }, 'write New'],
  ['claimed, but not written before the process ended', { ...absent, isWritten: false }, 'write New'],
  ['deleted in Vault', absent, 'write Drifted'],
  ['deleted in Vault, with driftPolicy Report', { ...absent, driftPolicy: 'Report' }, 'leave Drifted'],
  ['the declaration changed', { differs: true, isWritten: false }, 'write Changed'],
  [
    'the declaration changed, with driftPolicy Report',
    { differs: true, isWritten: false, driftPolicy: 'Report' },
    'write Changed',
  ],
  ['changed in Vault', { differs: true }, 'write Drifted'],
  ['changed in Vault, with driftPolicy Report', { differs: true, driftPolicy: 'Report' }, 'leave Drifted'],
  ['a field that the server does not store', { differs: true, isIgnored: true }, 'leave IgnoredParameters'],
  [
    'a field that the server did not store, declared with another value',
    { differs: true, isIgnored: true, isWritten: false },
    'write Changed',
  ],
  ['of another owner and identical', foreign, 'none Adopted'],
  ['of another owner and identical, with adoption Never', { ...foreign, adoption: 'Never' }, 'leave NotOwned'],
  ['of another owner and different', { ...foreign, differs: true }, 'leave NotOwned'],
  [
    'of another owner and different, with adoption Always',
    { ...foreign, differs: true, adoption: 'Always' },
    'write Overwritten',
  ],
  ['of another owner and identical, with adoption Always', { ...foreign, adoption: 'Always' }, 'none Adopted'],
  ['observe only and as declared', { ...foreign, observeOnly: true }, 'none Observed'],
  ['observe only and different', { differs: true, observeOnly: true }, 'leave ObservedMismatch'],
  ['observe only and absent', { ...absent, observeOnly: true }, 'leave Absent'],
];

it.each(rows)('%s', (_, situation, expected) => {
  const plan = planDocument({ ...settled, ...situation });
  expect(`${plan.action} ${plan.action === 'write' ? plan.because : plan.outcome}`).toBe(expected);
});
