// The tuning of the mount: only the fields that are declared, compared with what the mount itself says.
import { type JsonObject, isObject } from '../../json/json.ts';
import { differences } from '../../resources/canonical.ts';
import type { Difference } from '../../resources/common-fields.ts';
import { type AuthMount, readMounts, writeTune } from '../../vault/mounts.ts';
import { type DocumentState, keepDocument } from '../document.ts';
import type { Work } from './work.ts';

/** Begins the names of its fields in a status, where those of the configuration are too. */
export const TUNE = 'tune.';

/** Where a mount differs. Its own values are compared, in which 0 is 0: the tune path shows the system's there. */
export function tuneDifferences(want: JsonObject, mount: AuthMount): readonly Difference[] {
  return differences(want, tuneOf(mount), 'tune').map((difference) => ({ ...difference, field: TUNE + difference.field }));
}

/** One pass over a mount that is ours. Throws VaultError. */
export async function keepTune(work: Work, want: JsonObject, mount: AuthMount): Promise<DocumentState> {
  const { context, backend, vault, before, observe, signal } = work;
  const { path, adoption, driftPolicy } = backend.spec;
  let found: AuthMount | undefined = mount;
  const known: JsonObject = {};
  return keepDocument<JsonObject>(
    {
      // The mount has just been read; after a write it is read again.
      read: async () => {
        found ??= (await readMounts(vault.session, signal)).find((other) => other.path === path);
        return found && known;
      },
      differences: () => (found ? tuneDifferences(want, found) : []),
      write: () => {
        found = undefined;
        return writeTune(vault.session, path, want);
      },
      claim: async () => undefined,
    },
    {
      isOurs: () => true,
      isWritten: before.observedGeneration === backend.metadata.generation,
      ignored: ignoredBefore(work),
      adoption,
      driftPolicy,
      observe,
      fence: context.vault.fence,
    },
  );
}

const tuneOf = ({ raw, description }: AuthMount): JsonObject => ({
  ...(isObject(raw['config']) ? raw['config'] : {}),
  description,
});

const ignoredBefore = ({ before: { conditions, drift } }: Work): readonly Difference[] =>
  conditions?.some(({ type, reason }) => type === 'Configured' && reason === 'IgnoredParameters')
    ? (drift ?? []).filter(({ field }) => field.startsWith(TUNE))
    : [];
