// The command check on a healthy installation.
import { check, findings, openStage, type Stage } from './check-stage.ts';

let stage: Stage;
let failed = true;
beforeAll(async () => {
  stage = await openStage();
}, 600_000);
afterAll(() => stage?.stop(failed ? 'failed' : 'passed'));

it('finds nothing in a healthy installation', async () => {
  const { code, lines } = await check(stage.bed);
  const login = await check(stage.bed, ['login', 'shop/web']);
  expect({ code, findings: findings(lines) }).toEqual({ code: 0, findings: [] });
  expect(login.lines.map(({ check: name, status }) => `${status} ${name}`)).toEqual([
    'ok service-account',
    'ok login-role',
    'ok vault-server',
    'ok login-token',
    'ok login',
  ]);
  failed = false;
});
