// A login of our own, again and again: the one proof that host, authority, reviewer, rights and audience work together.
import { requestToken } from '../../kube/tokens.ts';
import { KubeError } from '../../kube/errors.ts';
import type { JsonObject } from '../../json/json.ts';
import { defaultAudience } from '../../resources/backend.ts';
import { differences } from '../../resources/canonical.ts';
import { API_VERSION } from '../../resources/kinds.ts';
import { roleDocument } from '../../resources/role-document.ts';
import type { VaultAuthRole } from '../../resources/role.ts';
import { isVaultError, VaultError } from '../../vault/errors.ts';
import { tryLogin } from '../../vault/login.ts';
import { readRole, writeRole } from '../../vault/roles.ts';
import { keyOf } from './token-record.ts';
import type { Work } from './work.ts';

export interface ProbeOutcome {
  /** Denied: Vault answered and said no. Failed: there was no answer, or it was about something else than the login. */
  readonly result: 'Succeeded' | 'Denied' | 'Failed';
  readonly message: string;
  /** The ID of the key that the API server signs with now, where its tokens name one. */
  readonly signedBy?: string | undefined;
}

/** The name of the hidden role. Those of real roles have a namespace in them, so that none can meet it. */
export function probeRoleName({ backend }: Pick<Work, 'backend'>): string {
  return `${backend.spec.clusterName}.probe`;
}

/** The server was in trouble when the role of the login was looked at: of logins nothing is known, of the rest what was found. */
export class ProbeUntried extends Error {
  override readonly cause: VaultError;
  constructor(cause: VaultError) {
    super(cause.message);
    this.cause = cause;
  }
}

/** Keeps the role and logs in. Throws ProbeUntried, and a KubeError when a token cannot be made. */
export async function probe(work: Work): Promise<ProbeOutcome> {
  const { context, backend, vault, signal } = work;
  const { path, probe: settings } = backend.spec;
  try {
    await keepRole(work);
  } catch (error) {
    // A refusal is about this role alone: mount and configuration are as they were found.
    if (!isVaultError(error, 'PermissionDenied', 'BadRequest'))
      throw error instanceof VaultError ? new ProbeUntried(error) : error;
    return { result: 'Failed', message: `the role for it cannot be kept: ${error.message}`.slice(0, LONGEST) };
  }
  const audience = defaultAudience(backend);
  try {
    const { token } = await requestToken(context.kube.client, context.kube.namespace, context.kube.serviceAccount, {
      audiences: audience === '' ? [] : [audience],
      expirationSeconds: TOKEN_SECONDS,
      signal,
    });
    const login = await tryLogin(vault.client, path, probeRoleName(work), token, settings.timeoutSeconds * 1000, signal);
    const signedBy = keyOf(token);
    return login.outcome === 'succeeded'
      ? { signedBy, result: 'Succeeded', message: `Logged in as ${context.kube.namespace}/${context.kube.serviceAccount}.` }
      : { signedBy, result: isNo(login.error) ? 'Denied' : 'Failed', message: saying(login.error) };
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    return { result: 'Failed', message: `No token for the login: ${error.message}` };
  }
}

/** The shortest that there is. */
const TOKEN_SECONDS = 600;
/** The token of the login is forgotten at once; nothing needs it to live. */
const LOGIN_SECONDS = 10;

/** What Vault must hold as the hidden role: nobody but us, and nothing but a login. */
const probeRole = (work: Pick<Work, 'context' | 'backend' | 'vault'>): JsonObject => {
  const { context, backend, vault } = work;
  const role: VaultAuthRole = {
    apiVersion: API_VERSION,
    kind: 'VaultAuthRole',
    metadata: { name: 'probe', namespace: context.kube.namespace, uid: '', generation: 0, resourceVersion: '' },
    spec: { serviceAccounts: [context.kube.serviceAccount], policies: [], managementPolicy: 'Manage', deletionPolicy: 'Delete' },
  };
  return {
    ...roleDocument({ backend, role, product: vault.product, effectivePolicies: [] }),
    token_type: 'batch',
    token_ttl: LOGIN_SECONDS,
    token_max_ttl: LOGIN_SECONDS,
    token_explicit_max_ttl: 0,
    token_period: 0,
    token_num_uses: 0,
    token_bound_cidrs: [],
    token_no_default_policy: true,
    ...(vault.product === 'OpenBao' ? { token_strictly_bind_ip: false } : {}),
  };
};

const keepRole = async (work: Work): Promise<void> => {
  const { context, backend, vault, signal } = work;
  const { path, type } = backend.spec;
  const want = probeRole(work);
  const got = await readRole(vault.session, path, probeRoleName(work), signal);
  if (got && differences(want, got, type === 'kubernetes' ? 'kubernetesRole' : 'jwtRole').length === 0) return;
  context.vault.fence();
  await writeRole(vault.session, path, probeRoleName(work), want);
};

/** 400 and 403 are answers to the login; a 500 can be one too, but what is broken then is not the login. */
const isNo = ({ kind }: VaultError): boolean => kind === 'PermissionDenied' || kind === 'BadRequest';

const saying = ({ errors, message }: VaultError): string => (errors.length > 0 ? errors.join('; ') : message).slice(0, LONGEST);

const LONGEST = 500;
