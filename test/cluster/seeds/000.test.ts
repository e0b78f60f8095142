// Seed 000: Vault knows host, CA and a reviewer's token, and so can verify tokens of service accounts.
import { objectAt } from '../../../src/json/json.ts';
import { untilCondition } from '../../bed/controller.ts';
import { onEachProduct } from './stage.ts';

onEachProduct((stage) => {
  it('writes host, CA and reviewer to auth/kubernetes/config, and a login succeeds', async () => {
    const { apply, bed, vault } = stage();
    await apply('000.yaml');
    await untilCondition(bed, 'VaultAuthBackend', { name: 'kubernetes' }, 'Ready=True');
    const { status, json } = await vault.ask('GET', 'auth/kubernetes/config');
    expect(status).toBe(200);
    expect(objectAt(json, 'data')).toMatchObject({
      kubernetes_host: bed.url,
      kubernetes_ca_cert: expect.stringContaining('-----BEGIN CERTIFICATE-----') as string,
      token_reviewer_jwt_set: true,
      disable_local_ca_jwt: true,
      disable_iss_validation: true,
    });
    await untilCondition(bed, 'VaultAuthBackend', { name: 'kubernetes' }, 'ReviewerHealthy=ProbeSucceeded');
  });
});
