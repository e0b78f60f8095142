// Quirks of vault-k8s that profile compat keeps, because a swap of the image must not change a pod.
import { admit, configOf, containerOf, mountsOf, podWith } from '../support/pods.ts';

describe('kept, because a swap of the image must not change a pod', () => {
  test('Q14 init containers get the secrets whatever app containers are named', () => {
    const { pod } = admit(
      podWith({ annotations: { 'agent-inject-containers': 'web' }, spec: { initContainers: [{ name: 'migrate' }] } }),
    );
    expect(mountsOf(containerOf(pod, 'migrate'))).toEqual(['vault-secrets:/vault/secrets']);
  });

  test('Q21 the agent decodes its configuration in a shell', () => {
    expect(containerOf(admit(podWith()).pod, 'vault-agent')['command']).toEqual(['/bin/sh', '-ec']);
  });

  test('Q22 the default template prints the maps of KV version 2', () => {
    const { pod } = admit(podWith({ annotations: { 'agent-inject-secret-a': 'kv/a' } }));
    expect(configOf(pod, 'vault-agent').template?.[0]?.contents).toContain('range $k, $v := .Data }}');
  });

  test('Q26 the secrets are mounted writable', () => {
    expect(mountsOf(containerOf(admit(podWith()).pod, 'web'))).toContain('vault-secrets:/vault/secrets');
  });

  test('Q27 no pull policy, probes, ports or seccomp profile are set', () => {
    expect(Object.keys(containerOf(admit(podWith()).pod, 'vault-agent')).sort()).toEqual([
      'args',
      'command',
      'env',
      'image',
      'lifecycle',
      'name',
      'resources',
      'securityContext',
      'volumeMounts',
    ]);
  });

  test('Q37 a long file name has an annotation of its own', () => {
    const file = 'n'.repeat(200);
    const { pod } = admit(podWith({ annotations: { 'agent-inject-secret-a': 'kv/a', 'agent-inject-file-a': file } }));
    expect(configOf(pod, 'vault-agent').template?.[0]?.destination).toBe(`/vault/secrets/${file}`);
  });

  test('Q23 and Q38 the cache listens, and quit is in the init agent too', () => {
    const { pod } = admit(podWith({ annotations: { 'agent-cache-enable': 'true', 'agent-enable-quit': 'true' } }));
    expect(configOf(pod, 'vault-agent-init')).toMatchObject({
      listener: [{ address: '127.0.0.1:8200', agent_api: { enable_quit: true } }],
    });
  });
});
