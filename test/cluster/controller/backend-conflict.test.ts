// Two endpoints to one server: only one backend writes the mount.
import type { JsonObject } from '../../../src/json/json.ts';
import { objectPath } from '../../../src/resources/kinds.ts';
import { writes } from './backend-support.ts';
import { eventually } from '../../support/eventually.ts';
import { type Stage, useStage } from './backend-stage.ts';

let stage: Stage;
const check = useStage({ parts: ['openbao', 'kube-controller-manager'] }, (opened) => {
  stage = opened;
});

const shared = (host: string): JsonObject => ({
  type: 'kubernetes',
  path: 'shared',
  kubernetes: { host, reviewer: { mode: 'ClientJWT' } },
  probe: { enabled: false },
});

check('leaves the mount to the backend that has it, and gives it to the other one after its deletion', async () => {
  const { address = '', rootToken = '' } = stage.bed.openbao ?? {};
  await stage.addServer('by-another-way', address, rootToken);
  await stage.declare('openbao', 'first', shared(stage.bed.url));
  await stage.until('first', 'Ready=True');
  // With another host, each of them would correct what the other wrote.
  await stage.declare('by-another-way', 'second', shared('https://elsewhere.test:6443'));
  const { conditions, mount } = await stage.until('second', 'Mounted=NotOwned');
  const ready = conditions?.find(({ type }) => type === 'Ready');
  expect(ready).toMatchObject({ status: 'False', reason: 'NotOwned' });
  expect(ready?.message).toContain('VaultAuthBackend first through VaultEndpoint openbao');
  expect(mount).toBeUndefined();
  expect(writes(stage.server('by-another-way')).filter((line) => line.includes('shared'))).toEqual([]);
  await stage.until('first', 'Configured=InSync');

  await stage.bed.request('DELETE', objectPath('VaultAuthBackend', { name: 'first' }));
  await stage.change('second', { adoption: 'Always' });
  await stage.until('second', 'Ready=True');
  await eventually(async () => {
    const { data } = await stage.server('openbao').root.request({ method: 'GET', path: 'auth/shared/config' });
    expect(data?.['kubernetes_host']).toBe('https://elsewhere.test:6443');
  });
});
