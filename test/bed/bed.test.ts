// A bed as tests use it: each tool of it once, on both Kubernetes versions, and nothing left afterwards.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type Bed, startBed } from './bed.ts';
import { KUBERNETES_VERSIONS } from './recipes.ts';
import { eventually } from '../support/eventually.ts';

interface Named {
  readonly metadata: { readonly name: string };
}

const processesOf = (directory: string): string => {
  const all = execFileSync('ps', ['-eo', 'stat=,args='], { encoding: 'utf8' }).split('\n');
  return all.filter((line) => line.includes(directory) && !/^[ZX]/.test(line)).join('\n');
};

describe.each(KUBERNETES_VERSIONS)('a bed of Kubernetes %s', (kubernetes) => {
  let bed: Bed;
  beforeAll(async () => {
    bed = await startBed({ kubernetes, parts: ['kube-apiserver', 'openbao'], apiServerFlags: ['--max-requests-inflight=321'] });
  }, 300_000);
  afterAll(() => bed.stop());

  it('answers requests and kubectl as administrator, in the wanted version', async () => {
    const version = await bed.request<{ gitVersion: string }>('GET', '/version');
    expect(version.gitVersion).toMatch(new RegExp(`^v${kubernetes}\\.`));
    expect(await bed.kubectl(['auth', 'whoami'])).toContain('bed-admin');
    expect(await bed.metrics()).toContain('apiserver_request_total');
  });

  it('has namespaces in which pods can be created without controllers', async () => {
    const team = await bed.createNamespace({ labels: { team: 'a' } });
    const pod = { metadata: { name: 'web' }, spec: { containers: [{ name: 'web', image: 'nginx' }] } };
    const created = await bed.request<Named>('POST', `/api/v1/namespaces/${team}/pods`, pod);
    expect(created.metadata.name).toBe('web');
  });

  it("returns the API server's own message for a rejected request", async () => {
    await expect(bed.request('GET', '/api/v1/namespaces/absent')).rejects.toMatchObject({ status: 404, reason: 'NotFound' });
    await expect(bed.kubectl(['get', 'namespace', 'absent'])).rejects.toThrow('namespaces "absent" not found');
  });

  it('keeps data and address over a restart of the API server', async () => {
    const team = await bed.createNamespace({ name: 'kept' });
    await bed.restart('kube-apiserver');
    const kept = await bed.request<Named>('GET', `/api/v1/namespaces/${team}`);
    expect(kept.metadata.name).toBe('kept');
  }, 300_000);

  it('runs OpenBao with its own root token', async () => {
    const headers = { 'X-Vault-Token': bed.openbao?.rootToken ?? '' };
    const answer = await fetch(`${bed.openbao?.address}/v1/auth/token/lookup-self`, { headers });
    expect(answer.status).toBe(200);
  });

  it('leaves no process and no file behind', async () => {
    await bed.stop();
    // Its watchdog has been sent away, and goes by itself.
    await eventually(() => expect(processesOf(bed.directory)).toBe(''));
    expect(existsSync(bed.directory)).toBe(false);
  });
});
