// The auth mount of a backend: found or created, whose it is, and how it is tuned.
import { createHash } from 'node:crypto';
import { isObject, type JsonObject } from '../../json/json.ts';
import type { VaultAuthBackend, VaultAuthBackendStatus } from '../../resources/backend.ts';
import { differences } from '../../resources/canonical.ts';
import type { Difference } from '../../resources/common-fields.ts';
import { tuneDocument } from '../../resources/config-document.ts';
import { takesPrecedence } from '../../resources/role-name.ts';
import { isVaultError } from '../../vault/errors.ts';
import { type AuthMount, enableMount, readMounts, writeTune } from '../../vault/mounts.ts';
import { type DocumentResult, previouslyIgnored, reconcileDocument } from '../document.ts';
import { isSameServer } from '../runtime/vault-registry.ts';
import { configured, mounted } from './conditions.ts';
import { isSameVaultCluster, type ReconcileInput, type StepResult, stepResult } from './step.ts';

/** A mount that can be configured. */
export interface UsableMount {
  readonly mount: AuthMount;
  /** The status says that this backend created or adopted it. */
  readonly isOwned: boolean;
  /** Created in this run. */
  readonly isNew: boolean;
  /** Of Vault, when the mount was created. */
  readonly warnings: readonly string[];
  /** What of the previous status is about this very mount. */
  readonly previous: VaultAuthBackendStatus;
}

export type MountPlan = { readonly action: 'create' } | { readonly action: 'none'; readonly result: StepResult<UsableMount> };

/** The mount at the backend's path. Throws VaultError. */
export async function findMount({
  vault,
  backend,
  signal,
}: Pick<ReconcileInput, 'vault' | 'backend' | 'signal'>): Promise<AuthMount | undefined> {
  return (await readMounts(vault.session, signal)).find(({ path }) => path === backend.spec.path);
}

/** Uses the mount that is there; otherwise creates one if the spec allows it. */
export function planMount(input: ReconcileInput, found: AuthMount | undefined): MountPlan {
  if (found) return { action: 'none', result: useMount(input, found) };
  const mayCreate = !input.observeOnly && input.backend.spec.mount.create && !isReportedDrift(input);
  return mayCreate ? { action: 'create' } : { action: 'none', result: missingMount(input) };
}

/** Creates the mount with its tuning. Throws VaultError. */
export async function createMount(input: ReconcileInput): Promise<StepResult<UsableMount>> {
  const { context, backend, vault } = input;
  const { path, type } = backend.spec;
  const { description, ...config } = tuneDocument(backend);
  context.vault.fence();
  const warnings = await enableMount(vault.session, path, {
    type,
    ...(typeof description === 'string' ? { description } : {}),
    ...(Object.keys(config).length === 0 ? {} : { config }),
  }).catch((error: unknown) => {
    if (isVaultError(error, 'BadRequest') && error.errors.some((text) => text.includes('path is already in use')))
      return undefined;
    throw error;
  });
  const found = await findMount(input);
  if (warnings === undefined) return found ? useMount(input, found) : overlappingMount(input);
  if (!found) return missingMount(input);
  context.report.emitEvent(backend, 'Normal', 'MountCreated', `Created the mount auth/${path} of type ${type}.`);
  return useMount(input, found, { isNew: true, warnings });
}

const useMount = (
  input: ReconcileInput,
  mount: AuthMount,
  { isNew, warnings }: Pick<UsableMount, 'isNew' | 'warnings'> = { isNew: false, warnings: [] },
): StepResult<UsableMount> => {
  const { type } = input.backend.spec;
  // Both products list a mount of type jwt as oidc if it was enabled under that name.
  if (mount.type !== type && !(type === 'jwt' && mount.type === 'oidc')) return wrongType(input, mount);
  const conflict = findMountConflict(input, mount.accessor);
  if (conflict !== undefined) return mountHeldByOther(conflict);
  const isRecorded = isRecordedAs(input, mount);
  const isOwned = isNew || isRecorded;
  // What was written to a mount of another accessor, or on another server, is not in this one.
  const forget = isRecorded ? [] : (['configHash', 'tuneHash', 'reviewer'] as const);
  return stepResult<UsableMount>({
    conditions: [mounted('True', 'Mounted', `auth/${mount.path} is mounted, accessor ${mount.accessor}.`)],
    status: { mount: mountStatus(input, mount, isOwned) },
    forget,
    value: { mount, isOwned, isNew, warnings, previous: without(input.previous, forget) },
  });
};

const without = (status: VaultAuthBackendStatus, fields: readonly (keyof VaultAuthBackendStatus)[]): VaultAuthBackendStatus =>
  Object.fromEntries(Object.entries(status).filter(([field]) => !fields.some((name) => name === field)));

/** A mount with another accessor was created by someone else, whatever its path. */
const isRecordedAs = (input: ReconcileInput, mount: AuthMount): boolean =>
  isSameVaultCluster(input) && input.previous.mount?.owned === true && input.previous.mount.accessor === mount.accessor;

/** What the status records of the mount. */
export function mountStatus(
  { vault, backend }: ReconcileInput,
  { type, accessor }: AuthMount,
  owned: boolean,
): NonNullable<VaultAuthBackendStatus['mount']> {
  return { path: backend.spec.path, type, accessor, owned, clusterID: vault.clusterID };
}

const unusable = (
  condition: ReturnType<typeof mounted>,
  drift: readonly Difference[],
  why = 'There is no mount to configure.',
): StepResult<UsableMount> => stepResult({ conditions: [condition, configured('Unknown', 'Pending', why)], status: { drift } });

const missingMount = (input: ReconcileInput): StepResult<UsableMount> =>
  unusable(mounted('False', 'Missing', missingMessage(input)), [
    { field: 'mount', desired: input.backend.spec.type, actual: 'absent' },
  ]);

const overlappingMount = ({ backend: { spec } }: ReconcileInput): StepResult<UsableMount> =>
  unusable(
    mounted(
      'False',
      'PathInUse',
      `auth/${spec.path} overlaps with another mount: choose a path that is no prefix of another mount's path, and has none as its prefix.`,
    ),
    [{ field: 'mount', desired: spec.type, actual: 'absent' }],
  );

const wrongType = ({ backend: { spec } }: ReconcileInput, { path, type }: AuthMount): StepResult<UsableMount> =>
  unusable(
    mounted(
      'False',
      'TypeMismatch',
      `auth/${path} is of type ${type}, not ${spec.type}. Choose another path, or disable that mount if it is unused.`,
    ),
    [{ field: 'mount', desired: spec.type, actual: type }],
  );

const missingMessage = ({ backend, observeOnly }: ReconcileInput): string => {
  const { path, type, mount } = backend.spec;
  const missing = `There is no mount auth/${path}`;
  if (observeOnly)
    return `${missing}; ${mount.create ? 'the controller would create it' : 'the platform team must enable it'} (observe only).`;
  return mount.create
    ? `${missing}; it was disabled in Vault, and driftPolicy Report does not enable it again.`
    : `${missing}. Enable it (vault auth enable -path=${path} ${type}) or set mount.create.`;
};

/** A mount that was there and is gone is drift, which may be only reported; on a new server there was none. */
const isReportedDrift = (input: ReconcileInput): boolean =>
  input.backend.spec.driftPolicy === 'Report' &&
  isSameVaultCluster(input) &&
  input.previous.mount?.owned === true &&
  input.previous.mount.accessor !== undefined;

/**
 * Another VaultAuthBackend that has the same mount, as a sentence. The object that has the mount keeps it; before any has it,
 * the older object wins. With the `accessor` of the mount, a conflict through another endpoint to the same server shows too.
 */
export function findMountConflict(
  { context, backend }: Pick<ReconcileInput, 'context' | 'backend'>,
  accessor?: string,
): string | undefined {
  const endpoint = backend.spec.endpointRef.name;
  const other = context.listers.backends
    .list()
    .find(
      (candidate) =>
        candidate.metadata.uid !== backend.metadata.uid &&
        candidate.spec.path === backend.spec.path &&
        (ownsMount(candidate) === ownsMount(backend) ? takesPrecedence(candidate, backend) : ownsMount(candidate)) &&
        (isSameServer(context, endpoint, candidate.spec.endpointRef.name) ||
          (accessor !== undefined && candidate.status?.mount?.accessor === accessor)),
    );
  if (!other) return undefined;
  const { endpointRef, path } = other.spec;
  const through =
    endpointRef.name === endpoint
      ? ''
      : ` through VaultEndpoint ${endpointRef.name}, which points to the same cluster and namespace,`;
  return (
    `VaultAuthBackend ${other.metadata.name}${through} already manages auth/${path}: two objects would overwrite each other. ` +
    'Choose another path, or delete one of them.'
  );
}

const ownsMount = ({ status }: VaultAuthBackend): boolean => status?.mount?.owned === true;

/** Another backend has the mount: this one must forget that it ever did, so that it never writes to it or disables it. */
export function mountHeldByOther(conflict: string): StepResult<UsableMount> {
  return stepResult({
    conditions: [
      mounted('False', 'NotOwned', conflict),
      configured('Unknown', 'Pending', 'Another VaultAuthBackend has the mount.'),
    ],
    forget: ['mount', 'configHash', 'tuneHash'],
  });
}

/** The prefix of tuning fields in `status.drift`, which lists fields of the configuration too. */
export const TUNE_PREFIX = 'tune.';

/**
 * Where the tuning of a mount differs from the spec. Reads the mount itself, in which 0 is 0: the tune path shows the system's
 * default instead.
 */
export function tuneDifferences(desired: JsonObject, mount: AuthMount): readonly Difference[] {
  return differences(desired, tuneOf(mount), 'tune').map((difference) => ({
    ...difference,
    field: TUNE_PREFIX + difference.field,
  }));
}

/** What a write of the tuning came to. */
export interface WrittenTune {
  readonly document: DocumentResult;
  /** SHA-256 of the tuning that was last written, or found as declared; undefined: never. */
  readonly hash: string | undefined;
}

/** Reconciles the tuning of an owned mount. Throws VaultError. */
export async function ensureTune(input: ReconcileInput, desired: JsonObject, mount: AuthMount): Promise<WrittenTune> {
  const { context, backend, vault, previous, observeOnly } = input;
  const { path, adoption, driftPolicy } = backend.spec;
  // The mount has just been read; it is read again only after a write.
  let current: AuthMount | undefined = mount;
  const document: JsonObject = {};
  const hash = createHash('sha256').update(JSON.stringify(desired)).digest('hex');
  const tuning = await reconcileDocument<JsonObject>(
    {
      read: async () => {
        current ??= await findMount(input);
        return current && document;
      },
      differences: () => (current ? tuneDifferences(desired, current) : []),
      write: () => {
        current = undefined;
        return writeTune(vault.session, path, desired);
      },
      claim: async () => undefined,
    },
    {
      isOwned: () => true,
      // Not by generation: a run that fails before the write observes the new generation too.
      isWritten: previous.tuneHash === hash,
      ignored: previouslyIgnored(previous, 'Configured', (field) => field.startsWith(TUNE_PREFIX)),
      adoption,
      driftPolicy,
      observeOnly,
      fence: context.vault.fence,
    },
  );
  const { outcome } = tuning;
  const isWritten = outcome === 'InSync' || outcome === 'Repaired' || outcome === 'IgnoredParameters';
  return { document: tuning, hash: isWritten ? hash : previous.tuneHash };
}

const tuneOf = ({ raw, description }: AuthMount): JsonObject => ({
  ...(isObject(raw['config']) ? raw['config'] : {}),
  description,
});
