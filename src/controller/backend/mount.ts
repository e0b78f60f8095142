// The mount itself: found, or made where it may be.
import type { BackendConditionUpdate } from '../../resources/backend.ts';
import type { Difference } from '../../resources/common-fields.ts';
import { isVaultError } from '../../vault/errors.ts';
import { type AuthMount, enableMount, readMounts } from '../../vault/mounts.ts';
import type { JsonObject } from '../../json/json.ts';
import { isRecordedHere, type Work } from './work.ts';

export type MountFinding = Extract<BackendConditionUpdate, { readonly type: 'Mounted' }>;

export interface MountState {
  readonly finding: MountFinding;
  /** Undefined: there is no mount to go on with. */
  readonly mount: AuthMount | undefined;
  /** It was made in this very pass. */
  readonly made: boolean;
  readonly drift: readonly Difference[];
  readonly warnings: readonly string[];
}

/** Finds the mount at the path, and makes it (with this tuning) where it is missing and may be made. Throws VaultError. */
export async function keepMount(work: Work, tune: JsonObject): Promise<MountState> {
  const { context, backend, vault, observe, signal } = work;
  const { path, type, mount } = backend.spec;
  const found = await find(work);
  if (found) return judged(found, type);
  const missing: MountState = {
    finding: mounted('False', 'Missing', absence(work)),
    mount: undefined,
    made: false,
    drift: [{ field: 'mount', want: type, got: 'absent' }],
    warnings: [],
  };
  if (observe || !mount.create || isReported(work)) return missing;
  context.vault.fence();
  const { description, ...config } = tune;
  const warnings = await enableMount(vault.session, path, {
    type,
    ...(typeof description === 'string' ? { description } : {}),
    ...(Object.keys(config).length === 0 ? {} : { config }),
  }).catch((error: unknown) => {
    if (isVaultError(error, 'BadRequest') && error.errors.some((text) => text.includes('path is already in use')))
      return undefined;
    throw error;
  });
  if (warnings === undefined) {
    // Somebody was faster, or the path is a prefix of another mount's, or the other way round.
    const other = await find(work);
    return other
      ? judged(other, type)
      : {
          ...missing,
          finding: mounted(
            'False',
            'PathInUse',
            `auth/${path} overlaps with another mount; choose a path that neither begins nor continues another one.`,
          ),
        };
  }
  const made = await find({ ...work, signal });
  if (!made) return { ...missing, warnings };
  context.report.emitEvent(backend, 'Normal', 'MountCreated', `Made the mount auth/${path} of type ${type}.`);
  return { ...judged(made, type), made: true, warnings };
}

const find = async ({ vault, backend, signal }: Work): Promise<AuthMount | undefined> =>
  (await readMounts(vault.session, signal)).find(({ path }) => path === backend.spec.path);

const judged = (mount: AuthMount, type: string): MountState => {
  // Both products list the type jwt under its other name when it was mounted by it.
  const isRight = mount.type === type || (type === 'jwt' && mount.type === 'oidc');
  const common = { made: false, warnings: [] };
  return isRight
    ? {
        ...common,
        finding: mounted('True', 'Mounted', `auth/${mount.path} is mounted, accessor ${mount.accessor}.`),
        mount,
        drift: [],
      }
    : {
        ...common,
        finding: mounted(
          'False',
          'TypeMismatch',
          `auth/${mount.path} is of type ${mount.type}, not ${type}. Choose another path, or disable that mount if nobody uses it.`,
        ),
        mount: undefined,
        drift: [{ field: 'mount', want: type, got: mount.type }],
      };
};

/** A mount that was there and is gone is drift, which may be only reported; in a new server nothing was there. */
const isReported = (work: Work): boolean =>
  work.backend.spec.driftPolicy === 'Report' &&
  isRecordedHere(work) &&
  work.before.mount?.owned === true &&
  work.before.mount.accessor !== undefined;

const absence = ({ backend, observe }: Work): string => {
  const { path, type, mount } = backend.spec;
  const missing = `There is no mount auth/${path}`;
  if (observe) return `${missing}; it would ${mount.create ? 'be made' : 'have to be made by somebody else'} (only observing).`;
  return mount.create
    ? `${missing}, and driftPolicy Report leaves it so.`
    : `${missing}. Enable it (vault auth enable -path=${path} ${type}) or set mount.create.`;
};

/** The condition Mounted. */
export function mounted(status: MountFinding['status'], reason: MountFinding['reason'], message: string): MountFinding {
  return {
    type: 'Mounted',
    status,
    reason,
    message,
  };
}
