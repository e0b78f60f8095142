// A crash right before and right after each write to Vault: the same final state after the restart.
import { type JsonObject, objectAt, textOf } from '../../../src/json/json.ts';
import type { SeenRequest } from '../../bed/fault-proxy.ts';
import { accessorOf, backendSpec, conditionsOf, dataAt, type FaultStage, openFaultStage, policySpec } from './fault-stage.ts';
import { eventually } from '../../support/eventually.ts';

const PRODUCT = 'openbao';
let stage: FaultStage;
let outcome: 'passed' | 'failed' = 'failed';
beforeAll(async () => {
  stage = await openFaultStage({ products: [PRODUCT], flags: ['-resync-factor=0.1'] });
}, 600_000);
afterAll(() => stage?.stop(outcome));

/** More writes than a run has. */
const MOST_WRITES = 20;

/** A set of objects in the order of their dependencies; nothing is adopted. */
const declareSet = async (id: string): Promise<void> => {
  await stage.declare(
    'VaultAuthBackend',
    id,
    backendSpec(stage, PRODUCT, id, {
      adoption: 'Never',
      kubernetes: { host: stage.bed.url, reviewer: { mode: 'Rotated' } },
      probe: { enabled: true },
      rbac: { manageAuthDelegator: true },
      mount: { tune: { defaultLeaseTTL: '1h' } },
    }),
  );
  await stage.declare('VaultACLPolicy', id, { ...policySpec(PRODUCT, id), adoption: 'Never' });
  await stage.declare('VaultAuthRole', id, { backendRef: { name: id }, serviceAccounts: ['default'] });
};
const KINDS = ['VaultAuthBackend', 'VaultACLPolicy', 'VaultAuthRole'] as const;

/** The final state of Vault and of the API server, without names, accessors and times. */
const endOf = async (id: string): Promise<unknown> => {
  const { vault } = stage.server(PRODUCT);
  const accessor = (await accessorOf(vault, id)) ?? '';
  const roles = await vault.ask('LIST', `auth/${id}/role`);
  const uids: string[] = [];
  const conditions: (readonly string[])[] = [];
  for (const kind of KINDS) {
    const object = await stage.read(kind, id);
    uids.push(textOf(objectAt(object, 'metadata'), 'uid') ?? '');
    conditions.push(conditionsOf(object));
  }
  const { uuid: _, ...mount } = objectAt((await vault.ask('GET', 'sys/auth')).json, `${id}/`) ?? {};
  const end = {
    mount,
    config: await dataAt(vault, `auth/${id}/config`),
    roles: objectAt(roles.json, 'data')?.['keys'],
    role: await dataAt(vault, `auth/${id}/role/test.${stage.namespace}.${id}`),
    policy: (await dataAt(vault, `sys/policies/acl/${id}`))?.['policy'],
    conditions,
  };
  return JSON.parse(
    [accessor, ...uids].reduce((text, word) => text.replaceAll(word, '…'), JSON.stringify(end)).replaceAll(id, 'ID'),
  ) as JsonObject;
};
const untilReady = async (id: string): Promise<void> => {
  for (const kind of KINDS) await stage.until(kind, id, 'Ready=True');
  // Drift since the crash is reported for one resync interval.
  await eventually(
    `nothing of ${id} is news`,
    async () => (await Promise.all(KINDS.map(async (kind) => conditionsOf(await stage.read(kind, id))))).flat().every(isSettled),
    { seconds: 90 },
  );
};
const isSettled = (condition: string): boolean => !condition.includes('Repaired') && !condition.includes('NotProbed');

/** Whether a request writes to this set. */
const isWriteOf = (id: string, { method, path }: SeenRequest): boolean =>
  (method === 'POST' || method === 'PUT' || method === 'DELETE') && path.includes(id) && !path.endsWith('/login');

/** Declares a set and kills the controller at the n-th write. False: there were fewer writes. */
const runWith = async (id: string, nth: number, when: 'cutBefore' | 'cutAfter'): Promise<boolean> => {
  const { pid } = stage.controller().server;
  let count = 0;
  const heal = stage.server(PRODUCT).proxy.inject({
    fault: { kind: when },
    when: (request) => {
      if (!isWriteOf(id, request)) return false;
      count += 1;
      if (count === nth) process.kill(pid, 'SIGKILL');
      return count === nth;
    },
    times: 1,
  });
  await declareSet(id);
  const isKilled = (): boolean => !stage.controller().server.running();
  const ended = async (): Promise<boolean> => {
    const all = await Promise.all(KINDS.map(async (kind) => conditionsOf(await stage.read(kind, id))));
    return all.every((conditions) => conditions.some((condition) => condition.startsWith('Ready=True')));
  };
  await eventually(`${id} has come to an end`, async () => isKilled() || ended(), { seconds: 90 });
  heal();
  if (!isKilled()) return false;
  await stage.startAgain();
  return true;
};

it('reaches the same state wherever it is killed', async () => {
  await declareSet('plain');
  await untilReady('plain');
  const expected = await endOf('plain');
  let nth = 1;
  let killed = 0;
  for (let isMore = true; isMore && nth < MOST_WRITES; nth += 1) {
    isMore = false;
    for (const when of ['cutBefore', 'cutAfter'] as const) {
      const id = `${when.toLowerCase()}${nth}`;
      const wasKilled = await runWith(id, nth, when);
      await untilReady(id);
      expect([id, await endOf(id)]).toEqual([id, expected]);
      isMore ||= wasKilled;
      killed += wasKilled ? 1 : 0;
    }
  }
  // Mount, configuration, probe role, policy, role.
  expect(killed).toBeGreaterThanOrEqual(10);
  outcome = 'passed';
}, 900_000);
