// What names of agent images reveal, and which startup probe follows.
import { imageTools } from '../../../src/pod/agent-image.ts';
import { promisedFiles } from '../../../src/pod/native/gate.ts';

const IMAGES: Readonly<Record<string, ReturnType<typeof imageTools>>> = {
  'hashicorp/vault:2.2.2': 'shell',
  vault: 'shell',
  'registry.example:5000/mirror/hashicorp/vault@sha256:0123': 'shell',
  'registry.example:5000/vault': 'shell',
  'hashicorp/vault-enterprise:1.21.1-ent': 'shell',
  'openbao/openbao:2.6.4': 'shell',
  'registry.example/openbao/openbao-ubi:2.6.4': 'shell',
  'openbao/openbao-distroless:2.6.4': 'bare',
  'registry.example/openbao-distroless@sha256:0123': 'bare',
  'registry.example/vault:1.21.1-distroless': 'bare',
  'registry.example/distroless/vault:1.21.1': 'bare',
  'registry.example/vault-scratch': 'bare',
  // These images have busybox.
  'registry.example/vault:2.0.0-distroless-debug': 'unknown',
  'cgr.dev/chainguard/vault:latest': 'unknown',
  'dhi.io/vault:1.21': 'unknown',
  'registry.example/vault:1.21.1-static': 'unknown',
  'registry.example/platform/agent:1': 'unknown',
  'registry.example/vault-agent:1': 'unknown',
  '': 'unknown',
};

test.each(Object.entries(IMAGES))('the image "%s" is %s', (image, tools) => expect(imageTools(image)).toBe(tools));

const file = (path: string): { readonly type: string; readonly config: { readonly path: string } } => ({
  type: 'file',
  config: { path },
});

test('the app waits for files of templates and sinks in every form that the agent reads', () => {
  const template = [{ destination: '/vault/secrets/a' }, { destination: '/vault/secrets/b' }, { contents: 'no destination' }];
  const own = file('/run/vault-agent/.vault-token');
  expect(promisedFiles({ template, auto_auth: { sink: [own, file('/vault/secrets/token')] } })).toEqual([
    '/vault/secrets/a',
    '/vault/secrets/b',
    '/vault/secrets/token',
  ]);
  expect(promisedFiles({ template: template[0] ?? {}, auto_auth: { sink: file('/s/1') } })).toEqual(['/vault/secrets/a', '/s/1']);
  const sinks = [{ sink: file('/s/1') }, { sink: [file('/s/2'), file('/s/1')] }];
  expect(promisedFiles({ auto_auth: { sinks } })).toEqual(['/s/1', '/s/2']);
  // Sinks of other types have no file.
  expect(promisedFiles({ auto_auth: { sink: [{ type: 'other' }] } })).toEqual([]);
});

test('without files for the app, it waits for the login', () => {
  const path = '/run/vault-agent/.vault-token';
  expect(promisedFiles({ auto_auth: { sink: [file(path)] } })).toEqual([path]);
  expect(promisedFiles({})).toEqual([]);
});
