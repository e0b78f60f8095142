// Shared by the tests of backends: roles for logins, writes that a proxy recorded, waiting for conditions.
import type { JsonObject } from '../../../src/json/json.ts';
import type { VaultAuthBackendStatus } from '../../../src/resources/backend.ts';
import type { Condition } from '../../../src/resources/condition.ts';
import type { FaultProxy } from '../../bed/fault-proxy.ts';
import { eventually } from '../../support/eventually.ts';

/** The namespace whose service accounts log in. */
export const TEAM = 'team-a';

/** A role of the kubernetes method for a service account of the team. */
export function roleOf(account: string, audience = ''): JsonObject {
  return {
    bound_service_account_names: [account],
    bound_service_account_namespaces: [TEAM],
    audience,
    token_policies: ['default'],
    token_ttl: 60,
  };
}

/** A role of the jwt method for the same service account. */
export function jwtRoleOf(account: string, audience: string): JsonObject {
  return {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: [audience],
    bound_claims: { sub: `system:serviceaccount:${TEAM}:${account}` },
    token_policies: ['default'],
    token_ttl: 60,
  };
}

/** Requests of the controller that write; a probe login is none. */
export function writes({ proxy }: { readonly proxy: FaultProxy }): readonly string[] {
  return proxy.seen
    .filter(({ method, path }) => !['GET', 'LIST'].includes(method) && !/\/login$|capabilities/.test(path))
    .filter(({ path }) => !path.includes('list=true'))
    .map(({ method, path }) => `${method} ${path}`);
}

/**
 * Does something and waits until it is reported. Repeats both, because a repair is reported for one resync interval only and can be
 * missed.
 */
export async function untilReported(act: () => Promise<unknown>, isSo: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await act();
    try {
      await eventually(isSo, { seconds: 20 });
      return;
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
}

export interface Read {
  readonly metadata: { readonly generation: number };
  readonly status?: VaultAuthBackendStatus;
}

/** Waits for a condition such as "Ready=True" or "Configured=Repaired" of the present generation. @throws with the whole status. */
export async function untilCondition(
  read: () => Promise<Read>,
  name: string,
  expected: string,
  seconds: number,
): Promise<VaultAuthBackendStatus> {
  const [type = '', wanted = ''] = expected.split('=');
  let status: VaultAuthBackendStatus = {};
  await eventually(
    `${name} has ${expected}`,
    async () => {
      const object = await read();
      status = object.status ?? {};
      const isSo = ({ type: is, status: state, reason, observedGeneration }: Condition): boolean =>
        is === type && (state === wanted || reason === wanted) && observedGeneration === object.metadata.generation;
      return status.conditions?.some(isSo) === true;
    },
    { seconds, everyMs: 100, state: () => JSON.stringify(status, undefined, 1) },
  );
  return status;
}
